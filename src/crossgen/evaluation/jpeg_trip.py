"""A JPEG round trip as Pillow makes it, in half of Pillow's time.

OpenCV and Pillow drive the same library, libjpeg-turbo, with the same settings; OpenCV copies less. Nobody promises
that it stays so: every process first holds one against the other, and goes on with Pillow where they differ.
"""

import io
from functools import cache

import cv2
import numpy as np
from PIL import Image

from crossgen.data import jpeg
from crossgen.data.images import Pixels

_FACTORS = {
    "4:4:4": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    "4:2:2": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    "4:2:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
}
#: Encoder and decoder work with whole blocks and with parts of them, with coarse tables and with fine ones.
_PROBED = [(quality, chroma, side) for quality in (10, 65, 100) for chroma in _FACTORS for side in (32, 41)]


def round_trip(image: Pixels, quality: int, chroma: str) -> Pixels:
    """uint8 [H, W, 3] written as JPEG and read again: the pixels of Pillow."""
    return (by_opencv if agree() else by_pillow)(image, quality, chroma)


def by_pillow(image: Pixels, quality: int, chroma: str) -> Pixels:
    """The definition."""
    return np.asarray(Image.open(io.BytesIO(jpeg.encode(image, quality, chroma)), formats=("JPEG",)))


def by_opencv(image: Pixels, quality: int, chroma: str) -> Pixels:
    """The same, sooner, if `agree`."""
    decoded = cv2.imdecode(_encoded(image, quality, chroma), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    return np.asarray(decoded, np.uint8)


def _encoded(image: Pixels, quality: int, chroma: str) -> Pixels:
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, _FACTORS[chroma]]
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    return np.asarray(encoded, np.uint8)


@cache
def agree() -> bool:
    """Whether the OpenCV at hand makes what the Pillow at hand makes."""
    whole = np.random.default_rng(0).integers(0, 256, (41, 41, 3), np.uint8)
    whole[:, :20] = np.arange(0, 205, 5, dtype=np.uint8)[:, None, None]
    probes = [(np.ascontiguousarray(whole[:side, :side]), quality, chroma) for quality, chroma, side in _PROBED]
    return all(np.array_equal(by_opencv(*probe), by_pillow(*probe)) for probe in probes)
