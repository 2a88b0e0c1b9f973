"""What is known of each row beside its pixels, for look-up by batches."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from crossgen.training.batches import Integers
from crossgen.training.pairing import key_names
from crossgen.training.sampling import Keys, keys


@dataclass(frozen=True)
class Rows:
    """By row: the key of its image, and its label (float32, 1 = fake). Rows that the index does not name hold 0."""

    keys: Keys
    labels: npt.NDArray[np.float32]

    @classmethod
    def of(cls, index: pd.DataFrame, synchronised: bool = False) -> "Rows":
        """From an index with row, image_id and label. `synchronised`: halves of a pair (column `pair`) have one key."""
        places, images = pd.factorize(key_names(index, synchronised))
        return cls(
            by_row(index, keys(images.to_series())[places], np.dtype(np.uint64)),
            by_row(index, index["label"].to_numpy(), np.dtype(np.float32)),
        )

    def labels_of(self, rows: Integers) -> torch.Tensor:
        """Labels float32 [n]."""
        return torch.from_numpy(self.labels[rows])


def by_row(index: pd.DataFrame, values: npt.NDArray[Any], kind: np.dtype[Any]) -> npt.NDArray[Any]:
    """Values of an index's rows, placed by its column `row`."""
    rows = index["row"].to_numpy()
    placed = np.zeros(int(rows.max(initial=-1)) + 1, kind)
    placed[rows] = values
    return placed
