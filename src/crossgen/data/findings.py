"""Everything that `crossgen audit` measures, as plain values that JSON holds: numbers, texts, None; never NaN."""

from collections import Counter
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from crossgen.data import duplicates, near, sample
from crossgen.data.attributes import ATTRIBUTES
from crossgen.data.audit import MODELS, Images, Probe
from crossgen.data.distributions import distribution
from crossgen.data.given import grouped
from crossgen.data.hints import hints
from crossgen.intervals import Estimate

Json = dict[str, Any]

#: Raised when a key of the JSON output changes its meaning or goes away; new keys may come at any time.
AUDIT_VERSION = 1
#: Groups (photographs) that each label must have for a number to be given.
FEWEST = 10
#: Of the larger label at most so many times the rows of the smaller are learned from.
UNBALANCED = 10
#: Probe to the groups of attributes that it sees. The verdict is on `header_and_geometry`: all that a file says before
#: its picture is decoded; the bytes a pixel takes depend on the picture, so they are told apart.
PROBES = {
    "header": ("header",),
    "header_and_geometry": ("header", "geometry"),
    "with_content": ("header", "geometry", "content"),
}
VERDICT = "header_and_geometry"
NAMED = 20


@dataclass(frozen=True)
class Asked:
    """What is to be measured: `near` (None: no near duplicates, else bits that may differ), `hints` (images of each
    label whose pixels are looked at), `level` of the intervals."""

    near: int | None = None
    hints: int = 0
    level: float = 0.95


def findings(table: pa.Table, asked: Asked) -> Json:
    """What the rows of manifests tell. With the column `at` (see `given`) pixels can be looked at, too.

    Raises ValueError for near duplicates or hints of a table without `at`.
    """
    every = table.to_pandas()
    if "at" not in every.columns and (asked.near is not None or asked.hints):
        raise ValueError("Near duplicates and traces of JPEG are read from pixels: give folders, not manifests.")
    usable = grouped(every[every["quarantine"].isna()].reset_index(drop=True))
    return {
        "audit_version": AUDIT_VERSION,
        "level": asked.level,
        "pools": _pools(every),
        "balance": balance(usable),
        "unusable": _unusable(every),
        **_measured(usable, asked.level),
        "duplicates": duplicates.of_frame(usable),
        "without_digest": int(usable["blake3"].isna().sum()),
        "near": _near(usable, asked.near),
        "hints": hints(usable, _paths(usable), asked.hints) if asked.hints else None,
    }


def _pools(every: pd.DataFrame) -> list[Json]:
    return [
        {
            "pool": str(name),
            "label": int(rows["label"].iloc[0]),
            "images": len(rows),
            "usable": int(rows["quarantine"].isna().sum()),
        }
        for name, rows in every.groupby("pool", sort=False)
    ]


def balance(usable: pd.DataFrame) -> Json:
    """Images by label, by split and label, and of how many classes where classes are known."""
    counts = usable["label"].value_counts()
    told: Json = {"real": int(counts.get(0, 0)), "fake": int(counts.get(1, 0))}
    by_split = usable.groupby(["split", "label"]).size()
    told["splits"] = {
        str(split): {name: int(by_split.get((split, label), 0)) for label, name in enumerate(("real", "fake"))}
        for split in sorted(usable["split"].unique())
    }
    return told | {"classes": _classes(usable)}


def _classes(usable: pd.DataFrame) -> Json | None:
    """Numbers of classes and how far their shares differ: half the sum of absolute differences, 0 alike, 1 disjoint."""
    column = next((name for name in ("class_index", "class_name") if usable[name].notna().any()), None)
    if column is None:
        return None
    shares = {label: rows[column].value_counts(normalize=True) for label, rows in usable.groupby("label")}
    told: Json = {"real": len(shares.get(0, ())), "fake": len(shares.get(1, ()))}
    both = pd.DataFrame(shares).fillna(0)
    is_known = told["real"] and told["fake"]
    return told | {"distance": float((both[0] - both[1]).abs().sum() / 2) if is_known else None}


