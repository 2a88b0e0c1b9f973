"""Grids of JPEG: found where they are, at the place where they are, and nowhere else. See benchmarks/grid.py."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from crossgen.data import grid
from crossgen.data.hints import hints, look, sampled


def natural(seed, side=224):
    """A picture with the spectrum of photographs and sensor noise, never compressed; uint8 [side, side, 3]."""
    rng = np.random.default_rng(seed)
    across, down = np.fft.fftfreq(side)[None], np.fft.fftfreq(side)[:, None]
    frequency = np.hypot(across, down)
    frequency[0, 0] = 1
    layers = [np.fft.ifft2(np.fft.fft2(rng.normal(size=(side, side))) / frequency**1.7).real for _ in range(4)]
    layers = [layer / layer.std() for layer in layers]
    picture = np.stack([0.9 * layers[0] + 0.25 * each for each in layers[1:]], -1) * 45 + 125
    return np.clip(picture + rng.normal(size=picture.shape), 0, 255).astype(np.uint8)


def jpeg(pixels, quality):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    image = Image.open(io.BytesIO(stream.getvalue()))
    return np.asarray(image), image.quantization


SEEDS = range(6)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_never_compressed_has_no_grid(seed):
    assert grid.traces(natural(seed)).shift is None
    smaller = np.asarray(Image.fromarray(jpeg(natural(seed, 448), 75)[0]).resize((193, 193), Image.Resampling.LANCZOS))
    assert grid.traces(smaller).shift is None


@pytest.mark.parametrize("quality", [50, 75, 90, 96])
@pytest.mark.parametrize(("x", "y"), [(0, 0), (3, 5), (7, 1)])
def test_the_grid_is_found_where_a_crop_put_it(quality, x, y):
    pixels, _ = jpeg(natural(quality), quality)
    found = grid.traces(pixels[y:, x:])
    assert found.shift == (-x % 8, -y % 8) and found.is_known


@pytest.mark.parametrize("quality", [75, 90, 96])
def test_a_jpeg_compressed_once_tells_of_nothing_else(quality):
    found = [grid.traces(*jpeg(natural(seed), quality)) for seed in SEEDS]
    assert {each.shift for each in found} == {(0, 0)}
    assert sum(each.second is not None for each in found) + sum(bool(each.gaps) for each in found) <= 1


def test_twice_on_two_grids():
    found = [grid.traces(*jpeg(jpeg(natural(seed), 75)[0][5:, 3:], 96)) for seed in SEEDS]
    assert [each.second for each in found].count((5, 3)) >= 5


@pytest.mark.parametrize(("first", "second"), [(60, 90), (75, 96)])
def test_twice_on_one_grid(first, second):
    found = [grid.traces(*jpeg(jpeg(natural(seed), first)[0], second)) for seed in SEEDS]
    assert sum(bool(each.gaps) for each in found) >= 5
    assert {each.second for each in found} == {None}


@pytest.mark.parametrize(
    "pixels", [natural(0, 40), np.full((300, 300, 3), 200, np.uint8), np.zeros((3, 500, 3), np.uint8)]
)
def test_too_small_or_flat_is_no_answer(pixels):
    found = grid.traces(*jpeg(pixels, 75))
    assert not found.is_known and (found.shift, found.second, found.gaps) == (None, None, None)


def test_a_sample_of_files_is_counted(tmp_path):
    paths = {}
    for seed in range(4):
        path = tmp_path / f"real{seed}.jpg"
        Image.fromarray(natural(seed)).save(path, quality=96)
        paths[path.name] = path
    for seed in range(4, 8):
        path = tmp_path / f"fake{seed}.png"
        Image.fromarray(jpeg(natural(seed), 90)[0][2:, 1:]).save(path)
        paths[path.name] = path
    paths["fake9.png"] = tmp_path / "fake9.png"
    paths["fake9.png"].write_bytes(b"nothing")
    images = pd.DataFrame({"image_id": list(paths), "label": [int(name.startswith("fake")) for name in paths]})
    told = hints(images, paths, 100)
    assert told["real"]["was_jpeg"] == {"of": 0, "found": 0} and told["real"]["shifted"] == {"of": 4, "found": 0}
    assert told["fake"]["was_jpeg"] == {"of": 4, "found": 4} and told["fake"]["undecodable"] == 1
    assert told["fake"]["shifts"] == [{"x": 7, "y": 6, "images": 4}]
    assert look(paths["fake9.png"]).reason == "undecodable"


def test_the_sample_is_the_same_in_any_order():
    images = pd.DataFrame({"image_id": [f"i{i}" for i in range(50)], "label": [i % 2 for i in range(50)]})
    first = sampled(images, 7)
    again = sampled(images.sample(frac=1, random_state=1), 7)
    assert set(first.image_id) == set(again.image_id) and first.groupby("label").size().to_dict() == {0: 7, 1: 7}
