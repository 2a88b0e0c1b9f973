"""Average spectra against formulas: planted waves, known up-sampling, white noise; memory and both orders."""

import numpy as np
import pytest
from drawn_squares import noise, picture
from PIL import Image

from crossgen.spectra.averages import BAND, BANDS, FLOOR, Averages, Rings, power_of, whole
from crossgen.spectra.residuals import RESIDUALS

SIDE = 128


def averaged(squares, residual="none") -> Averages:
    found = Averages(SIDE)
    for grey in squares:
        rest = RESIDUALS[residual](np.asarray(grey, np.float32))
        found.add(rest, power_of(rest))
    return found


def wave(seed: int, still: bool) -> np.ndarray:
    """Period 8 across and 16 down, in noise; with a phase of its own unless `still`."""
    shift = 0.0 if still else np.random.default_rng(1000 + seed).uniform(0, 2 * np.pi)
    down, across = np.indices((SIDE, SIDE))
    return noise(seed) + 3 * np.cos(2 * np.pi * (across / 8 + down / 16) + shift)


def strongest(values: np.ndarray) -> tuple[int, int]:
    """Cycles a square, down and across, of the largest value in the right half."""
    right = values.copy()
    right[:, : SIDE // 2] = -np.inf
    right[SIDE // 2, SIDE // 2] = -np.inf
    row, column = np.unravel_index(right.argmax(), right.shape)
    return int(row) - SIDE // 2, int(column) - SIDE // 2


@pytest.mark.parametrize("residual", ["none", "median_5", "laplacian"])
def test_a_wave_stands_at_its_frequency_in_both_orders(residual):
    found = averaged([wave(seed, still=True) for seed in range(12)], residual)
    assert strongest(found.mean_then_fft()) == strongest(found.log_then_mean()) == (SIDE // 16, SIDE // 8)


def test_a_wave_of_any_phase_stands_only_where_spectra_are_averaged():
    found = averaged([wave(seed, still=False) for seed in range(40)])
    place = (SIDE // 2 + SIDE // 16, SIDE // 2 + SIDE // 8)
    of_still = averaged([wave(seed, still=True) for seed in range(40)]).mean_then_fft()[place]
    assert strongest(found.log_then_mean()) == (SIDE // 16, SIDE // 8)
    assert found.mean_then_fft()[place] < of_still - 8  # 40 random phases: 16 dB on average


def test_levels_are_those_of_white_noise():
    found = averaged([noise(seed) for seed in range(50)])
    # the mean of the logarithm of an exponential variable lies 2.51 dB below the logarithm of its mean
    assert np.median(found.log_then_mean()) == pytest.approx(10 * np.log10(64) - 2.51, abs=0.2)
    assert found.mean_then_fft().mean() == pytest.approx(10 * np.log10(64 / 50) - 2.51, abs=0.2)
    rings = Rings(SIDE).bands(power_of(noise(0) - 128))
    assert rings.shape == (BANDS,) and np.isfinite(rings).all()
    assert rings[5:40] == pytest.approx(np.full(35, 64), rel=0.3)
    assert Rings(SIDE).high(power_of(noise(0) - 128)) == pytest.approx(64, rel=0.05)


@pytest.mark.parametrize("side", [80, 96, 128, 160])
def test_every_band_holds_a_frequency_and_all_power_is_kept(side):
    rings = Rings(side)
    assert (np.bincount(rings.band.ravel(), rings.weight.ravel(), BANDS) > 0).all()
    grey = noise(1, side)
    assert rings.weight.sum() == side**2 - 1
    assert (power_of(grey) * rings.weight).sum() == pytest.approx(side**2 * grey.astype(np.float64).var(), rel=1e-6)
    assert whole(power_of(grey)).sum() == pytest.approx(
        np.abs(np.fft.fft2(grey)).astype(float).__pow__(2).sum() / side**2
    )
    assert BANDS * BAND > np.sqrt(0.5) >= (BANDS - 1) * BAND


@pytest.mark.parametrize(("kind", "order"), [(Image.Resampling.NEAREST, 1), (Image.Resampling.BILINEAR, 3)])
def test_twofold_upsampling_leaves_its_known_replicas(kind, order):
    """The picture's own spectrum stands there twice, so P(f) / P(1/2 - f) is (cos / sin)^2 of pi f, to the power of 1
    for the kernel (1, 1) and of 3 for (1, 3, 3, 1) / 4, which is bilinear between pixels' middles."""
    power = np.zeros((SIDE, SIDE // 2 + 1))
    for seed in range(40):
        tiled = np.tile(picture(seed, SIDE // 2)[..., 0].astype(np.float32), (3, 3))  # so that no edge is seen
        large = np.asarray(Image.fromarray(tiled).resize((3 * SIDE, 3 * SIDE), kind), np.float64)
        power += power_of(large[SIDE:-SIDE, SIDE:-SIDE])
    across = np.arange(8, 25)
    told = 10 * np.log10(power[0, across] / power[0, SIDE // 2 - across])
    formula = 20 * order * np.log10(1 / np.tan(np.pi * across / SIDE))
    assert told == pytest.approx(formula, abs=0.5)
    plain = np.sum([power_of(picture(seed)[..., 0].astype(float)) for seed in range(40)], axis=0)
    assert abs(10 * np.log10(plain[0, across] / plain[0, SIDE // 2 - across]) - formula).mean() > 2


def test_memory_does_not_grow_with_images_and_none_is_refused():
    few, many = averaged([noise(0)] * 2), averaged([noise(0)] * 30)
    assert few.bytes == many.bytes < 6 * SIDE * SIDE * 8
    with pytest.raises(ValueError, match="no images"):
        Averages(SIDE).mean_then_fft()
    flat = averaged([np.full((SIDE, SIDE), 77)])
    assert (flat.log_then_mean() == pytest.approx(10 * np.log10(FLOOR))) and np.isfinite(flat.mean_then_fft()).all()
