"""Families of procedural images: varied, never flat, functions of (family, seed, index, size) alone."""

import os
import subprocess
import sys
from typing import get_args

import numpy as np
import pytest
from blake3 import blake3
from PIL import Image

from crossgen.config import ShaderFamily
from crossgen.procedural import registry
from crossgen.procedural.canvas import plane, smoothed, spread
from crossgen.procedural.noise import PERIOD, gradient_noise, octaves, value_noise
from crossgen.procedural.registry import FAMILIES, NAMES, draw, family_of
from toys import ROOT

COUNT = 6


@pytest.fixture(scope="module")
def drawn() -> dict[str, list[np.ndarray]]:
    """Six small images of every family."""
    return {name: [draw(name, 3, index, (72, 64)) for index in range(COUNT)] for name in NAMES}


def test_the_config_knows_every_family():
    assert get_args(ShaderFamily) == NAMES
    assert len(NAMES) == len(set(FAMILIES.values())) == 37


@pytest.mark.parametrize("name", NAMES)
def test_a_family_gives_numbers_in_range_of_any_shape(name):
    for height, width in ((40, 40), (33, 57), (64, 9)):
        image = FAMILIES[name](np.random.default_rng(5), height, width)
        assert image.shape == (height, width, 3)
        assert np.isfinite(image).mean() > 0.99
        assert image.min() > -1 and image.max() < 8  # what lies outside [0, 1] is cut when the picture is developed


@pytest.mark.parametrize("name", NAMES)
def test_images_are_neither_flat_nor_burnt_out_nor_alike(name, drawn):
    images = drawn[name]
    for image in images:
        assert image.shape == (64, 72, 3) and image.dtype == np.uint8
        assert 255 * spread(image.astype(np.float32) / 255) > 6
        assert ((image == 0) | (image == 255)).all(axis=2).mean() < 0.9
    apart = [np.abs(images[a].astype(float) - images[b]).mean() for a in range(COUNT) for b in range(a)]
    assert min(apart) > 8, apart
    assert len({blake3(image.tobytes()).hexdigest() for image in images}) == COUNT


def roughness(image: np.ndarray) -> np.ndarray:
    """What tells families apart whatever their colours: energy of grey by scale and direction, brightness set aside."""
    grey = image.astype(np.float64).mean(axis=2)
    grey = (grey - grey.mean()) / grey.std()
    found = []
    for step in (1, 2, 4, 8, 16):
        across, down = np.abs(grey[:, step:] - grey[:, :-step]), np.abs(grey[step:] - grey[:-step])
        found += [across.mean() + down.mean(), (across**2).mean() + (down**2).mean()]
    return np.log(found)


def test_families_differ_more_than_their_images_do(drawn):
    """Nearest neighbour of an image by its texture: its own family far more often than by chance."""
    told = np.array([roughness(image) for name in NAMES for image in drawn[name]])
    told = (told - told.mean(0)) / told.std(0)
    far = np.linalg.norm(told[:, None] - told, axis=2) + 1e9 * np.eye(len(told))
    family = np.repeat(np.arange(len(NAMES)), COUNT)
    chance = (COUNT - 1) / (len(told) - 1)
    assert (family[far.argmin(1)] == family).mean() > 4 * chance
    shuffled = np.random.default_rng(0).permutation(family)
    assert (shuffled[far.argmin(1)] == shuffled).mean() < 2 * chance


def test_an_image_does_not_depend_on_those_before_it(drawn):
    for name in reversed(NAMES):
        assert (draw(name, 3, 4, (72, 64)) == drawn[name][4]).all(), name


def test_another_process_with_other_threads_draws_the_same_bytes(drawn):
    code = (
        "from blake3 import blake3; from crossgen.procedural.registry import NAMES, draw\n"
        "print(blake3(b''.join(draw(name, 3, 1, (72, 64)).tobytes() for name in NAMES)).hexdigest())"
    )
    expected = blake3(b"".join(drawn[name][1].tobytes() for name in NAMES)).hexdigest()
    for threads in ("1", "2"):
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        environment = os.environ | dict.fromkeys(names, threads) | {"PYTHONHASHSEED": threads}
        environment["PYTHONPATH"] = str(ROOT / "src")
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
        assert done.stdout.strip() == expected, done.stderr


