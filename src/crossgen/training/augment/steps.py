"""What a step of augmentation is, and what steps share."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from crossgen.data import frames
from crossgen.data.images import MAX_PIXELS, Unusable
from crossgen.training.augment.draws import Draw

#: uint8 [H, W, 3], RGB.
Image = npt.NDArray[np.uint8]
#: (image, draws) -> image; writes nothing into what it is given, but may return it or a view of it.
Step = Callable[[Image, Draw], Image]


def sometimes(name: str, probability: float, change: Step) -> Step:
    """`change` for the share `probability` of the images; the others stay as they are."""

    def apply(image: Image, draw: Draw) -> Image:
        return change(image, draw) if draw.uniform(name) < probability else image

    return apply


def resized(image: Image, width: int, height: int, filter: str) -> Image:
    """Pillow's resize (which smooths before it shrinks) to [height, width, 3]. Raises Unusable if that is too large."""
    refuse_huge(image, width, height)
    return image if image.shape[:2] == (height, width) else frames.resize(image, width, height, filter)


def refuse_huge(image: Image, width: int, height: int) -> None:
    """Raise Unusable (under_frame) for an image so narrow that it would grow beyond MAX_PIXELS."""
    if width * height > MAX_PIXELS:
        told = f"{image.shape[1]} x {image.shape[0]} pixels would have to grow to {width} x {height}"
        raise Unusable("under_frame", told)


def as_pillow(image: Image) -> Pillow.Image:
    """The image as Pillow's, in a copy."""
    return Pillow.fromarray(image)


def reflected(places: npt.NDArray[np.int64], side: int) -> npt.NDArray[np.int64]:
    """Places on an axis of `side` pixels that is continued by reflection, again and again: those inside it.

    The pixel at the edge is not repeated (numpy's pad mode `reflect`): of 3 pixels ... 2 1 0 1 2 1 0 ...
    """
    period = max(1, 2 * (side - 1))
    inside = places % period
    return np.minimum(inside, period - inside) if side > 1 else np.zeros_like(places)


def picked(image: Image, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]) -> Image:
    """These rows and columns of the image. (One after the other is four times as fast as both at once.)"""
    return np.take(np.take(image, rows, axis=0), columns, axis=1)
