"""What a recipe does to a batch of images: its augmentations, copy by copy, and the same for validation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from blake3 import blake3

from crossgen.config import Augmentation, Recipe
from crossgen.training.sampling import Keys

Images = TypeVar("Images")  # an array or a tensor


def apart(images: Keys, purpose: str) -> Keys:
    """Keys of the same images whose draws have nothing to do with those of `images`, nor of another purpose."""
    return images ^ np.uint64(int.from_bytes(blake3(purpose.encode()).digest(length=8), "little"))


def for_copy(images: Keys, copy: int) -> Keys:
    """Keys that the augmentations of a copy (from 1 on, the first being 0) draw by."""
    return apart(images, f"copy {copy}")


def for_validation(images: Keys) -> Keys:
    """Keys that validation images are augmented by: always with epoch 0, so that epochs compare."""
    return apart(images, "validation")


@dataclass(frozen=True)
class Chain(Generic[Images]):
    """Augmentations of all copies, then of all but the first (AugMix splits); every draw is a function of (seed,
    epoch, image, copy, place in the chain).

    As in timm, what comes before the splits is drawn once an image: its copies differ by `splits.augment` alone.
    `augment` does a chain of steps to images with these keys, for (seed, epoch).
    """

    shared: tuple[Augmentation, ...]
    apart: tuple[Augmentation, ...]
    copies: int
    seed: int
    augment: Callable[[Images, Keys, Sequence[Augmentation], int, int], Images]

    @classmethod
    def of(
        cls,
        recipe: Recipe,
        seed: int,
        augment: Callable[[Images, Keys, Sequence[Augmentation], int, int], Images],
    ) -> "Chain[Images]":
        """The recipe's."""
        splits = recipe.splits
        return cls(recipe.augment, splits.augment if splits else (), splits.n if splits else 1, seed, augment)

    def train(self, images: Images, keys: Keys, epoch: int) -> list[Images]:
        """Images [n, height, width, 3] to as many again for each copy."""
        first = self.augment(images, keys, self.shared, self.seed, epoch)
        others = range(1, self.copies)
        return [first, *(self.augment(first, for_copy(keys, copy), self.apart, self.seed, epoch) for copy in others)]

    def validation(self, images: Images, keys: Keys) -> Images:
        """The shared augmentations by draws that are the same in every epoch, and that no training image gets."""
        return self.augment(images, for_validation(keys), self.shared, self.seed, 0)
