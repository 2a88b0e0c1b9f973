"""Grey values of an image, the square that is cut from them, and what a high-pass leaves of it."""

import hashlib
from collections.abc import Callable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from crossgen.config.spectra import GRID, Spectra

Grey = NDArray[np.float32]

#: Weights of red, green and blue in JPEG's Y (ITU-R BT.601).
LUMA = np.array([[0.299, 0.587, 0.114]], dtype=np.float32)
_RING = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=np.float32) / 8


def _median(size: int) -> Callable[[Grey], Grey]:
    return lambda grey: grey - cv2.medianBlur(grey, size)


def _gaussian(grey: Grey) -> Grey:
    """Sigma 1 over 9 x 9 pixels; what is beyond four sigma weighs less than rounding."""
    return np.asarray(grey - cv2.GaussianBlur(grey, (9, 9), 1.0, borderType=cv2.BORDER_REFLECT_101))


def _laplacian(grey: Grey) -> Grey:
    return np.asarray(grey - cv2.filter2D(grey, -1, _RING, borderType=cv2.BORDER_REFLECT_101))


#: Name to high-pass: float32 [H, W] in grey levels to the same.
RESIDUALS: Mapping[str, Callable[[Grey], Grey]] = {
    "median_5": _median(5),
    "median_3": _median(3),
    "gaussian_1": _gaussian,
    "laplacian": _laplacian,
    "none": lambda grey: np.asarray(grey - grey.mean()),
}


def luma(pixels: NDArray[np.uint8]) -> Grey:
    """JPEG's Y of uint8 [H, W, 3] RGB, not rounded: float32 [H, W] from 0 to 255."""
    return np.asarray(cv2.transform(np.ascontiguousarray(pixels).astype(np.float32), LUMA))


def corner(image_id: str, shape: tuple[int, int], options: Spectra) -> tuple[int, int]:
    """Row and column where an image's square begins: multiples of 16, in the middle or by seed and image."""
    height, width = shape
    free = (height - options.side) // GRID, (width - options.side) // GRID
    if min(height, width) < options.side:
        raise ValueError(f"{image_id}: {width} x {height} pixels hold no square of {options.side}.")
    if options.crop == "centre":
        return free[0] // 2 * GRID, free[1] // 2 * GRID
    told = hashlib.blake2b(f"corner {options.seed} {image_id}".encode(), digest_size=16).digest()
    draws = int.from_bytes(told[:8], "big"), int.from_bytes(told[8:], "big")
    return draws[0] % (free[0] + 1) * GRID, draws[1] % (free[1] + 1) * GRID
