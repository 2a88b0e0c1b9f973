"""What a recipe does to a batch of images: its augmentations, copy by copy, and the same for validation."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from blake3 import blake3

from crossgen.config import Augmentation, Recipe
from crossgen.training.augment import augment_batch
from crossgen.training.sampling import Keys

Crops = npt.NDArray[np.uint8]


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
class Chain:
    """Augmentations of all copies, then of all but the first (AugMix splits); every draw is a function of (seed,
    epoch, image, copy, place in the chain).

    As in timm, what comes before the splits is drawn once an image: its copies differ by `splits.augment` alone.
    """

    shared: tuple[Augmentation, ...]
    apart: tuple[Augmentation, ...]
    copies: int
    seed: int

    @classmethod
    def of(cls, recipe: Recipe, seed: int) -> "Chain":
        """The recipe's."""
        splits = recipe.splits
        return cls(recipe.augment, splits.augment if splits else (), splits.n if splits else 1, seed)

    def train(self, images: Crops, keys: Keys, epoch: int) -> Crops:
        """Images [n, height, width, 3], or n of any size, to [copies * n, ...]: all first copies, all second ..."""
        first = augment_batch(images, keys, self.shared, self.seed, epoch)
        if self.copies == 1:
            return first
        others = [
            augment_batch(first, for_copy(keys, copy), self.apart, self.seed, epoch) for copy in range(1, self.copies)
        ]
        return np.concatenate([first, *others])

    def validation(self, images: Crops, keys: Keys) -> Crops:
        """The shared augmentations by draws that are the same in every epoch, and that no training image gets."""
        return augment_batch(images, for_validation(keys), self.shared, self.seed, 0)
