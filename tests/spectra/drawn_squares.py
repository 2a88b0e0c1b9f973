"""Squares whose spectra are known: noise, waves, up-sampled pictures, JPEG files."""

import io

import numpy as np
from PIL import Image


def noise(seed: int, side: int = 128, spread: float = 8.0) -> np.ndarray:
    """White noise about grey, float32 [side, side]."""
    return (128 + np.random.default_rng(seed).normal(0, spread, (side, side))).astype(np.float32)


def picture(seed: int, side: int = 128) -> np.ndarray:
    """Noise whose power falls with the frequency as a photograph's, uint8 [side, side, 3]; never saved as JPEG."""
    random = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None])
    shaped = np.fft.ifft2(np.fft.fft2(random.normal(size=(side, side))) / np.maximum(frequency, 1 / side) ** 1.1).real
    grey = 128 + 45 * shaped / shaped.std() + random.normal(0, 2, (side, side))
    return np.repeat(np.clip(np.rint(grey), 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def as_jpeg(pixels: np.ndarray, *qualities: int) -> np.ndarray:
    """The same after one or more saves."""
    for quality in qualities:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality)
        pixels = np.asarray(Image.open(file).convert("RGB"))
    return pixels
