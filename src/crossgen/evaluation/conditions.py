"""Conditions: what is done to the pixels of a test image before its frame is cut.

A step is local or global. A local step changes a pixel by what lies within its halo, so it runs on the frame plus that
halo, bit-identical to the whole image and several times cheaper; a global step needs the whole image.
"""

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

from crossgen.config import Avif, Blur, Brightness, Contrast, Frame, Jpeg, Noise, Resize, Step, Webp
from crossgen.data import frames, images, jpeg
from crossgen.data.frames import Region
from crossgen.data.images import Pixels

#: Part of the name of every stored pixel cell: raise it when pixels change, here or in `crossgen.data.frames`.
VERSION = 1


@dataclass(frozen=True)
class Place:
    """Where the pixels given to a step lie: image, step number in the chain, top left corner in the whole image."""

    image_id: str
    step: int = 0
    x: int = 0
    y: int = 0


@dataclass(frozen=True)
class Operation:
    """A step ready to run: uint8 [H, W, 3] to the same (a resize may change H and W).

    `halo`: how many pixels around it a result depends on; None: on all, the step is global. `alignment`: a local
    step must be given pixels that begin, and end unless the image does, at multiples of this.
    """

    apply: Callable[[Pixels, Place], Pixels]
    halo: int | None
    alignment: int = 1


def _jpeg(parameters: Jpeg) -> Operation:
    """Blocks of 16 x 16 at most are coded on their own; to enlarge its chroma, the decoder then looks one pixel over
    a block's edge."""

    def apply(image: Pixels, place: Place) -> Pixels:
        images.refuse_unwritable(image, "JPEG")
        return images.decode(jpeg.encode(image, parameters.quality, parameters.chroma_subsampling))

    return Operation(apply, halo=1, alignment=16)


def _resize(parameters: Resize) -> Operation:
    """Shrink by size / reference (sides rounded half to even, at least 1 pixel) and come back to the first size."""
    factor = parameters.size / parameters.reference

    def apply(image: Pixels, place: Place) -> Pixels:
        height, width = image.shape[:2]
        wide, high = max(1, round(width * factor)), max(1, round(height * factor))
        small = frames.resize(image, wide, high, parameters.filter)
        return small if parameters.down_only else frames.resize(small, width, height, parameters.filter)

    return Operation(apply, halo=None)


def _blur(parameters: Blur) -> Operation:
    """Pillow's GaussianBlur: three box filters of one radius r, which is not whole, with sigma^2 / 3 the variance of
    each (Gwosdek et al. 2011). A box reaches floor(r) + 1 pixels; one more, because Pillow computes r in 32 bits."""
    radius = (math.sqrt(4 * parameters.sigma**2 + 1) - 1) / 2

    def apply(image: Pixels, place: Place) -> Pixels:
        return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(parameters.sigma)))

    return Operation(apply, halo=3 * (math.floor(radius) + 2))


def _brightness(parameters: Brightness) -> Operation:
    """Pillow's ImageEnhance.Brightness: times the factor, clipped to 0..255, fractions dropped."""

    def apply(image: Pixels, place: Place) -> Pixels:
        return np.asarray(ImageEnhance.Brightness(Image.fromarray(image)).enhance(parameters.factor))

    return Operation(apply, halo=0)


def _noise(parameters: Noise) -> Operation:
    """Add sigma times standard normal noise, round, clip. Every strength has the same noise: its curve is paired."""

    def apply(image: Pixels, place: Place) -> Pixels:
        noise = np.float32(parameters.sigma) * standard_noise(place, image.shape[0], image.shape[1])
        return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)

    return Operation(apply, halo=0)


def _webp(parameters: Webp) -> Operation:
    """Pillow's lossy WebP: its loop filter and prediction run from block to block through the whole image."""
    return Operation(_round_trip("WEBP", parameters.quality), halo=None)


def _avif(parameters: Avif) -> Operation:
    """Pillow's lossy AVIF, one thread, so that the bytes do not depend on the machine's cores."""
    return Operation(_round_trip("AVIF", parameters.quality, max_threads=1), halo=None)


def _round_trip(codec: str, quality: int, **options: int) -> Callable[[Pixels, Place], Pixels]:
    def apply(image: Pixels, place: Place) -> Pixels:
        images.refuse_unwritable(image, codec)
        encoded = io.BytesIO()
        Image.fromarray(image).save(encoded, codec, quality=quality, **options)
        return images.decode(encoded.getvalue())

    return apply