def test_seed_index_and_family_each_matter():
    base = draw("clouds", 0, 0, (48, 48))
    for other in (("clouds", 1, 0), ("clouds", 0, 1), ("marble", 0, 0)):
        assert (draw(*other, (48, 48)) != base).mean() > 0.5
    assert (draw("clouds", 0, 0, (48, 48)) == base).all()


def test_without_a_name_all_families_take_turns():
    assert {family_of(index) for index in range(len(NAMES))} == set(NAMES)
    assert family_of(len(NAMES) + 2) == NAMES[2]
    assert family_of(3, ("smoke", "weave")) == "weave"
    assert (draw(None, 0, 8, (32, 32)) == draw(NAMES[8], 0, 8, (32, 32))).all()


@pytest.mark.parametrize("name", ["marble", "julia", "solids", "plasma", "ripples", "hexagons"])
def test_another_size_shows_the_same_scene(name):
    """Raw, before grain: shrunk to one size, the large picture is the small one's within a few levels."""
    small, large = (FAMILIES[name](np.random.default_rng(1), side, side) for side in (64, 256))
    small, large = (np.clip(image * 255, 0, 255).astype(np.uint8) for image in (small, large))
    again = np.asarray(Image.fromarray(large).resize((64, 64), Image.Resampling.BOX), float)
    unlike = np.asarray(Image.fromarray(large[::-1]).resize((64, 64), Image.Resampling.BOX), float)
    assert np.abs(again - small).mean() < 0.35 * np.abs(unlike - small).mean()


def test_a_flat_picture_is_drawn_again(monkeypatch):
    tries = []

    def seldom(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
        tries.append(rng.random())
        x, _ = plane(height, width)
        slope = x if len(tries) == 3 else np.zeros_like(x)
        return np.repeat((0.5 + 0.4 * slope)[..., None], 3, axis=2)

    monkeypatch.setitem(registry.FAMILIES, "clouds", seldom)
    image = draw("clouds", 0, 0, (32, 32))
    assert len(set(tries)) == 3 and 255 * spread(image.astype(np.float32) / 255) > 20


def test_one_colour_alone_is_flat():
    """Channels that differ are no picture."""
    assert spread(np.full((8, 8, 3), (0.9, 0.1, 0.5), np.float32)) < 1e-6


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (("cloud", 0, 0, (32, 32)), "Unknown family 'cloud': expected one of attractor, "),
        (("clouds", -1, 0, (32, 32)), "at least 0, not -1 and 0"),
        (("clouds", 0, -2, (32, 32)), "at least 0, not 0 and -2"),
        (("clouds", 0, 0, (32, 7)), "32 x 7 pixels cannot be drawn"),
    ],
)
def test_what_cannot_be_drawn_is_refused(told, message):
    with pytest.raises(ValueError, match=message):
        draw(*told)


@pytest.mark.parametrize("make", [gradient_noise, value_noise])
def test_noise_is_smooth_repeats_and_is_of_both_signs(make):
    noise = make(np.random.default_rng(2))
    x, y = (5 * part for part in plane(200, 200))
    values = noise(x, y)
    assert -1.2 < values.min() < -0.4 and 0.4 < values.max() < 1.2
    assert np.abs(np.diff(values, axis=0)).max() < 0.2 and np.abs(np.diff(values, axis=1)).max() < 0.2
    assert np.allclose(noise(x + PERIOD, y - PERIOD), values, atol=1e-3)


def test_gradient_noise_is_zero_on_its_lattice():
    x, y = np.meshgrid(np.arange(8, dtype=np.float32), np.arange(8, dtype=np.float32))
    assert not gradient_noise(np.random.default_rng(0))(x, y).any()


def test_more_octaves_are_rougher():
    """Steps between neighbours, in standard deviations."""
    x, y = (3 * part for part in plane(128, 128))
    values = [octaves(gradient_noise(np.random.default_rng(0)), x, y, count) for count in (1, 3, 6)]
    rough = [float(np.abs(np.diff(each)).mean() / each.std()) for each in values]
    assert rough[1] > 1.2 * rough[0] and rough[2] > 1.2 * rough[1]


def test_supersampling_averages_four():
    """A checkerboard of single pixels becomes grey."""

    def board(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
        odd = np.indices((height, width)).sum(axis=0) % 2
        return np.repeat(odd[..., None], 3, axis=2).astype(np.float32)

    assert (smoothed(board)(np.random.default_rng(0), 4, 6) == 0.5).all()
