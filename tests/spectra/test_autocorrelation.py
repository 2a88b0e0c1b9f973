"""Autocorrelation against numpy, and planted periods."""

import numpy as np
import pytest
from drawn_squares import noise, picture

from crossgen.spectra.autocorrelation import autocorrelation, peaks
from crossgen.spectra.averages import power_of
from crossgen.spectra.residuals import RESIDUALS

SIDE = 128


def halves(draw, n: int = 16) -> list[np.ndarray]:
    """Mean power of the even and of the odd seeds, each picture of the same weight."""
    powers = []
    for part in (0, 1):
        found = [power_of(RESIDUALS["median_5"](np.asarray(draw(seed), np.float32))) for seed in range(part, n, 2)]
        powers.append(np.mean([each / each.sum() for each in found], axis=0))
    return powers


def planted(period_down: int, period_right: int, height: float):
    """A dot every so many pixels, at a place of its own in each picture."""

    def draw(seed: int) -> np.ndarray:
        random = np.random.default_rng(seed + 500)
        grey = picture(seed, SIDE)[..., 0].astype(np.float64)
        grey[random.integers(period_down) :: period_down, random.integers(period_right) :: period_right] += height
        return grey

    return draw


def test_it_is_the_circular_autocorrelation():
    grey = noise(0, 64).astype(np.float64)
    grey -= grey.mean()
    found = autocorrelation(power_of(grey))
    for down, right in ((0, 0), (1, 0), (3, 5), (-4, 7)):
        direct = (grey * np.roll(grey, (-down, -right), (0, 1))).sum() / (grey**2).sum()
        assert found[32 + down, 32 + right] == pytest.approx(direct, abs=1e-9)
    assert (autocorrelation(np.zeros((64, 33))) == 0).all()


@pytest.mark.parametrize(("down", "right", "height"), [(8, 8, 30), (4, 4, 12), (16, 8, 45)])
def test_planted_periods_are_found(down, right, height):
    lags = {(peak.right, peak.down) for peak in peaks(*halves(planted(down, right, height)))}
    assert {(right, 0), (0, down)} <= lags


def test_a_period_that_does_not_divide_the_square_is_found():
    lags = {(peak.right, peak.down) for peak in peaks(*halves(planted(10, 10, 45)))}
    assert {(10, 0), (0, 10)} <= lags


def test_a_checkerboard_is_found():
    def draw(seed: int) -> np.ndarray:
        return picture(seed, SIDE)[..., 0] + 6.0 * (np.indices((SIDE, SIDE)).sum(axis=0) % 2)

    lags = {(peak.right, peak.down) for peak in peaks(*halves(draw))}
    assert lags and all((right + down) % 2 == 0 for right, down in lags)


def test_photograph_like_noise_and_white_noise_do_not_repeat():
    assert peaks(*halves(lambda seed: picture(seed, SIDE)[..., 0])) == []
    assert peaks(*halves(lambda seed: noise(seed, SIDE))) == []


def test_what_one_half_alone_has_is_no_peak():
    first = halves(planted(8, 8, 30))[0]
    second = halves(lambda seed: picture(seed, SIDE)[..., 0])[1]
    assert peaks(first, second) == []
