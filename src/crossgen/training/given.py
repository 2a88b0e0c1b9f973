"""From what a command line names to what a training takes: images, order of pools, workers; and back, what was lost."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa

from crossgen import records
from crossgen.config import Crop, Curriculum, Recipe
from crossgen.data import aligned
from crossgen.data.packed import Stacked
from crossgen.training.batches import Data, Lost
from crossgen.training.curriculum import easy_to_hard, joins
from crossgen.training.readers import data_of_files

#: Columns that training needs of an index of crops.
COLUMNS = ("image_id", "crop", "row", "split", "label", "pool", "pair")
#: Steps that cost a few microseconds an image: for these, processes of their own cost more than they bring.
CHEAP = ("flip", "rot90", "vertical_flip")


@dataclass(frozen=True)
class Images:
    """Where the images of a train set are: arrays of crops with their `index`, or a `selection` of files.

    Of files, `aligned` are the folders named <pool>/<shard> that alignment wrote, `roots` those that the paths of each
    pool's other images are relative to, `crop` is the subset's.
    """

    crops: tuple[Path, ...] = ()
    index: Path | None = None
    selection: Path | None = None
    aligned: tuple[Path, ...] = ()
    roots: Mapping[str, str] = field(default_factory=dict)
    crop: Crop | None = None

    @classmethod
    def of(cls, told: Mapping[str, Any], roots: Mapping[str, str], crop: Crop | None) -> "Images":
        """From JSON or options: `crops` and `index`, or `selection` and `aligned`. Raises ValueError for others."""
        named = {name: told[name] for name in ("crops", "index", "selection", "aligned") if told.get(name)}
        if not (set(named) == {"crops", "index"} or set(named) - {"aligned"} == {"selection"}):
            raise ValueError(
                f"Images are named by {', '.join(named) or 'nothing'}: expected crops and index, or selection with the"
                " folders that alignment wrote (aligned)."
            )
        if "crops" in named:
            return cls(crops=tuple(map(Path, named["crops"])), index=Path(named["index"]))
        return cls((), None, Path(named["selection"]), tuple(map(Path, named.get("aligned", ()))), roots, crop)

    def read(self) -> Data:
        """The images; nothing of them is read before it is asked for. Raises ValueError as `Data` does."""
        if self.index is not None:
            index = records.read(self.index, records.CROPS, COLUMNS).select(list(COLUMNS)).to_pandas()
            return Data(Stacked(self.crops), index)
        selection = records.read(str(self.selection), records.SELECTION).to_pandas()
        return data_of_files(selection, *aligned.read(self.aligned, self.roots), self.crop)

    def tables(self) -> list[Path]:
        """The files that say which images they are."""
        named = [self.index, self.selection, *(folder / "index.parquet" for folder in self.aligned)]
        return [path for path in named if path is not None]


class Shares(NamedTuple):
    """How the processor cores of a training are shared: processes that read and augment, and torch's threads."""

    workers: int
    threads: int


def shares(recipe: Recipe, cores: int, gpu: bool) -> Shares:
    """Beside a GPU the cores read and augment; without one they train, and one of them reads ahead.

    Never more than there are: torch's threads wait for each other by spinning, and one that has no core to itself
    makes all of them slow.
    """
    steps = {step.step for step in (*recipe.augment, *(recipe.splits.augment if recipe.splits else ()))}
    cheap = recipe.reading == "resident" or (recipe.reading == "crops" and steps <= set(CHEAP))
    if cheap or cores == 1:
        return Shares(0, cores)
    return Shares(cores - 1, 1) if gpu else Shares(1, cores - 1)


def order(curriculum: Curriculum | None, measured: Mapping[str, Path]) -> dict[str, float]:
    """Pool to the share of the steps after which it joins. `measured`: pool to the history of its own detector.

    Raises ValueError where neither order nor histories are given.
    """
    if curriculum is None:
        return {}
    if curriculum.order is None and len(measured) < 2:
        raise ValueError("A curriculum without `order` needs the histories of its pools' detectors: give --measured.")
    histories = {pool: records.read(path, records.HISTORY).to_pandas() for pool, path in measured.items()}
    return joins(curriculum.order or easy_to_hard(histories), curriculum.ramp)


def losses(data: Data, lost: Sequence[Lost], lost_for: str) -> pa.Table:
    """Images that could not be read in training, as a table of LOSSES."""
    pools = dict(zip(data.index["image_id"], data.index["pool"], strict=True))
    rows: list[dict[str, object]] = [
        {"stage": "training", "lost_for": lost_for, "pool": pools[name], "image_id": name, "reason": reason}
        for name, reason in lost
    ]
    return records.from_rows(rows, records.LOSSES)


def parsed(text: str | None) -> dict[str, Any]:
    """A mapping from the JSON of an option; empty without it. Raises ValueError for other JSON."""
    told = json.loads(text or "{}")
    if not isinstance(told, dict):
        raise ValueError(f"Expected a JSON mapping, found {text!r}.")
    return told


def named(rows: pd.DataFrame, experiment: str, train_set: str, seed: int) -> pd.DataFrame:
    """The same rows with the detector that they tell of; `trained_on`, because watched rows name another train set."""
    return rows.assign(experiment=experiment, trained_on=train_set, seed=seed)
