"""Pillow's GaussianBlur, in a third of its time once it pays to compile for it.

It is three box filters along the rows, then three along the columns, of a radius that is not whole (Gwosdek et al.
2011), in whole numbers, so that another program can come to the same bits. Whether ours does is tried for each sigma:
where it does not, or without numba, Pillow does the work.
"""

import math
from collections.abc import Callable
from functools import cache
from itertools import count
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageFilter

from crossgen.data.images import Pixels

#: Blurs that a process leaves to Pillow: to import numba and to compile takes as long as they would be sooner.
PATIENCE = 2000
_DONE = count()


class Box(NamedTuple):
    """A filter of 2 `radius` + 1 values weighted `full`, and one more at each end weighted `part`; 2^24 in all."""

    radius: int
    full: int
    part: int


def blur(image: Pixels, sigma: float) -> Pixels:
    """uint8 [H, W, 3] to the pixels of Pillow's GaussianBlur(sigma)."""
    if next(_DONE) < PATIENCE or not agree(sigma):
        return by_pillow(image, sigma)
    return compiled(image, sigma)


def by_pillow(image: Pixels, sigma: float) -> Pixels:
    """The definition."""
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(sigma)))


def compiled(image: Pixels, sigma: float) -> Pixels:
    """The same, sooner, if `agree`. Raises ImportError without numba."""
    box, down = box_of(sigma), _kernel()
    for _ in range(2):  # turned, the rows are columns; turned again, they are rows
        image = cv2.transpose(image)
        one = np.ascontiguousarray(image).reshape(len(image), -1)
        two = np.empty_like(one)
        for _ in range(3):
            down(one, two, *box)
            one, two = two, one
        image = one.reshape(image.shape)
    return image


@cache
def agree(sigma: float) -> bool:
    """Whether `compiled` does what the Pillow at hand does."""
    probe = np.random.default_rng(0).integers(0, 256, (67, 96, 3), np.uint8)
    try:
        return np.array_equal(compiled(probe, sigma), by_pillow(probe, sigma))
    except ImportError:
        return False


@cache
def _kernel() -> Callable[..., None]:
    from crossgen.evaluation.box_kernel import down

    kernel: Callable[..., None] = down
    return kernel


def box_of(sigma: float) -> Box:
    """The box filter whose three passes have the variance sigma^2, in the 32-bit floats that Pillow reckons in."""
    one, two, three, six = np.float32(1), np.float32(2), np.float32(3), np.float32(6)
    variance = np.float32(sigma) * np.float32(sigma) / three
    whole = np.float32(math.floor((np.float32(math.sqrt(12.0 * float(variance) + 1.0)) - one) / 2))
    next_whole = whole + one
    rest = (two * whole + one) * (whole * next_whole - three * variance)
    radius = whole + rest / (six * (variance - next_whole * next_whole))
    full = int(np.float32(2**24) / (radius * two + one))
    return Box(int(radius), full, (2**24 - (2 * int(radius) + 1) * full) // 2)
