"""Augmentation of a batch where it lies (`reading: resident`), for the steps that give the same bits there."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from crossgen.config import Augmentation, Cutout, Flip, Greyscale, RandomCrop, Rot90, Translate, VerticalFlip
from crossgen.training.augment.chain import refuse_unequal
from crossgen.training.augment.draws import Draws
from crossgen.training.augment.geometry import steps_of
from crossgen.training.augment.steps import reflected
from crossgen.training.sampling import Keys

#: uint8 [n, H, W, 3] and the draws of its images -> uint8 [n, height, width, 3]; writes nothing into what it is given.
BatchStep = Callable[[Tensor, Draws], Tensor]


def flip(parameters: Flip) -> BatchStep:
    """Mirror left to right."""
    return lambda crops, draws: torch.where(_chosen("flip", parameters, crops, draws), crops.flip(2), crops)


def vertical_flip(parameters: VerticalFlip) -> BatchStep:
    """Mirror top to bottom."""
    return lambda crops, draws: torch.where(_chosen("vertical_flip", parameters, crops, draws), crops.flip(1), crops)


def rot90(parameters: Rot90) -> BatchStep:
    """Turn by 90, 180 or 270 degrees. Raises ValueError for crops that are no squares."""

    def apply(crops: Tensor, draws: Draws) -> Tensor:
        height, width = crops.shape[1:3]
        if height != width:
            refuse_unequal([(width, height), (height, width)], [parameters])
        chosen = draws.uniform("rot90") < parameters.probability
        quarters = np.where(chosen, draws.integer("quarters", 1, 3), 0)
        turned = crops
        for turns in (1, 2, 3):
            here = _column(quarters == turns, crops)
            turned = torch.where(here, torch.rot90(crops, turns, (1, 2)), turned)
        return turned

    return apply


def translate(parameters: Translate) -> BatchStep:
    """Shift by whole pixels, continued by reflection."""

    def apply(crops: Tensor, draws: Draws) -> Tensor:
        places = []
        for name, side in (("y", crops.shape[1]), ("x", crops.shape[2])):
            farthest = int(parameters.share * side)
            places.append(reflected(np.arange(side) - draws.integer(name, -farthest, farthest)[:, None], side))
        moved = _gathered(crops, places[0], places[1])
        return torch.where(_chosen("translate", parameters, crops, draws), moved, crops)

    return apply


def random_crop(parameters: RandomCrop) -> BatchStep:
    """A square anywhere on the grid, continued by reflection where the image is smaller."""

    def apply(crops: Tensor, draws: Draws) -> Tensor:
        places = []
        for name, side in (("y", crops.shape[1]), ("x", crops.shape[2])):
            first, last = steps_of(side, parameters.size, parameters.grid)
            offsets = draws.integer(name, first, last) * parameters.grid
            places.append(reflected(offsets[:, None] + np.arange(parameters.size), side))
        return _gathered(crops, places[0], places[1])

    return apply


def cutout(parameters: Cutout) -> BatchStep:
    """Fill squares with one grey."""

    def apply(crops: Tensor, draws: Draws) -> Tensor:
        for number in range(parameters.count):
            inside = []
            for name, side in (("y", crops.shape[1]), ("x", crops.shape[2])):
                start = np.maximum(0, draws.integer(f"{name}{number}", 0, side) - parameters.size // 2)[:, None]
                inside.append((np.arange(side) >= start) & (np.arange(side) < start + parameters.size))
            hole = _on(inside[0], crops)[:, :, None, None] & _on(inside[1], crops)[:, None, :, None]
            chosen = _chosen("cutout", parameters, crops, draws)
            crops = torch.where(hole & chosen, crops.new_tensor(parameters.fill), crops)
        return crops

    return apply


def greyscale(parameters: Greyscale) -> BatchStep:
    """Pillow's luma, whose fractions have 16 bits."""

    def apply(crops: Tensor, draws: Draws) -> Tensor:
        red, green, blue = crops.int().unbind(3)
        luma = (19595 * red + 38470 * green + 7471 * blue + 2**15) >> 16
        grey = luma.to(torch.uint8)[..., None].expand_as(crops)
        return torch.where(_chosen("greyscale", parameters, crops, draws), grey, crops)

    return apply


#: Step name -> parameters -> step on a batch; bit for bit the step of AUGMENTATIONS.
ON_DEVICE: dict[str, Callable[..., BatchStep]] = {
    "flip": flip,
    "vertical_flip": vertical_flip,
    "rot90": rot90,
    "translate": translate,
    "random_crop": random_crop,
    "cutout": cutout,
    "greyscale": greyscale,
}


def augment_resident(crops: Tensor, keys: Keys, steps: Sequence[Augmentation], seed: int, epoch: int) -> Tensor:
    """The chain in order, on uint8 [n, H, W, 3] on any device; `augment_batch` gives the same bits.

    `crops` is not changed, and may come back. Raises ValueError for a step that only runs elsewhere.
    """
    refuse_elsewhere(steps)
    for place, step in enumerate(steps):
        crops = ON_DEVICE[step.step](step)(crops, Draws(seed, epoch, place, keys))
    return crops


def refuse_elsewhere(steps: Sequence[Augmentation]) -> None:
    """Raise ValueError if one of the steps cannot run on the device."""
    strange = [step.step for step in steps if step.step not in ON_DEVICE]
    if strange:
        raise ValueError(
            f"Augmentation {', '.join(strange)} does not run on the device (reading: resident): expected only"
            f" {', '.join(ON_DEVICE)}. Write `reading: crops` in the recipe, or leave it out of `augment`."
        )


def _chosen(
    name: str, parameters: Flip | VerticalFlip | Translate | Cutout | Greyscale, crops: Tensor, draws: Draws
) -> Tensor:
    return _column(draws.uniform(name) < parameters.probability, crops)


def _column(of_images: npt.NDArray[np.bool_], crops: Tensor) -> Tensor:
    """[n] to [n, 1, 1, 1] on the device of the crops."""
    return _on(of_images, crops)[:, None, None, None]


def _on(array: npt.NDArray[np.generic], crops: Tensor) -> Tensor:
    return torch.from_numpy(array).to(crops.device)


def _gathered(crops: Tensor, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]) -> Tensor:
    """Pixels of each image at its rows [n, height] and columns [n, width]."""
    images = torch.arange(len(crops), device=crops.device)[:, None, None]
    return crops[images, _on(rows, crops)[:, :, None], _on(columns, crops)[:, None, :]]
