"""Every random draw of training is a function of (seed, epoch, image, purpose): never of a worker or a clock."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from blake3 import blake3

Integers = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]


def keys(names: pd.Series) -> Keys:
    """64 bits of a digest of each name."""
    return np.array([int.from_bytes(blake3(name.encode()).digest(length=8), "little") for name in names], np.uint64)


def uniform(seed: int, epoch: int, purpose: str, images: Keys) -> npt.NDArray[np.float64]:
    """Numbers in [0, 1), one an image (splitmix64 of the image's key and of the other arguments)."""
    salt = int.from_bytes(blake3(f"{seed}/{epoch}/{purpose}".encode()).digest(length=8), "little")
    x = images ^ np.uint64(salt)
    with np.errstate(over="ignore"):
        for multiplier in (0xBF58476D1CE4E5B9, 0x94D049BB133111EB):
            x = (x + np.uint64(0x9E3779B97F4A7C15)) ^ (x >> np.uint64(31))
            x = x * np.uint64(multiplier)
        x ^= x >> np.uint64(29)
    return (x >> np.uint64(11)).astype(np.float64) / 2.0**53


@dataclass(frozen=True)
class Pool:
    """The images of one label: their keys and, for each, its first row in the crop array and its number of crops."""

    images: Keys
    first: Integers
    crops: Integers

    @classmethod
    def of(cls, index: pd.DataFrame) -> "Pool":
        """From CROPS rows of one label and split. The crops of an image follow one another."""
        grouped = index.sort_values(["image_id", "crop"]).groupby("image_id", sort=True)["row"]
        first = grouped.first()
        return cls(keys(first.index.to_series()), np.asarray(first, np.int64), np.asarray(grouped.size(), np.int64))

    def rows(self, seed: int, epoch: int) -> Integers:
        """One crop of every image, in this epoch's order."""
        drawn = np.floor(uniform(seed, epoch, "crop", self.images) * self.crops).astype(np.int64)
        order = np.argsort(uniform(seed, epoch, "order", self.images), kind="stable")
        return np.asarray((self.first + drawn)[order])


@dataclass(frozen=True)
class Turns:
    """One or more orders of array rows, taken from in turn; each starts again when it is through."""

    orders: tuple[Integers, ...]

    def take(self, begin: int, count: int) -> Integers:
        """The rows at the places `begin` to `begin + count`, of [m] orders the k-th at the places k, k + m, ..."""
        places = np.arange(begin, begin + count)
        if len(self.orders) == 1:
            return self.orders[0][places % len(self.orders[0])]
        found = np.empty(count, np.int64)
        for turn, order in enumerate(self.orders):
            mine = places % len(self.orders) == turn
            found[mine] = order[places[mine] // len(self.orders) % len(order)]
        return found


def balanced_parts(labels: npt.NDArray[np.float32], parts: int) -> list[Integers]:
    """Places [k] of a batch's images cut into so many parts, with as equal a share of each label as can be.

    Within a part reals come first, in their order. Parts may be empty where there are fewer images than parts.
    """
    shares = [np.array_split(np.flatnonzero(labels == label), parts) for label in (0, 1)]
    return [np.concatenate(pair) for pair in zip(*shares, strict=True)]
