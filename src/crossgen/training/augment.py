"""Augmentations of a batch of crops. Each draws from (seed, epoch, image, its place in the chain)."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from crossgen.config import Augmentation, Flip, Rot90
from crossgen.training.sampling import Keys, uniform

Crops = npt.NDArray[np.uint8]
#: Uniform draws in [0, 1) for a purpose, one an image.
Draw = Callable[[str], npt.NDArray[np.float64]]
Operation = Callable[[Crops, Draw], Crops]


def flip(parameters: Flip) -> Operation:
    """Mirror left to right the share `probability` of the crops."""

    def apply(crops: Crops, draw: Draw) -> Crops:
        chosen = draw("flip") < parameters.probability
        crops[chosen] = crops[chosen, :, ::-1]
        return crops

    return apply


def rot90(parameters: Rot90) -> Operation:
    """Turn the share `probability` of the crops by 90, 180 or 270 degrees."""

    def apply(crops: Crops, draw: Draw) -> Crops:
        chosen = draw("rot90") < parameters.probability
        quarters = 1 + np.floor(3 * draw("quarters")).astype(np.int64)
        for turns in (1, 2, 3):
            here = chosen & (quarters == turns)
            crops[here] = np.rot90(crops[here], turns, axes=(1, 2))
        return crops

    return apply


#: Step name -> parameters -> operation on uint8 [n, size, size, 3], which it may change in place.
AUGMENTATIONS: dict[str, Callable[..., Operation]] = {"flip": flip, "rot90": rot90}


def augment(crops: Crops, images: Keys, steps: Sequence[Augmentation], seed: int, epoch: int) -> Crops:
    """The chain in order, on a copy of `crops` uint8 [n, size, size, 3]; `images` are their keys."""
    crops = np.array(crops)
    for place, step in enumerate(steps):

        def draw(purpose: str, place: int = place) -> npt.NDArray[np.float64]:
            return uniform(seed, epoch, f"{place}/{purpose}", images)

        crops = AUGMENTATIONS[step.step](step)(crops, draw)
    return crops
