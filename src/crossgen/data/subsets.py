"""From manifests to the rows one detector learns from: filters, then the same number of images of each label."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from crossgen.config import Filter, Subset, Validation
from crossgen.data.splits import order

#: Raised when other rows are chosen. Not a digest of the code: what depends on a selection is dear.
VERSION = 1

LABELS = {"real": 0, "fake": 1}

#: A train set below this cannot be learnt from: batches hold both labels, and val must exist to choose an epoch.
FEWEST = {"train": 2, "val": 1}


def select(manifest: pd.DataFrame, subset: Subset, train_set: str) -> pd.DataFrame:
    """The subset's rows of a train set's manifests: splits train and val, usable images, both labels.

    `manifest` holds the rows of all its pools. Raises ValueError, with counts and remedy, where too few are left.
    """
    rows = manifest[manifest["split"].isin(["train", "val"]) & manifest["quarantine"].isna()]
    _refuse_both_labels(rows, train_set)
    named = rows["pool"].eq(subset.validation.pool) if subset.validation else pd.Series(False, index=rows.index)
    lent, rows = rows[named], _without_leaks(rows[~named])
    sizes = fake_sizes(rows)
    kept = pd.concat([_kept(rows, subset.real, "real", sizes), _kept(rows, subset.fake, "fake", sizes)])
    if subset.validation is not None:
        kept = _with_named_val(kept, lent, subset.validation, train_set)
    wanted = {"train": subset.images_per_class, "val": subset.val_per_class}
    parts = [
        _sample(kept[(kept["split"] == split) & (kept["label"] == label)], n, subset, f"{split} {name}s", train_set)
        for split, n in wanted.items()
        for name, label in LABELS.items()
    ]
    return pd.concat(parts).sort_values("image_id").reset_index(drop=True)


def fake_sizes(rows: pd.DataFrame) -> list[float]:
    """S of each fake pool, in pixels: the median side of its training images."""
    fakes = rows[(rows["label"] == LABELS["fake"]) & (rows["split"] == "train")]
    sides = fakes[["width", "height"]].min(axis=1)
    return sorted(float(size) for size in set(sides.groupby(fakes["pool"]).median()))


def _refuse_both_labels(rows: pd.DataFrame, train_set: str) -> None:
    """The same file as a real and as a fake: pools that overlap, or a table that says so."""
    labels = rows.groupby("blake3")["label"].transform("nunique")
    both = rows[labels > 1].sort_values(["blake3", "image_id"])
    if len(both):
        first = both["image_id"].head(2).tolist()
        raise ValueError(
            f"Train set {train_set!r} holds {both['blake3'].nunique()} images both as real and as fake (first: "
            f"{first[0]} and {first[1]} are the same file): its pools overlap; correct their sources."
        )


def _without_leaks(rows: pd.DataFrame) -> pd.DataFrame:
    """A group that is val in one pool of the train set leaves train in the others."""
    val = set(rows.loc[rows["split"] == "val", "group"])
    kept: pd.DataFrame = rows[(rows["split"] == "val") | ~rows["group"].isin(val)]
    return kept


def _with_named_val(kept: pd.DataFrame, lent: pd.DataFrame, wanted: Validation, train_set: str) -> pd.DataFrame:
    """`n` images of the named pool as the val images of its label; refuses images that are also trained on."""
    if len(lent) < wanted.n:
        raise ValueError(
            f"Validation pool {wanted.pool!r} has {len(lent)} usable images that are no test images, but n asks for "
            f"{wanted.n}: lower validation.n."
        )
    ranked = lent.assign(_order=[order(wanted.seed, image_id) for image_id in lent["image_id"]])
    chosen = ranked.sort_values("_order").head(wanted.n).drop(columns="_order").assign(split="val")
    own = kept[~((kept["split"] == "val") & (kept["label"] == chosen["label"].iloc[0]))]
    train = own[own["split"] == "train"]
    shared = chosen[chosen["blake3"].isin(train["blake3"]) | chosen["group"].isin(train["group"])]
    if len(shared):
        raise ValueError(
            f"Validation pool {wanted.pool!r} shares {len(shared)} images or groups with the training images of "
            f"{train_set!r} (first: {shared['image_id'].iloc[0]}): name another pool."
        )
    both: pd.DataFrame = pd.concat([own, chosen])
    return both


def _kept(rows: pd.DataFrame, wanted: Filter, label: str, sizes: Sequence[float]) -> pd.DataFrame:
    rows = rows[rows["label"] == LABELS[label]]
    keep = pd.Series(True, index=rows.index)
    for column, values in (("format", wanted.formats), ("chroma_subsampling", wanted.chroma_subsampling)):
        if values is not None:
            keep &= rows[column].isin(list(values))
    if wanted.jpeg_quality is not None:
        keep &= rows["jpeg_quality"].between(*wanted.jpeg_quality)
    if wanted.sides is not None:
        keep &= _within(rows, *wanted.sides)
    if wanted.relative_sides is not None:
        low, high = wanted.relative_sides
        keep &= np.logical_or.reduce([_within(rows, low * size, high * size) for size in sizes])
    return rows[keep]


def _within(rows: pd.DataFrame, low: float, high: float) -> pd.Series:
    return rows["width"].between(low, high) & rows["height"].between(low, high)


def _sample(rows: pd.DataFrame, n: int | None, subset: Subset, what: str, train_set: str) -> pd.DataFrame:
    """`n` rows, spread evenly over pools; a smaller sample of the same seed is part of a larger one."""
    fewest = FEWEST[what.split()[0]]
    if len(rows) < (n or fewest):
        key = "images_per_class" if what.startswith("train") else "val_per_class"
        asked = f"{key} asks for {n}" if n else f"at least {fewest} are needed"
        raise ValueError(
            f"Subset {subset.name!r} leaves {len(rows)} {what} for train set {train_set!r}, but {asked}: "
            f"widen its filters, lower {key}, or add images."
        )
    if n is None:
        return rows
    ranked = rows.assign(_order=[order(subset.seed, image_id) for image_id in rows["image_id"]]).sort_values("_order")
    turn = ranked.groupby("pool").cumcount()
    return ranked.assign(_turn=turn).sort_values(["_turn", "_order"]).head(n).drop(columns=["_order", "_turn"])
