"""Draws of an augmentation: functions of (seed, epoch, image, place in the chain, purpose), in integer arithmetic."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from blake3 import blake3

from crossgen.training.sampling import Keys, uniform

T = TypeVar("T")

_64_BITS = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15


class Draw(NamedTuple):
    """The draws of one step for one image, whose `key` has 64 bits (`crossgen.training.sampling.keys`).

    Draws of different purposes are independent; a purpose asked twice gives the same number.
    """

    seed: int
    epoch: int
    place: int
    key: int

    def bits(self, purpose: str) -> int:
        """A number of 64 bits."""
        x = self.key ^ _salt(self.seed, self.epoch, self.place, purpose)
        for multiplier in (0xBF58476D1CE4E5B9, 0x94D049BB133111EB):
            x = ((x + _GOLDEN) & _64_BITS) ^ (x >> 31)
            x = (x * multiplier) & _64_BITS
        return x ^ (x >> 29)

    def uniform(self, purpose: str, low: float = 0.0, high: float = 1.0) -> float:
        """In [low, high). With the defaults: bit for bit `sampling.uniform` of "<place>/<purpose>"."""
        return low + (high - low) * ((self.bits(purpose) >> 11) / 2.0**53)

    def integer(self, purpose: str, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included, each as likely."""
        return low + int((high - low + 1) * self.uniform(purpose))

    def choice(self, purpose: str, options: Sequence[T]) -> T:
        """One of `options`, each as likely."""
        return options[self.integer(purpose, 0, len(options) - 1)]

    def generator(self, purpose: str) -> np.random.Generator:
        """A generator for whole fields of numbers (Philox, keyed by the purpose and the image)."""
        return np.random.Generator(np.random.Philox(key=np.array([self.bits(purpose), self.key], np.uint64)))


@lru_cache(maxsize=2**14)
def _salt(seed: int, epoch: int, place: int, purpose: str) -> int:
    return int.from_bytes(blake3(f"{seed}/{epoch}/{place}/{purpose}".encode()).digest(length=8), "little")


@dataclass(frozen=True)
class Draws:
    """The same draws for all images of a batch: arrays [n] of what `Draw` gives each."""

    seed: int
    epoch: int
    place: int
    keys: Keys

    def uniform(self, purpose: str) -> npt.NDArray[np.float64]:
        """In [0, 1)."""
        return uniform(self.seed, self.epoch, f"{self.place}/{purpose}", self.keys)

    def integer(self, purpose: str, low: int, high: int) -> npt.NDArray[np.int64]:
        """Whole numbers from `low` to `high`, both included."""
        return low + np.floor((high - low + 1) * self.uniform(purpose)).astype(np.int64)
