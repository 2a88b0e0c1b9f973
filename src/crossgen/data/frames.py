"""Frames: which part of an image a detector sees, as a uint8 square (or, of kind `whole`, the image as it is).

A crop's offsets are multiples of `frame.grid`. An image with a side below `frame.size` is, by `frame.small`:

- skip: refused (`under_frame`);
- reflect: continued by reflection. What is missing goes to both sides, the left and top share floored to a multiple
  of the grid, so that the phase of an 8x8 JPEG grid stays what it was;
- resize: enlarged, aspect kept, until the shorter side is `size`.

An image so narrow that it would grow beyond MAX_PIXELS is refused (`under_frame`) by any policy. Regions are then in
pixels of the grown image. Frames of kind `resize` see the whole image, aspect not kept; those of kind `short_side` its
central square after the short side was brought to `frame.short_side` (GenImage's and timm's test geometry: short side
235, square 224); those of kind `whole` see all of it, and images with a side below `frame.size` follow the policy.
A change of pixels here raises `VERSION` of `crossgen.evaluation.conditions` and of alignment.
"""

import json
from typing import NamedTuple

import numpy as np
from blake3 import blake3
from PIL import Image

from crossgen.config import Frame
from crossgen.data.images import MAX_PIXELS, Pixels, Unusable

_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


#: Kinds that cut pixels untouched and so need images of their size: small ones follow `frame.small`.
_POLICY = ("crop", "whole")


class Region(NamedTuple):
    """A rectangle of an image, in pixels: columns x to x + width, rows y to y + height."""

    x: int
    y: int
    width: int
    height: int

    def of(self, image: Pixels) -> Pixels:
        """A view of these pixels of an image [H, W, 3]."""
        return image[self.y : self.y + self.height, self.x : self.x + self.width]


def key(frame: Frame) -> str:
    """Short name of the geometry alone, such as `crop96_1f0c3a52`: frames that give equal pixels share it.

    Normalisation is left out (it is done on the device), and so is what a kind of frame does not use.
    """
    follows_policy, resizes = frame.kind in _POLICY, frame.kind in ("resize", "short_side")
    used = {"kind": True, "size": True, "small": follows_policy, "short_side": frame.kind == "short_side"}
    used["grid"] = frame.kind == "crop" or (follows_policy and frame.small == "reflect")
    used["filter"] = resizes or (follows_policy and frame.small == "resize")
    geometry = {name: getattr(frame, name) for name in sorted(used) if used[name]}
    digest = blake3(json.dumps(geometry, sort_keys=True).encode()).hexdigest()[:8]
    return f"{frame.kind}{frame.size}_{digest}"


def is_small(frame: Frame, width: int, height: int) -> bool:
    """Whether the policy `frame.small` applies to an image of this size."""
    return frame.kind in _POLICY and min(width, height) < frame.size


def sees_all(frame: Frame) -> bool:
    """Whether every pixel of an image counts, however large it is."""
    return frame.kind != "crop"


