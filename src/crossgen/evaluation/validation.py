"""Validation images of trained detectors: which are scored, under which name their logits are kept, and as what table.

Each detector's own: crop 0 of the `val` images of its train set, which training itself judges. No test image is among
them. Here is all that needs no torch; `crossgen.training.validated` computes the logits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from blake3 import blake3

from crossgen import records
from crossgen.detectors.identity import digest, read_header
from crossgen.evaluation import cells

#: Raised when the logits of the same weights and images change.
VERSION = 2

#: What is read of an image; what tells its pixels follows.
FACTS = ("image_id", "split", "group", "stratum", "label")
CONTENT = ("blake3", "bytes")
PLACE = ("crop_size", "crop_x", "crop_y")
NAMES = ("experiment", "train_set", "seed")

IMPORTED = "weights that others published: their validation images are not known"
SIMULATED = "trained on simulated fakes, to which no true fake may be shown"

Told = Mapping[str, Any]


@dataclass(frozen=True)
class Choice:
    """At most `limit` images of each label, those with the least digest of (seed, image_id)."""

    limit: int
    seed: int

    def of(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Chosen rows, ordered by image_id, of `rows` in any order (columns image_id and label at least)."""
        drawn = [blake3(f"{self.seed}/{name}".encode()).digest(length=8) for name in rows["image_id"]]
        parts = rows.assign(drawn=drawn).sort_values(["drawn", "image_id"]).groupby("label", sort=True)
        return parts.head(self.limit).drop(columns="drawn").sort_values("image_id").reset_index(drop=True)


@dataclass(frozen=True)
class Validated:
    """A detector (its `place` among the job's, the digest of its weights), its validation images (FACTS) and the cell
    of their logits.

    Without a cell there are no images, for the `reason`; with one it says why a label is missing.
    """

    place: int
    weights: str
    names: Mapping[str, str | int]
    images: pd.DataFrame
    cell: str | None
    reason: str | None


def owed(detectors: Sequence[Path], told: Mapping[str, Told], choice: Choice) -> list[Validated]:
    """What each detector is to be shown. `told`: its key `<experiment>/<train_set>/seed<seed>` to its images.

    These are named by {crops, index}, or {selection, aligned, crop} (see `crossgen.training.given.Images`). Raises
    ValueError for a detector that nothing is told of.
    """
    return [_owed(place, path, told, choice) for place, path in enumerate(detectors)]


def _owed(place: int, path: Path, told: Mapping[str, Told], choice: Choice) -> Validated:
    header, weights = read_header(path), digest(path)
    names = {name: header["identity"][name] for name in NAMES}
    if header["identity"].get("weights"):  # crossgen import-detector notes the published file
        return Validated(place, weights, names, pd.DataFrame(columns=list(FACTS)), None, IMPORTED)
    key = f"{names['experiment']}/{names['train_set']}/seed{names['seed']}"
    if key not in told:
        raise ValueError(
            f"{path} holds the detector {key!r}, of whose validation images nothing is told: {list(told)}."
        )
    simulated = header["recipe"].get("fakes") == "simulated"
    rows = candidates(told[key])
    rows = choice.of(rows[rows["label"] == 0] if simulated else rows)
    shown = rows.drop(columns=["split"]).astype(object).where(rows.notna(), None).to_numpy().tolist()
    name = cells.key(weights=weights, validation=shown, crop=told[key].get("crop"), version=VERSION)
    return Validated(place, weights, names, rows, name, SIMULATED if simulated else _missing(rows))


def _missing(rows: pd.DataFrame) -> str | None:
    absent = [name for label, name in enumerate(("reals", "fakes")) if not (rows["label"] == label).any()]
    return f"no {' and no '.join(absent)} among the validation images" if absent else None


def candidates(told: Told) -> pd.DataFrame:
    """All validation images of a train set: FACTS and what tells their pixels, crop 0 of each."""
    if told.get("index"):
        columns = (*FACTS, *CONTENT, *PLACE, "crop")
        return _val(records.read(told["index"], records.CROPS, columns).to_pandas())
    rows = _val(records.read(told["selection"], records.SELECTION, (*FACTS, *CONTENT)).to_pandas())
    written = [Path(folder) / "index.parquet" for folder in told.get("aligned", ())]
    if not written:
        return rows
    again = records.read_all(written, records.MANIFEST, ("image_id", *CONTENT)).to_pandas().set_index("image_id")
    for name in CONTENT:
        rows[name] = again[name].reindex(rows["image_id"]).astype(object).fillna(rows.set_index("image_id")[name]).array
    return rows


def _val(rows: pd.DataFrame) -> pd.DataFrame:
    first = rows["crop"] == 0 if "crop" in rows else True
    return rows[(rows["split"] == "val") & first].drop(columns="crop", errors="ignore").reset_index(drop=True)


def scored(item: Validated, logits: npt.NDArray[np.float32] | None) -> pa.Table:
    """VALIDATION rows of a detector; NaN marks images that could not be read."""
    if logits is None:
        return records.from_rows([], records.VALIDATION)
    rows = item.images.assign(logit=logits, **item.names)
    columns = list(records.VALIDATION.columns)
    table = pa.Table.from_pandas(rows.loc[~np.isnan(logits), columns], preserve_index=False)
    return records.check(table, records.VALIDATION, "validation scores")


def counted(item: Validated, logits: npt.NDArray[np.float32] | None) -> dict[str, object]:
    """The VALIDATED row of a detector."""
    seen = np.zeros(len(item.images), bool) if logits is None else ~np.isnan(logits)
    labels = item.images["label"].to_numpy()[seen]
    counts = {"n_real": int((labels == 0).sum()), "n_fake": int((labels == 1).sum())}
    told = {**item.names, "weights": item.weights, "logits": item.cell}
    return {**told, **counts, "lost": int((~seen).sum()), "reason": item.reason}
