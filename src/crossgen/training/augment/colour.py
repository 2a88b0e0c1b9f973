"""Augmentations of colour."""

from itertools import permutations

import numpy as np
from torchvision.transforms import functional

from crossgen.config import Greyscale, Jitter
from crossgen.training.augment.draws import Draw
from crossgen.training.augment.steps import Image, Step, as_pillow, sometimes

_ADJUST = {
    "brightness": functional.adjust_brightness,
    "contrast": functional.adjust_contrast,
    "saturation": functional.adjust_saturation,
    "hue": functional.adjust_hue,
}
_ORDERS = tuple(permutations(_ADJUST))


def jitter(parameters: Jitter) -> Step:
    """torchvision's ColorJitter on Pillow images: factors uniform around 1 (hue: shift around 0), in random order; what
    has a width of 0 is left out."""
    ranges = {name: (max(0.0, 1 - width), 1 + width) for name, width in _widths(parameters).items() if width}
    if parameters.hue:
        ranges["hue"] = (-parameters.hue, parameters.hue)

    def change(image: Image, draw: Draw) -> Image:
        picture = as_pillow(image)
        for name in draw.choice("order", _ORDERS):
            if name in ranges:
                picture = _ADJUST[name](picture, draw.uniform(name, *ranges[name]))
        return np.asarray(picture)

    return sometimes("jitter", parameters.probability, change)


def _widths(parameters: Jitter) -> dict[str, float]:
    return {
        "brightness": parameters.brightness,
        "contrast": parameters.contrast,
        "saturation": parameters.saturation,
    }


def greyscale(parameters: Greyscale) -> Step:
    """Pillow's luma, 0.299 R + 0.587 G + 0.114 B in 16-bit fractions, in all three channels."""

    def change(image: Image, draw: Draw) -> Image:
        return np.repeat(np.asarray(as_pillow(image).convert("L"))[..., None], 3, axis=2)

    return sometimes("greyscale", parameters.probability, change)