def _unusable(every: pd.DataFrame) -> Json:
    lost = every[every["quarantine"].notna()]
    first = lost.sort_values("image_id").head(NAMED)
    return {
        "images": len(lost),
        "reasons": dict(Counter(lost["quarantine"]).most_common()),
        "first": [{"image_id": row.image_id, "reason": row.quarantine} for row in first.itertuples()],
    }


def _measured(usable: pd.DataFrame, level: float) -> Json:
    """Attributes and probes, on a sample where there are very many images or one label has far more."""
    counts = [int((usable["label"] == label).sum()) for label in (0, 1)]
    groups = [usable.loc[usable["label"] == label, "group"].nunique() for label in (0, 1)]
    reason = _why_not(counts, groups)
    held = [name for name, each in ATTRIBUTES.items() if set(each.needs) <= set(usable.columns)]
    images, left_out = None, None
    if reason is None:
        limit = min(sample.LIMIT, UNBALANCED * min(counts))
        left_out = sample.said({0: counts[0], 1: counts[1]}, limit)
        columns = [
            "image_id",
            "label",
            "group",
            "stratum",
            *dict.fromkeys(n for name in held for n in ATTRIBUTES[name].needs),
        ]
        images = Images.of(
            sample.at_most(pa.Table.from_pandas(usable[columns], preserve_index=False), limit).to_pandas()
        )
        reason = images.reason
    return {
        "sampled": left_out,
        "undefined": reason,
        "attributes": [_attribute(name, usable, images, level, reason) for name in held],
        "probes": [_probe(group, model, images, level, reason) for group in PROBES for model in MODELS],
    }


def _why_not(counts: list[int], groups: list[int]) -> str | None:
    """Why nothing can be measured, or None."""
    names = ("reals", "fakes")
    absent = [name for name, count in zip(names, counts, strict=True) if not count]
    if absent:
        return f"one class only: no usable {' and no usable '.join(absent)}"
    few = [f"{count} {'image' if count == 1 else 'different images'} among the {name}"
           for name, count in zip(names, groups, strict=True) if count < FEWEST]  # fmt: skip
    return f"too few: {' and '.join(few)}; at least {FEWEST} of each label are needed" if few else None


def _attribute(name: str, usable: pd.DataFrame, images: Images | None, level: float, reason: str | None) -> Json:
    told: Json = {"attribute": name, "group": ATTRIBUTES[name].group}
    spread = (
        distribution(ATTRIBUTES[name].read(usable), usable["label"], ATTRIBUTES[name].number) if len(usable) else None
    )
    if images is None or reason:
        return told | {"auc": None, "low": None, "high": None, "reason": reason, "distribution": spread}
    estimate, why = images.auc(name, level)
    return told | {"auc": _plain(estimate.value)} | _limits(estimate) | {"reason": why, "distribution": spread}


def _probe(group: str, model: str, images: Images | None, level: float, reason: str | None) -> Json:
    names = [name for name, each in ATTRIBUTES.items() if each.group in PROBES[group]]
    found = images.probe(names, level, model, brief=True) if images and not reason else Probe(_NONE, None, reason)
    told: Json = {"probe": group, "model": model, "balanced_accuracy": _plain(found.estimate.value)}
    return told | _limits(found.estimate) | {"rules": found.rules if model == "tree" else None, "reason": found.reason}


_NONE = Estimate(float("nan"), float("nan"), float("nan"), "mover")


def _limits(estimate: Estimate) -> Json:
    return {"low": _plain(estimate.low), "high": _plain(estimate.high)}


def _plain(value: float) -> float | None:
    return None if isnan(value) else float(value)


def _near(usable: pd.DataFrame, threshold: int | None) -> Json | None:
    if threshold is None:
        return None
    paths = list(_paths(usable).values())
    return asdict(near.search(usable, paths, threshold)) | {"threshold": threshold}


def _paths(usable: pd.DataFrame) -> dict[str, Path]:
    from crossgen.data.names import located

    return {image_id: located(Path("/"), at) for image_id, at in zip(usable["image_id"], usable["at"], strict=True)}
