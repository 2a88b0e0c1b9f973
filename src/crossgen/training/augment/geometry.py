"""Augmentations that move pixels: mirrors, turns, shifts, crops and changes of size."""

import math

import cv2
import numpy as np
from PIL import Image as Pillow

from crossgen.config import (
    Flip,
    RandomCrop,
    RandomResizedCrop,
    Rot90,
    Rotate,
    ShortSide,
    Shrink,
    Translate,
    VerticalFlip,
)
from crossgen.data import frames
from crossgen.training.augment.draws import Draw
from crossgen.training.augment.steps import Image, Step, as_pillow, picked, reflected, refuse_huge, resized, sometimes

_FILTERS = {
    "nearest": Pillow.Resampling.NEAREST,
    "bilinear": Pillow.Resampling.BILINEAR,
    "bicubic": Pillow.Resampling.BICUBIC,
}
#: Quarters of a turn against the clock to cv2's name.
_QUARTERS = {1: cv2.ROTATE_90_COUNTERCLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_CLOCKWISE}

#: Pixels beyond the edge that Pillow's bicubic filter looks at, rounded up.
_REACH = 3


# cv2 mirrors and turns 20 to 30 times as fast as a numpy view is copied.
def flip(parameters: Flip) -> Step:
    """Mirror left to right."""

    def change(image: Image, draw: Draw) -> Image:
        return np.asarray(cv2.flip(image, 1), np.uint8)

    return sometimes("flip", parameters.probability, change)


def vertical_flip(parameters: VerticalFlip) -> Step:
    """Mirror top to bottom."""

    def change(image: Image, draw: Draw) -> Image:
        return np.asarray(cv2.flip(image, 0), np.uint8)

    return sometimes("vertical_flip", parameters.probability, change)


def rot90(parameters: Rot90) -> Step:
    """Turn against the clock by 90, 180 or 270 degrees, each as likely; height and width may change places."""

    def change(image: Image, draw: Draw) -> Image:
        return np.asarray(cv2.rotate(image, _QUARTERS[draw.integer("quarters", 1, 3)]), np.uint8)

    return sometimes("rot90", parameters.probability, change)


def rotate(parameters: Rotate) -> Step:
    """Turn about the middle by an angle uniform in -degrees to degrees, the size kept; what comes in from outside is
    the image's reflection. The pixels are Pillow's."""

    def change(image: Image, draw: Draw) -> Image:
        angle = draw.uniform("angle", -parameters.degrees, parameters.degrees)
        x, y = _margins(image, angle)
        height, width = image.shape[:2]
        refuse_huge(image, width + 2 * x, height + 2 * y)
        rows, columns = reflected(np.arange(-y, height + y), height), reflected(np.arange(-x, width + x), width)
        turned = as_pillow(picked(image, rows, columns)).rotate(angle, _FILTERS[parameters.filter])
        return np.asarray(turned)[y : y + height, x : x + width]

    return sometimes("rotate", parameters.probability, change)


def _margins(image: Image, degrees: float) -> tuple[int, int]:
    """Pixels on either side, and above and below, that the turned image is filled from."""
    height, width = image.shape[:2]
    cosine, sine = abs(math.cos(math.radians(degrees))), abs(math.sin(math.radians(degrees)))
    beside = (width * cosine + height * sine - width) / 2
    above = (width * sine + height * cosine - height) / 2
    return max(0, math.ceil(beside)) + _REACH, max(0, math.ceil(above)) + _REACH


def translate(parameters: Translate) -> Step:
    """Shift by whole pixels, right and down, from -share to share of the side (rounded down), each as likely."""

    def change(image: Image, draw: Draw) -> Image:
        height, width = image.shape[:2]
        farthest_x, farthest_y = int(parameters.share * width), int(parameters.share * height)
        x, y = draw.integer("x", -farthest_x, farthest_x), draw.integer("y", -farthest_y, farthest_y)
        rows, columns = reflected(np.arange(height) - y, height), reflected(np.arange(width) - x, width)
        return picked(image, rows, columns)

    return sometimes("translate", parameters.probability, change)


def random_crop(parameters: RandomCrop) -> Step:
    """A square, its offsets multiples of the grid, each as likely. What a side lacks is continued by reflection on
    both sides of it, the left and top share floored to the grid (as `crossgen.data.frames` has it)."""
    size, grid = parameters.size, parameters.grid

    def apply(image: Image, draw: Draw) -> Image:
        height, width = image.shape[:2]
        y = draw.integer("y", *steps_of(height, size, grid)) * grid
        x = draw.integer("x", *steps_of(width, size, grid)) * grid
        if height >= size and width >= size:
            return image[y : y + size, x : x + size]
        rows, columns = reflected(np.arange(y, y + size), height), reflected(np.arange(x, x + size), width)
        return picked(image, rows, columns)

    return apply


def steps_of(side: int, size: int, grid: int) -> tuple[int, int]:
    """First and last offset of a crop, in steps of the grid; a side too short has one, before its beginning."""
    missing = size - side
    return (0, -missing // grid) if missing <= 0 else (-(missing // 2 // grid), -(missing // 2 // grid))


def random_resized_crop(parameters: RandomResizedCrop) -> Step:
    """A rectangle of random area and aspect, anywhere, resized to a square by one of Pillow's filters."""

    def change(image: Image, draw: Draw) -> Image:
        x, y, width, height = box(image.shape[1], image.shape[0], parameters, draw)
        part = image[y : y + height, x : x + width]
        return resized(part, parameters.size, parameters.size, draw.choice("filter", parameters.filters))

    return sometimes("random_resized_crop", parameters.probability, change)


def box(width: int, height: int, parameters: RandomResizedCrop, draw: Draw) -> tuple[int, int, int, int]:
    """x, y, width, height by torchvision's rule: the first of ten draws that fits, at a random place; else the
    largest central rectangle whose aspect is allowed."""
    lowest, highest = (math.log(aspect) for aspect in parameters.aspect)
    for attempt in range(10):
        area = width * height * draw.uniform(f"area{attempt}", *parameters.area)
        aspect = math.exp(draw.uniform(f"aspect{attempt}", lowest, highest))
        wide, high = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < wide <= width and 0 < high <= height:
            return draw.integer("x", 0, width - wide), draw.integer("y", 0, height - high), wide, high
    wide = max(1, min(width, round(height * parameters.aspect[1])))
    high = max(1, min(height, round(width / parameters.aspect[0])))
    return (width - wide) // 2, (height - high) // 2, wide, high


def short_side(parameters: ShortSide) -> Step:
    """Resize, aspect kept, until the short side is `size`; the long one's fraction is dropped (torchvision's rule)."""

    def apply(image: Image, draw: Draw) -> Image:
        return frames.to_short_side(image, parameters.size, parameters.filter)

    return apply


def shrink(parameters: Shrink) -> Step:
    """Shrink to a random short side, then enlarge to `back_to`, or to what it was. What is small already is not
    shrunk: no image is enlarged by the first half."""
    low, high = parameters.sides

    def change(image: Image, draw: Draw) -> Image:
        height, width = image.shape[:2]
        side = min(draw.integer("side", low, high), height, width)
        small = frames.to_short_side(image, side, parameters.filter)
        if parameters.back_to is None:
            return resized(small, width, height, parameters.filter)
        short = min(height, width)
        wide, tall = parameters.back_to * width // short, parameters.back_to * height // short
        return resized(small, wide, tall, parameters.filter)

    return sometimes("shrink", parameters.probability, change)
