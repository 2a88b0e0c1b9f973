"""Augmentations that take information away: blur, JPEG, noise and holes."""

import io
import math
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image as Pillow
from scipy.ndimage import gaussian_filter

from crossgen.config import Cutout, RandomBlur, RandomJpeg, RandomNoise
from crossgen.data import images, jpeg
from crossgen.training.augment.draws import Draw
from crossgen.training.augment.steps import Image, Step, sometimes


def blur(parameters: RandomBlur) -> Step:
    """scipy's gaussian_filter on each channel, as CNNSpot wrote it: both passes end in uint8, fractions dropped. So
    it darkens: by about one grey level on average, and a flat 255 becomes 253 at sigma 0.3."""

    def change(image: Image, draw: Draw) -> Image:
        sigma = draw.uniform("sigma", *parameters.sigma)
        return np.asarray(gaussian_filter(image, (sigma, sigma, 0), output=np.uint8))

    return sometimes("blur", parameters.probability, change)


def random_jpeg(parameters: RandomJpeg) -> Step:
    """A JPEG round trip with chroma 4:2:0, written and read by cv2 or by Pillow, at a whole quality from the first to
    the second, both included. Raises Unusable for an image that JPEG cannot hold."""

    def change(image: Image, draw: Draw) -> Image:
        images.refuse_unwritable(image, "JPEG")
        quality = draw.integer("quality", *parameters.quality)
        return _ROUND_TRIPS[draw.choice("encoder", parameters.encoders)](image, quality)

    return sometimes("jpeg", parameters.probability, change)


def _with_pillow(image: Image, quality: int) -> Image:
    return np.asarray(Pillow.open(io.BytesIO(jpeg.encode(image, quality, "4:2:0"))))


def _with_cv2(image: Image, quality: int) -> Image:
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality]
    settings += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), settings)
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB), np.uint8)


_ROUND_TRIPS: dict[str, Callable[[Image, int], Image]] = {"pillow": _with_pillow, "cv2": _with_cv2}


def noise(parameters: RandomNoise) -> Step:
    """Gaussian noise, of its own in each pixel and channel; clipped to 0..255, fractions dropped (which darkens by
    half a grey level), as albumentations 1.3 has it, which Corvi's training used."""

    def change(image: Image, draw: Draw) -> Image:
        sigma = math.sqrt(draw.uniform("variance", *parameters.variance))
        field = draw.generator("field").standard_normal(image.shape, np.float32)
        return np.clip(image + np.float32(sigma) * field, 0, 255).astype(np.uint8)

    return sometimes("noise", parameters.probability, change)


def cutout(parameters: Cutout) -> Step:
    """Fill squares with one grey, as albumentations 1.3 places them: the middle anywhere from 0 to the side, included;
    the square begins half its side before it, though not before 0, and is cut off at the right and bottom edges."""

    def change(image: Image, draw: Draw) -> Image:
        image = image.copy()
        for number in range(parameters.count):
            y = max(0, draw.integer(f"y{number}", 0, image.shape[0]) - parameters.size // 2)
            x = max(0, draw.integer(f"x{number}", 0, image.shape[1]) - parameters.size // 2)
            image[y : y + parameters.size, x : x + parameters.size] = parameters.fill
        return image

    return sometimes("cutout", parameters.probability, change)
