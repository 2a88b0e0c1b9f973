"""Steps of colour, against torchvision and the formula of luma."""

from itertools import permutations
from unittest import mock

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import ColorJitter

from crossgen.config import Greyscale, Jitter
from crossgen.training.augment import AUGMENTATIONS, Draw
from draws_at import LAST, at
from toys import photograph

IMAGE = photograph(5, 50, 37)
NAMES = ("brightness", "contrast", "saturation", "hue")


def torchvisions(order, factors, image=IMAGE):
    """What torchvision's ColorJitter makes of the image with these factors in this order."""
    drawn = torch.tensor([NAMES.index(name) for name in order]), *(factors.get(name) for name in NAMES)
    with mock.patch.object(ColorJitter, "get_params", return_value=drawn):
        return np.asarray(ColorJitter(0.4, 0.4, 0.4, 0.1)(Image.fromarray(image)))


@pytest.mark.parametrize(("number", "order"), list(enumerate(permutations(NAMES)))[::5])
def test_jitter_is_torchvisions_in_each_order(number, order):
    draw = at(order=(number + 0.5) / 24, brightness=0.9, contrast=0.2, saturation=0.7, hue=0.25)
    factors = {"brightness": 1.32, "contrast": 0.76, "saturation": 1.16, "hue": -0.05}
    jittered = AUGMENTATIONS["jitter"](Jitter(step="jitter"))(IMAGE, draw)
    assert (jittered == torchvisions(order, factors)).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fraction", [0.0, LAST])
def test_one_change_alone_reaches_both_ends_of_its_range(name, fraction):
    widths = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0} | {name: 0.3}
    middle = 0.0 if name == "hue" else 1.0
    jittered = AUGMENTATIONS["jitter"](Jitter(step="jitter", **widths))(IMAGE, at(**{name: fraction}))
    end = middle - 0.3 if fraction == 0 else middle + 0.3
    assert (jittered == torchvisions([name], {name: end})).all() and (jittered != IMAGE).any()


def test_every_order_is_drawn():
    step = AUGMENTATIONS["jitter"](Jitter(step="jitter", probability=1.0))
    pixel = IMAGE[:2, :2]
    seen = []
    with (
        mock.patch("crossgen.training.augment.colour.functional"),
        mock.patch.dict(
            "crossgen.training.augment.colour._ADJUST",
            {name: lambda image, factor, name=name: seen.append(name) or image for name in NAMES},
        ),
    ):
        for epoch in range(400):
            step(pixel, Draw(0, epoch, 0, 9))
    assert len({tuple(seen[start : start + 4]) for start in range(0, len(seen), 4)}) == 24


def test_greyscale_is_luma():
    grey = AUGMENTATIONS["greyscale"](Greyscale(step="greyscale"))(IMAGE, at())
    luma = IMAGE @ np.array([0.299, 0.587, 0.114])
    assert np.abs(grey - luma[..., None]).max() <= 0.51
    assert (grey == grey[..., :1]).all() and grey.shape == IMAGE.shape