def _contrast(parameters: Contrast) -> Operation:
    """Pillow's ImageEnhance.Contrast: away from the rounded mean grey of the whole image, clipped to 0..255."""

    def apply(image: Pixels, place: Place) -> Pixels:
        return np.asarray(ImageEnhance.Contrast(Image.fromarray(image)).enhance(parameters.factor))

    return Operation(apply, halo=None)


#: Name of a step in the config to the maker of its operation.
STEPS: dict[str, Callable[[Any], Operation]] = {
    "jpeg": _jpeg,
    "resize": _resize,
    "blur": _blur,
    "brightness": _brightness,
    "noise": _noise,
    "webp": _webp,
    "avif": _avif,
    "contrast": _contrast,
}


def render(image: Pixels, steps: Sequence[Step], frame: Frame, image_id: str) -> Pixels:
    """The frame of an image [H, W, 3] after the steps (see `frames.fit`): the pixels of `render_full`, sooner.

    The whole image goes through the chain up to its last global step, from there on only what the frame needs.
    Raises Unusable: `under_frame` if the image is, or has become, too small for a frame that skips such images;
    `too_large` if a step's codec cannot hold it.
    """
    operations = [STEPS[step.step](step) for step in steps]
    first_local = max((i + 1 for i, operation in enumerate(operations) if operation.halo is None), default=0)
    for i, operation in enumerate(operations[:first_local]):
        image = operation.apply(image, Place(image_id, i))
    height, width = image.shape[:2]
    region = frames.central(frame, width, height)
    if frames.sees_all(frame) or frames.is_small(frame, width, height):
        for i, operation in enumerate(operations[first_local:], first_local):
            image = operation.apply(image, Place(image_id, i))
        return frames.fit(frame, image)
    regions = _needed(region, operations[first_local:], width, height)
    return _run_on_regions(image, operations, regions, image_id)


def render_full(image: Pixels, steps: Sequence[Step], frame: Frame, image_id: str) -> Pixels:
    """The definition of what `render` gives: the whole image through each step, then the frame."""
    for i, step in enumerate(steps):
        image = STEPS[step.step](step).apply(image, Place(image_id, i))
    return frames.fit(frame, image)


def _needed(region: Region, operations: Sequence[Operation], width: int, height: int) -> list[Region]:
    """What each local operation must be given, in order, and last the region that is wanted of the chain."""
    regions = [region]
    for operation in reversed(operations):
        halo, step = operation.halo or 0, operation.alignment
        x, y, wide, high = regions[0]
        left, top = max(0, x - halo) // step * step, max(0, y - halo) // step * step
        right = min(width, -(-(x + wide + halo) // step) * step)
        bottom = min(height, -(-(y + high + halo) // step) * step)
        regions.insert(0, Region(left, top, right - left, bottom - top))
    return regions


def _run_on_regions(image: Pixels, operations: Sequence[Operation], regions: list[Region], image_id: str) -> Pixels:
    """Run the last operations of a chain, each on its region; regions shrink towards the one that is wanted."""
    here = regions[0]
    pixels = here.of(image)
    first_local = len(operations) - len(regions) + 1
    for i, inner in enumerate(regions[1:], first_local):
        pixels = operations[i].apply(pixels, Place(image_id, i, here.x, here.y))
        pixels = inner._replace(x=inner.x - here.x, y=inner.y - here.y).of(pixels)
        here = inner
    return np.ascontiguousarray(pixels)


def standard_noise(place: Place, height: int, width: int) -> NDArray[np.float32]:
    """Standard normal noise [height, width, 3]: a function of image, step, absolute position and channel only.

    Counter-based: splitmix64 (Steele et al. 2014) of the position, keyed by the image; 16 of its bits a channel pick
    one of 65,536 quantiles. A table, not Box-Muller: no rounding depends on where in an array a pixel stands.
    """
    seed = int.from_bytes(blake3(f"{place.step}|{place.image_id}".encode()).digest()[:8], "little")
    rows = np.arange(place.y, place.y + height, dtype=np.uint64)[:, None]
    columns = np.arange(place.x, place.x + width, dtype=np.uint64)
    bits = (rows << 32 | columns) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)
    bits = (bits ^ (bits >> 30)) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> 27)) * np.uint64(0x94D049BB133111EB)
    bits ^= bits >> 31
    return _quantiles()[np.stack([bits >> 48, (bits >> 32) & 0xFFFF, (bits >> 16) & 0xFFFF], axis=-1)]


@cache
def _quantiles() -> NDArray[np.float32]:
    """The normal distribution cut into 65,536 equal parts: the middle of each, from -4.3 to 4.3."""
    normal = NormalDist()
    return np.array([normal.inv_cdf((i + 0.5) / 65536) for i in range(65536)], np.float32)
