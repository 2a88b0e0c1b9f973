"""Chains of steps: all that the config knows, as often as told, on images of any size, the same in any process."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossgen import config
from crossgen.config.augmentations import Augmentation, Chance
from crossgen.training.augment import AUGMENTATIONS, augment, augment_batch
from crossgen.training.sampling import keys
from toys import ROOT, photograph

IMAGES = keys(pd.Series([f"image{index}" for index in range(400)]))

#: One step of each kind, whose change nearly always shows.
STEPS = [
    config.Flip(step="flip", probability=0.3),
    config.VerticalFlip(step="vertical_flip", probability=0.3),
    config.Rot90(step="rot90", probability=0.3),
    config.Rotate(step="rotate", probability=0.3),
    config.Translate(step="translate", probability=0.3, share=0.9),
    config.RandomCrop(step="random_crop", size=20),
    config.RandomResizedCrop(step="random_resized_crop", size=16, probability=0.3),
    config.ShortSide(step="short_side", size=20),
    config.Shrink(step="shrink", sides=(8, 16), back_to=24, probability=0.3),
    config.RandomBlur(step="blur", sigma=(1.0, 2.0), probability=0.3),
    config.RandomJpeg(step="jpeg", quality=(20, 60), probability=0.3),
    config.Jitter(step="jitter", probability=0.3),
    config.Greyscale(step="greyscale", probability=0.3),
    config.Cutout(step="cutout", size=12, probability=0.3),
    config.RandomNoise(step="noise", probability=0.3),
    config.RandAugment(step="randaugment"),
    config.AugMix(step="augmix"),
]


def digest(images):
    return hashlib.sha256(b"".join(np.ascontiguousarray(image).tobytes() for image in images)).hexdigest()


def test_every_step_of_the_config_is_known_and_tested_and_no_other():
    kinds = get_args(get_args(Augmentation)[0])
    names = [get_args(kind.model_fields["step"].annotation)[0] for kind in kinds]
    assert len(names) == 17 and set(names) == set(AUGMENTATIONS) == {step.step for step in STEPS}


@pytest.mark.parametrize("step", [step for step in STEPS if isinstance(step, Chance)], ids=lambda step: step.step)
def test_a_step_changes_the_share_of_images_that_it_is_told_to(step):
    image = photograph(8, 24, 24)
    results = [augment(image, int(key), (step,), 1, 2) for key in IMAGES]
    changed = np.mean([result.shape != image.shape or bool((result != image).any()) for result in results])
    assert abs(changed - 0.3) < 4 * np.sqrt(0.3 * 0.7 / len(IMAGES))
    for probability, share in ((0.0, 0), (1.0, 1)):
        told = step.model_copy(update={"probability": probability})
        results = [augment(image, int(key), (told,), 1, 2) for key in IMAGES[:20]]
        assert [result is not image for result in results] == [bool(share)] * 20


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(STEPS), st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**64 - 1))
def test_images_of_any_size_stay_images_and_the_input_stays_as_it_was(step, width, height, key):
    image = photograph(9, width, height)
    image.flags.writeable = False  # as memory-mapped crops are
    before = image.copy()
    told = step.model_copy(update={"probability": 1.0}) if isinstance(step, Chance) else step
    result = augment(image, key, (told,), 0, 0)
    assert result.dtype == np.uint8 and result.ndim == 3 and result.shape[2] == 3 and min(result.shape) > 0
    assert (image == before).all()
    assert (augment(image, key, (told,), 0, 0) == result).all()


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.step)
@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 300), (300, 2)])
def test_tiny_and_narrow_images_pass(step, width, height):
    told = step.model_copy(update={"probability": 1.0}) if isinstance(step, Chance) else step
    result = augment(np.full((height, width, 3), 77, np.uint8), 5, (told,), 0, 0)
    assert result.dtype == np.uint8 and result.ndim == 3 and min(result.shape) > 0


CHAIN = [step.model_copy(update={"probability": 0.6}) for step in STEPS if isinstance(step, Chance)]
CHAIN = [*CHAIN, STEPS[5], *STEPS[-2:]]


def test_a_batch_is_its_images_one_by_one_in_any_order():
    crops = [photograph(index, 24 + index, 30) for index in range(12)]
    before = digest(crops)
    made = augment_batch(crops, IMAGES[:12], CHAIN, 0, 1)
    assert made.shape == (12, 20, 20, 3) and made.flags.c_contiguous and digest(crops) == before
    order = np.random.default_rng(0).permutation(12)
    again = augment_batch([crops[place] for place in order], IMAGES[order], CHAIN, 0, 1)
    assert (again == made[order]).all()
    single = [augment(crop, int(key), CHAIN, 0, 1) for crop, key in zip(crops, IMAGES, strict=False)]
    assert digest(single) == digest(made)
    assert digest(augment_batch(crops, IMAGES[:12], CHAIN, 0, 2)) != digest(made)
    assert digest(augment_batch(crops, IMAGES[:12], CHAIN, 1, 1)) != digest(made)


def test_equal_steps_at_two_places_draw_on_their_own():
    steps = (config.Flip(step="flip"), config.Flip(step="flip"))
    image = photograph(1, 8, 8)
    flipped = [bool((augment(image, int(key), steps, 0, 0) != image).any()) for key in IMAGES]
    assert 0.4 < np.mean(flipped) < 0.6  # drawn together, they would always cancel


def test_a_batch_without_steps_is_copied():
    crops = np.stack([photograph(index, 8, 8) for index in range(3)])
    made = augment_batch(crops, IMAGES[:3], (), 0, 0)
    assert (made == crops).all() and not np.shares_memory(made, crops)
    assert augment_batch(crops[:0], IMAGES[:0], CHAIN, 0, 0).shape == (0, 8, 8, 3)


def test_a_batch_of_several_sizes_is_refused_with_the_remedy():
    crops = [photograph(0, 24, 30), photograph(1, 25, 30)]
    expected = r"in several sizes \(24 x 30, 25 x 30; steps: flip\): expected one\. .* \{step: random_crop, size: ...\}"
    with pytest.raises(ValueError, match=expected):
        augment_batch(crops, IMAGES[:2], (STEPS[0],), 0, 0)


def chained():
    crops = [photograph(index, 24 + index, 30) for index in range(8)]
    return digest(augment_batch(crops, IMAGES[:8], CHAIN, 5, 3))


@pytest.mark.long
def test_another_process_makes_the_same_bits():
    folders = os.pathsep.join(str(ROOT / folder) for folder in ("src", "tests", "tests/training"))
    environment = os.environ | {"PYTHONPATH": folders, "PYTHONHASHSEED": "77", "OMP_NUM_THREADS": "2"}
    code = f"import numpy, random; random.seed(8); numpy.random.seed(9); import {Path(__file__).stem} as t"
    code += "; print(t.chained())"
    printed = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == chained()
