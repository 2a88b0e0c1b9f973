"""What training reads: the images and their rows, batches by their rows, and batches as they arrive."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from torch import Tensor

from crossgen.config import Crop
from crossgen.data.packed import Stacked

Crops = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Data:
    """What one detector is trained on.

    `index`: a row a crop (or, without crops, an image) with image_id, crop, row, split, label and pool; `row` is its
    place in `crops` uint8 [n, size, size, 3], in one array or several, or in the column `file` of the index. `crop`:
    what a subset cuts from whole images before anything else; it was done to stored crops already.
    """

    crops: Crops | Stacked | None
    index: pd.DataFrame
    crop: Crop | None = None

    def __post_init__(self) -> None:
        strange = sorted(set(self.index["split"]) - {"train", "val"})
        if strange:
            raise ValueError(f"Training was handed rows of split {strange}: it may see train and val only.")
        if set(self.index["label"]) != {0, 1}:
            raise ValueError(f"Training needs reals and fakes; it was handed the labels {set(self.index['label'])}.")
        if self.crops is not None and len(self.crops) != len(self.index):
            told = f"{len(self.crops)} crops with an index of {len(self.index)}"
            raise ValueError(f"Training was handed {told}: pack and gather the crops again.")

    @property
    def stored(self) -> Crops | Stacked:
        """The crops. Raises ValueError where images are read from files."""
        if self.crops is None:
            raise ValueError("These images are read from files: there are no stored crops.")
        return self.crops

    def part(self, split: str, label: int) -> pd.DataFrame:
        """Rows of one split and label, in the order of the images, whichever shard they lie in."""
        rows = self.index[(self.index["split"] == split) & (self.index["label"] == label)]
        return rows.sort_values(["image_id", "crop"])


@dataclass(frozen=True)
class Batch:
    """A batch by its rows (column `row` of the index); `step` counts from 0 over the whole training."""

    epoch: int
    step: int
    rows: Integers


class Lost(NamedTuple):
    """An image that could not be read in training, and why."""

    image_id: str
    reason: str


@dataclass(frozen=True)
class Loaded:
    """A batch as it arrives.

    `crops`: uint8 [copies * n, height, width, 3]: the first copy of all n images, then the second of all (AugMix
    splits). `rows` and `labels` (int64, float32) [n] are those of the first n; images that could not be read are
    missing from all three and named in `lost`.
    """

    batch: Batch
    crops: Tensor
    rows: Integers
    labels: Tensor
    lost: tuple[Lost, ...] = ()

    def pin_memory(self) -> "Loaded":
        """The same in memory that CUDA copies from while other things are computed (torch's loader asks for it)."""
        return replace(self, crops=self.crops.pin_memory(), labels=self.labels.pin_memory())


class Reader(Protocol):
    """Brings batches; the same bytes for any number of workers."""

    def train(self, batches: Iterable[Batch]) -> Iterator[Loaded]:
        """The batches in their order, augmented; batches ahead may be under way already."""

    def validation(self, rows: Integers, batch_size: int = 64) -> Iterator[Loaded]:
        """Images in the order of `rows`, in the recipe's frame (or augmented, if it says so), one copy each."""
