"""Images that may not be learnt from as they stand: in a test split too, real and fake at once, in two pools."""

from collections.abc import Collection
from itertools import combinations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from crossgen.data.filters import Mask


def tested(manifest: pd.DataFrame) -> "pd.Series[str]":
    """Digests of the usable test images."""
    shown = manifest["split"].eq("test") & manifest["quarantine"].isna()
    return manifest.loc[shown, "blake3"].dropna().drop_duplicates()


def refuse_both_labels(rows: pd.DataFrame, among: Mask, train_set: str) -> None:
    """The same file as a real and as a fake: pools that overlap, or a table that says so. Raises ValueError."""
    known = rows.loc[among & rows["blake3"].notna(), ["image_id", "label", "blake3"]]
    fakes, reals = known[known["label"] == 1], known[known["label"] == 0]
    twice = reals.loc[is_one_of(reals["blake3"], fakes["blake3"]), "blake3"]
    if len(twice):
        both = known[known["blake3"].isin(twice)].sort_values(["blake3", "image_id"])
        first = both["image_id"].head(2).tolist()
        raise ValueError(
            f"Train set {train_set!r} holds {both['blake3'].nunique()} images both as real and as fake (first: "
            f"{first[0]} and {first[1]} are the same file): its pools overlap; correct their sources."
        )


def outside_val(rows: pd.DataFrame, among: Mask) -> Mask:
    """All but the training rows whose group is val in one of the rows of `among`."""
    val = rows["split"].eq("val").to_numpy()
    return np.asarray(val | ~is_one_of(rows["group"], rows.loc[val & among, "group"]))


def is_one_of(column: "pd.Series[str]", values: "pd.Series[str]") -> Mask:
    """Where a column of texts holds one of `values`; an empty cell never does. By Arrow: `isin` makes every text a
    Python object, which are many."""
    known = pa.array(values.dropna(), pa.string())
    return np.asarray(pc.is_in(pa.array(column, pa.string(), from_pandas=True), value_set=known))


def once(rows: pd.DataFrame, among: Mask, shared: Collection[tuple[str, str]]) -> Mask:
    """All but the repetitions of reals that pools declare to share; val keeps an image before train does.

    Raises ValueError for a real of two pools that do not declare it.
    """
    columns = ["image_id", "pool", "split", "blake3"]
    reals = rows.loc[among & rows["label"].eq(0) & rows["blake3"].notna(), columns]
    keep = np.ones(len(rows), bool)
    if reals["pool"].nunique() < 2:
        return keep
    counts = pc.value_counts(pa.array(reals["blake3"], pa.string()))
    repeated = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    twice = reals[is_one_of(reals["blake3"], pd.Series(repeated.to_pylist(), dtype=object))]
    twice = twice[twice.groupby("blake3")["pool"].transform("nunique") > 1]
    _refuse_undeclared(twice, {frozenset(pair) for pair in shared})
    ranked = twice.sort_values(["split", "image_id"], ascending=[False, True])  # val before train
    keep[ranked.index[ranked["blake3"].duplicated().to_numpy()]] = False
    return keep


def _refuse_undeclared(twice: pd.DataFrame, declared: Collection[frozenset[str]]) -> None:
    once_a_pool = twice.sort_values(["blake3", "pool", "image_id"]).drop_duplicates(["blake3", "pool"])
    held_by = once_a_pool.groupby("blake3")["pool"].agg("/".join)
    pairs = {pair for pools in held_by.unique() for pair in combinations(pools.split("/"), 2)}
    undeclared = sorted(pair for pair in pairs if frozenset(pair) not in declared)
    if undeclared:
        first, second = undeclared[0]
        both = once_a_pool[once_a_pool["pool"].isin((first, second))]
        both = both[both["blake3"].duplicated(keep=False)]
        raise ValueError(
            f"Pools {first!r} and {second!r} hold {len(both) // 2:,} of the same reals (first: "
            f"{' and '.join(both['image_id'].head(2))} are the same file): an image would be learnt from twice. "
            f"Correct their sources, or declare `shares_with: [{second}]` of pool {first!r}; then one of each is kept."
        )
