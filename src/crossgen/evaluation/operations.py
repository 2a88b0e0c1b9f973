"""The steps of conditions: how each changes pixels, and how far around a pixel it looks."""

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from crossgen.config import (
    Avif,
    Blur,
    Brightness,
    CentralCrop,
    Contrast,
    Frame,
    GaussianBlur,
    Jpeg,
    Noise,
    Operations,
    Png,
    Resize,
    Webp,
)
from crossgen.data import frames, images
from crossgen.data.images import Pixels
from crossgen.evaluation import box_blur, operation_table
from crossgen.evaluation.jpeg_trip import round_trip
from crossgen.evaluation.noise import Place, standard_noise

cv2.setNumThreads(0)  # who wants threads renders several images at a time

#: What the weights of a Gaussian are counted in: 8 + 22 + 22 bits fit the 53 of a float.
_UNITS = 2**22


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
        return round_trip(image, parameters.quality, parameters.chroma_subsampling)

    return Operation(apply, halo=1, alignment=16)


def _png(parameters: Png) -> Operation:
    """Pillow's PNG, which loses nothing: a control of whatever reads the format of files instead of their pixels."""

    def apply(image: Pixels, place: Place) -> Pixels:
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, "PNG", compress_level=1)
        return images.decode(stream.getvalue())

    return Operation(apply, halo=0)


def _resize(parameters: Resize) -> Operation:
    """Shrink by size / reference (sides rounded half to even, at least 1 pixel) and come back to the first size."""
    factor = parameters.size / parameters.reference

    def apply(image: Pixels, place: Place) -> Pixels:
        height, width = image.shape[:2]
        wide, high = max(1, round(width * factor)), max(1, round(height * factor))
        small = frames.resize(image, wide, high, parameters.filter)
        back = parameters.filter_up or parameters.filter
        return small if parameters.down_only else frames.resize(small, width, height, back)

    return Operation(apply, halo=None)


def _crop(parameters: CentralCrop) -> Operation:
    """The central square, as a frame of kind `crop` cuts it, with the same policy for small images."""
    frame = Frame(kind="crop", size=parameters.size, grid=parameters.grid, small=parameters.small)

    def apply(image: Pixels, place: Place) -> Pixels:
        return frames.fit(frame, image)

    return Operation(apply, halo=None)


def _blur(parameters: Blur) -> Operation:
    """Pillow's GaussianBlur: three box filters of one radius r, which is not whole, with sigma^2 / 3 the variance of
    each (Gwosdek et al. 2011). A box reaches floor(r) + 1 pixels; Pillow computes r in 32 bits, so the next whole
    number counts as reached a little earlier."""
    radius = (math.sqrt(4 * parameters.sigma**2 + 1) - 1) / 2

    def apply(image: Pixels, place: Place) -> Pixels:
        return box_blur.blur(image, parameters.sigma)

    return Operation(apply, halo=3 * (math.floor(radius + 1e-3) + 1))


def _gaussian_blur(parameters: GaussianBlur) -> Operation:
    """A Gaussian cut at 4 sigma, the border reflected, rounded half to even: scipy's gaussian_filter but for rounding.

    Its weights are whole multiples of 2^-22, so that with 8 bits of the pixels both passes are exact in 64-bit
    arithmetic: no order of additions, no processor and no place in an array changes a bit.
    """
    weights = _gaussian(parameters.sigma)

    def apply(image: Pixels, place: Place) -> Pixels:
        blurred: NDArray[np.float64] = cv2.sepFilter2D(
            image, cv2.CV_64F, weights, weights, borderType=cv2.BORDER_REFLECT
        )
        return np.rint(blurred).astype(np.uint8)

    return Operation(apply, halo=len(weights) // 2)


def _gaussian(sigma: float) -> NDArray[np.float64]:
    """Weights [2 r + 1] of a Gaussian, r = 4 sigma rounded; their sum is exactly 1."""
    radius = int(4 * sigma + 0.5)
    exact = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    whole: NDArray[np.float64] = np.rint(exact / exact.sum() * _UNITS)
    whole[radius] += _UNITS - whole.sum()
    return whole / _UNITS


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


def _listed(parameters: Operations) -> Operation:
    """The square that the table names for an image, resized, then Pillow's JPEG (4:2:0)."""
    side = parameters.size

    def apply(image: Pixels, place: Place) -> Pixels:
        cut = operation_table.find(parameters.table, place.image_id)
        if cut is None:
            raise images.Unusable("unlisted", f"{parameters.table} has no row of {place.image_id}")
        square = image[cut.y : cut.y + cut.size, cut.x : cut.x + cut.size]
        if square.shape[:2] != (cut.size, cut.size):
            told = f"{image.shape[1]} x {image.shape[0]} pixels, {parameters.table} cuts {cut.size} at {cut.x}, {cut.y}"
            raise images.Unusable("under_frame", told)
        resized = frames.resize(square, side, side, "lanczos" if cut.size > side else "bicubic")
        return round_trip(resized, cut.quality, "4:2:0")

    return Operation(apply, halo=None)


#: Name of a step in the config to the maker of its operation.
STEPS: dict[str, Callable[[Any], Operation]] = {
    "jpeg": _jpeg,
    "png": _png,
    "resize": _resize,
    "crop": _crop,
    "blur": _blur,
    "gaussian_blur": _gaussian_blur,
    "brightness": _brightness,
    "noise": _noise,
    "webp": _webp,
    "avif": _avif,
    "contrast": _contrast,
    "operations": _listed,
}
