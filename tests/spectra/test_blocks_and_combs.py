"""Blocks and combs of files saved as JPEG once, twice, cropped and never."""

import numpy as np
import pytest
from drawn_squares import as_jpeg, noise, picture

from crossgen.spectra.blocks import block_map, excesses
from crossgen.spectra.comb import QUALITIES, comb, histograms, steps
from crossgen.spectra.residuals import luma


def square(pixels: np.ndarray, down: int = 0, right: int = 0) -> np.ndarray:
    return luma(pixels[down : down + 128, right : right + 128])


def told(pixels: np.ndarray):
    return comb(histograms(square(pixels) - 128))


@pytest.mark.parametrize(("down", "right"), [(0, 0), (3, 0), (5, 2), (7, 7)])
def test_a_shifted_crop_has_a_shifted_grid(down, right):
    rows, columns = excesses(
        np.mean([block_map(square(as_jpeg(picture(s, 144), 60), down, right)) for s in range(6)], 0)
    )
    assert rows.argmax() == -down % 8 and columns.argmax() == -right % 8
    assert rows.max() > 0.1 and np.sort(rows)[-2] < rows.max() / 2


def test_without_jpeg_there_is_no_grid_and_a_stronger_one_shows_more():
    by_quality = {}
    for quality in (None, 95, 75, 40):
        pixels = [picture(s) if quality is None else as_jpeg(picture(s), quality) for s in range(8)]
        rows, columns = excesses(np.mean([block_map(square(p)) for p in pixels], axis=0))
        by_quality[quality] = (rows[0] + columns[0]) / 2
    assert abs(by_quality[None]) < 0.02 < by_quality[75] < by_quality[40]
    assert by_quality[95] < by_quality[75]


def test_nearest_upsampling_is_a_pattern_of_period_two():
    small = picture(0, 64)[..., 0].astype(np.float32)
    found = block_map(np.repeat(np.repeat(small, 2, axis=0), 2, axis=1))
    assert (found[1::2] == 0).all() and (found[:, 1::2] == 0).all() and (found[::2, ::2] > 0).all()
    assert (block_map(np.full((128, 128), 9.0)) == 1).all()


def test_steps_are_those_that_pillow_writes():
    import io

    from PIL import Image

    for quality in (25, 50, 76, 90, 96):
        file = io.BytesIO()
        Image.fromarray(picture(0)).save(file, "JPEG", quality=quality)
        table = np.array(Image.open(file).quantization[0]).reshape(8, 8)
        places = [(0, 1), (1, 0), (2, 0), (1, 1), (0, 2), (0, 3), (1, 2), (2, 1), (3, 0), (4, 0)]
        assert [table[place] for place in places] == steps(quality)[:10].tolist()


@pytest.mark.parametrize("quality", [40, 60, 75, 85, 90])
def test_one_save_is_told_with_its_quality_and_no_second_one(quality):
    found = [told(as_jpeg(picture(seed), quality)) for seed in range(12)]
    assert sum(each.quality is not None and abs(each.quality - quality) <= 1 for each in found) >= 11
    assert sum(each.first is not None for each in found) <= 1
    assert np.median([each.clear for each in found]) > 0.8


def test_what_was_never_saved_has_no_comb():
    found = [told(picture(seed)) for seed in range(30)] + [comb(histograms(noise(seed) - 128)) for seed in range(10)]
    assert sum(each.quality is not None for each in found) == 0
    assert np.mean([each.scores for each in found]) == pytest.approx(0, abs=0.05)
    assert comb(histograms(np.zeros((128, 128)))).quality is None


def test_two_saves_are_told_with_both_qualities():
    found = [told(as_jpeg(picture(seed), 75, 90)) for seed in range(12)]
    assert sum(each.quality == 90 for each in found) >= 10
    assert sum(each.first is not None and abs(each.first - 75) <= 2 for each in found) >= 10
    assert np.median([each.first_clear for each in found]) > 2 * np.median(
        [told(as_jpeg(picture(seed), 90)).first_clear for seed in range(12)]
    )


def test_a_comb_needs_the_blocks_of_the_file():
    shifted = [comb(histograms(square(as_jpeg(picture(seed, 144), 75), 3, 3) - 128)) for seed in range(10)]
    assert sum(each.quality is not None for each in shifted) == 0
    assert len(shifted[0].scores) == len(QUALITIES)
