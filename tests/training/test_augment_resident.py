"""Batch versions on a device give the bits of the steps one image at a time."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from crossgen import config
from crossgen.training.augment import AUGMENTATIONS, augment_batch
from crossgen.training.augment.draws import Draws
from crossgen.training.augment.resident import ON_DEVICE, augment_resident, refuse_elsewhere

KINDS = {
    "flip": config.Flip(step="flip", probability=0.4),
    "vertical_flip": config.VerticalFlip(step="vertical_flip", probability=0.6),
    "rot90": config.Rot90(step="rot90", probability=0.75),
    "translate": config.Translate(step="translate", probability=0.7, share=0.3),
    "random_crop": config.RandomCrop(step="random_crop", size=24),
    "cutout": config.Cutout(step="cutout", probability=0.8, size=11, count=3, fill=200),
    "greyscale": config.Greyscale(step="greyscale", probability=0.5),
}


def crops(n, height, width):
    return np.random.default_rng(height).integers(0, 256, (n, height, width, 3)).astype(np.uint8)


def images(n):
    return np.random.default_rng(n).integers(0, 2**64, n, np.uint64)


def test_every_step_on_the_device_is_tested_and_known_elsewhere():
    assert set(ON_DEVICE) == set(KINDS) <= set(AUGMENTATIONS)


@pytest.mark.parametrize("name", sorted(KINDS))
@pytest.mark.parametrize(("height", "width"), [(32, 32), (30, 41), (9, 26), (1, 1), (5, 5)])
def test_bits_are_those_of_one_image_at_a_time(name, height, width):
    if name == "rot90" and height != width:
        return
    given_crops = crops(40, height, width)
    tensor = torch.from_numpy(given_crops.copy())
    made = augment_resident(tensor, images(40), (KINDS[name],), 3, 2)
    assert made.dtype == torch.uint8
    assert (made.numpy() == augment_batch(given_crops, images(40), (KINDS[name],), 3, 2)).all()
    assert (tensor.numpy() == given_crops).all()
    if min(height, width) > 5:
        assert made.shape != tensor.shape or (made != tensor).any()


@settings(max_examples=25, deadline=None)
@given(st.permutations(sorted(KINDS)), st.integers(0, 99), st.integers(0, 9))
def test_chains_give_the_same_bits_too(names, seed, epoch):
    steps = [KINDS[name] for name in names]
    given_crops = crops(6, 26, 26)
    made = augment_resident(torch.from_numpy(given_crops), images(6), steps, seed, epoch)
    assert (made.numpy() == augment_batch(given_crops, images(6), steps, seed, epoch)).all()


def test_grey_is_pillows_for_every_colour():
    step = ON_DEVICE["greyscale"](config.Greyscale(step="greyscale", probability=1.0))
    green, blue = np.indices((256, 256)).astype(np.uint8)
    for red in range(256):
        colours = np.stack([np.full_like(green, red), green, blue], axis=2)
        grey = step(torch.from_numpy(colours[None]), Draws(0, 0, 0, images(1)))[0, ..., 0]
        assert (grey.numpy() == np.asarray(Image.fromarray(colours).convert("L"))).all()


def test_steps_for_elsewhere_are_refused_with_the_remedy():
    steps = (KINDS["flip"], config.RandomBlur(step="blur"), config.RandomJpeg(step="jpeg"))
    expected = r"Augmentation blur, jpeg does not run on the device .*Write `reading: crops` in the recipe"
    with pytest.raises(ValueError, match=expected):
        refuse_elsewhere(steps)
    with pytest.raises(ValueError, match=expected):
        augment_resident(torch.zeros(1, 8, 8, 3, dtype=torch.uint8), images(1), steps, 0, 0)
    refuse_elsewhere(tuple(KINDS.values()))


def test_turning_crops_that_are_no_squares_is_refused():
    with pytest.raises(ValueError, match=r"several sizes \(9 x 8, 8 x 9; steps: rot90\)"):
        augment_resident(torch.zeros(1, 8, 9, 3, dtype=torch.uint8), images(1), (KINDS["rot90"],), 0, 0)