def central(frame: Frame, width: int, height: int) -> Region:
    """The region judged in tests: central, its offsets floored to the grid; of a frame that sees all, the whole image.

    Raises Unusable (`under_frame`) for a small image whose policy is skip.
    """
    wide, high = _grown(frame, width, height)
    if sees_all(frame):
        return Region(0, 0, wide, high)
    return Region(
        _floored((wide - frame.size) // 2, frame.grid),
        _floored((high - frame.size) // 2, frame.grid),
        frame.size,
        frame.size,
    )


def sampled(frame: Frame, width: int, height: int, n: int, key: str) -> list[Region]:
    """`n` regions to train on: the central one, then others of the grid at random.

    None is repeated before all were used. The draw is a function of `key` (say, seed and image id) and nothing else.
    Raises Unusable as `central` does.
    """
    middle = central(frame, width, height)
    if sees_all(frame):
        return [middle] * n
    wide, high = _grown(frame, width, height)
    columns = (wide - frame.size) // frame.grid + 1
    count = columns * ((high - frame.size) // frame.grid + 1)
    first = middle.y // frame.grid * columns + middle.x // frame.grid
    places = _draw(n, count, first, key)
    return [Region(p % columns * frame.grid, p // columns * frame.grid, frame.size, frame.size) for p in places]


def _draw(n: int, count: int, first: int, key: str) -> list[int]:
    """`n` (at least 1) of `count` numbers, round after round without repetition, beginning with `first`."""
    generator = np.random.default_rng(int.from_bytes(blake3(key.encode()).digest(), "little"))
    places = [first]
    if min(n, count) > 1:
        others = generator.choice(count - 1, size=min(n, count) - 1, replace=False)
        places += (others + (others >= first)).tolist()
    while len(places) < n:
        places += generator.permutation(count)[: n - len(places)].tolist()
    return places


def cut(frame: Frame, image: Pixels, region: Region) -> Pixels:
    """Pixels [size, size, 3] of one region of a whole image [H, W, 3], grown first if it is small.

    Of kind `whole` they are [height, width, 3] of the region.
    """
    if frame.kind == "resize":
        return resize(region.of(image), frame.size, frame.size, frame.filter)
    if frame.kind == "short_side":
        return _central_square(
            to_short_side(region.of(image), frame.short_side or frame.size, frame.filter), frame.size
        )
    height, width = image.shape[:2]
    if is_small(frame, width, height):
        image = _grow(frame, image)
    return np.ascontiguousarray(region.of(image))


def fit(frame: Frame, image: Pixels) -> Pixels:
    """The frame [size, size, 3] (`whole`: [height, width, 3]) of a whole image [H, W, 3]: its central region.

    Raises Unusable as `central` does.
    """
    return cut(frame, image, central(frame, image.shape[1], image.shape[0]))


def resize(image: Pixels, width: int, height: int, filter: str) -> Pixels:
    """Pillow's resize (which smooths before it shrinks) of uint8 [H, W, 3] to [height, width, 3]."""
    return np.asarray(Image.fromarray(image).resize((width, height), _FILTERS[filter]))


def to_short_side(image: Pixels, short_side: int, filter: str) -> Pixels:
    """The whole image [H, W, 3] resized so that its short side has so many pixels; the long one's fraction is dropped.

    torchvision's `Resize(short_side)`. Raises Unusable (`under_frame`) for an image so narrow that it would grow beyond
    MAX_PIXELS.
    """
    height, width = image.shape[:2]
    long = int(short_side * max(width, height) / min(width, height))
    wide, high = (short_side, long) if width <= height else (long, short_side)
    if wide * high > MAX_PIXELS:
        raise Unusable("under_frame", f"{width} x {height} pixels would have to grow to {wide} x {high}")
    return image if (wide, high) == (width, height) else resize(image, wide, high, filter)


def _central_square(image: Pixels, size: int) -> Pixels:
    """torchvision's `CenterCrop`: offsets rounded, half to even."""
    top, left = round((image.shape[0] - size) / 2), round((image.shape[1] - size) / 2)
    return np.ascontiguousarray(image[top : top + size, left : left + size])


def _grown(frame: Frame, width: int, height: int) -> tuple[int, int]:
    """Size of the image that regions are cut from."""
    if not is_small(frame, width, height):
        return width, height
    if frame.small == "skip":
        raise Unusable("under_frame", f"{width} x {height} pixels, the frame needs {frame.size}")
    wide, high = max(width, frame.size), max(height, frame.size)
    if frame.small == "resize":
        factor = frame.size / min(width, height)
        wide, high = round(width * factor), round(height * factor)
    if wide * high > MAX_PIXELS:
        raise Unusable("under_frame", f"{width} x {height} pixels would have to grow to {wide} x {high}")
    return wide, high


def _grow(frame: Frame, image: Pixels) -> Pixels:
    height, width = image.shape[:2]
    wide, high = _grown(frame, width, height)
    if frame.small == "resize":
        return resize(image, wide, high, frame.filter)
    left, top = _floored((wide - width) // 2, frame.grid), _floored((high - height) // 2, frame.grid)
    return np.pad(image, ((top, high - height - top), (left, wide - width - left), (0, 0)), mode="reflect")


def _floored(offset: int, grid: int) -> int:
    return offset // grid * grid
