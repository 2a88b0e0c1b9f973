"""PSNR and SSIM against their formulas, written out pixel by pixel."""

import numpy as np
import pytest

from crossgen.reconstruction.likeness import psnr, ssim


def _pair(height: int = 16, width: int = 14) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(5)
    first = draw.integers(0, 256, (height, width, 3), np.uint8)
    return first, np.clip(first + draw.normal(0, 20, first.shape), 0, 255).astype(np.uint8)


def _written_out(first: np.ndarray, second: np.ndarray) -> float:
    steps = np.arange(-5, 6)
    bell = np.exp(-(steps**2) / (2 * 1.5**2))
    weights = np.outer(bell, bell) / bell.sum() ** 2
    x, y = ((image * [0.299, 0.587, 0.114]).sum(axis=2) for image in (first, second))
    found = []
    for top in range(x.shape[0] - 10):
        for left in range(x.shape[1] - 10):
            a, b = (image[top : top + 11, left : left + 11] for image in (x, y))
            mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
            var_a, var_b = (weights * (a - mean_a) ** 2).sum(), (weights * (b - mean_b) ** 2).sum()
            both = (weights * (a - mean_a) * (b - mean_b)).sum()
            upper = (2 * mean_a * mean_b + 6.5025) * (2 * both + 58.5225)
            found.append(upper / ((mean_a**2 + mean_b**2 + 6.5025) * (var_a + var_b + 58.5225)))
    return float(np.mean(found))


def test_ssim_is_its_formula() -> None:
    first, second = _pair()
    assert ssim(first, second) == pytest.approx(_written_out(first, second), abs=1e-9)
    assert ssim(first, first) == pytest.approx(1)


def test_ssim_of_an_image_smaller_than_its_window_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 11 pixels"):
        ssim(*_pair(height=10))


def test_psnr_of_a_known_error() -> None:
    first = np.full((12, 12, 3), 100, np.uint8)
    assert psnr(first, first + np.uint8(5)) == pytest.approx(10 * np.log10(255**2 / 25))
    assert psnr(first, first) == float("inf")
