"""How near a reconstruction comes to its real."""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

Pixels = npt.NDArray[np.uint8]
Map = npt.NDArray[np.float64]

#: Wang et al., "Image quality assessment: from error visibility to structural similarity", 2004: constants and window.
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
SIGMA, RADIUS = 1.5, 5
#: ITU-R BT.601 luma, on which SSIM is taken.
LUMA = np.array([0.299, 0.587, 0.114])


def psnr(first: Pixels, second: Pixels) -> float:
    """Peak signal-to-noise ratio in dB over all values of two uint8 images; infinite for equal ones."""
    error = float(np.mean((first.astype(np.float64) - second) ** 2))
    return float("inf") if error == 0 else 10 * float(np.log10(255**2 / error))


def ssim(first: Pixels, second: Pixels) -> float:
    """Mean structural similarity of luma, in [-1, 1]: a Gaussian window of 11 pixels that lies within the image.

    Raises ValueError for an image with a side below 11 pixels.
    """
    if min(first.shape[:2]) < 2 * RADIUS + 1:
        raise ValueError(f"SSIM needs sides of at least {2 * RADIUS + 1} pixels, not {first.shape[:2]}.")
    x, y = first @ LUMA, second @ LUMA
    mean_x, mean_y = _blurred(x), _blurred(y)
    variances = _blurred(x * x) - mean_x**2 + _blurred(y * y) - mean_y**2
    covariance = _blurred(x * y) - mean_x * mean_y
    like = (2 * mean_x * mean_y + C1) * (2 * covariance + C2) / ((mean_x**2 + mean_y**2 + C1) * (variances + C2))
    return float(like[RADIUS:-RADIUS, RADIUS:-RADIUS].mean())


def _blurred(values: Map) -> Map:
    found: Map = gaussian_filter(values, SIGMA, radius=RADIUS, mode="nearest")
    return found
