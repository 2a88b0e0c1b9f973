"""timm's policies: its pixels for our draws, and nobody else's generators moved."""

import random

import numpy as np
import pytest
from PIL import Image, ImageOps
from timm.data import auto_augment, create_transform

from crossgen.config import AugMix, RandAugment
from crossgen.training.augment import AUGMENTATIONS, Draw
from toys import photograph

IMAGE = photograph(7, 48, 48)
KINDS = {"randaugment": RandAugment, "augmix": AugMix}
IMAGENET = (0.485, 0.456, 0.406)


def made(name, **parameters):
    return AUGMENTATIONS[name](KINDS[name](step=name, **parameters))


def timms(policy, size=48, mean=IMAGENET):
    """The part of timm's own training transform that a policy is."""
    told = {"auto_augment": policy, "interpolation": "random", "mean": mean}
    _, second, _ = create_transform(size, is_training=True, separate=True, **told)
    return second.transforms[0]


@pytest.mark.parametrize(
    ("name", "policy"),
    [
        ("randaugment", "rand-m9-mstd0.5-inc1"),
        ("randaugment", "rand-m7-n3-p0.8-t3a"),
        ("augmix", "augmix-m3-w3"),
        ("augmix", "augmix-m5-w4-d2-b1"),
    ],
)
def test_the_pixels_are_those_of_timms_own_transform(name, policy, monkeypatch):
    # Pillow keeps no 0 bits any more, timm still asks for it: the formula, which knows no such limit
    monkeypatch.setattr(
        ImageOps, "posterize", lambda image, bits: Image.fromarray(np.asarray(image) & np.uint8(256 - 2 ** (8 - bits)))
    )
    theirs, ours = timms(policy), made(name, policy=policy)
    for epoch in range(30):
        draw = Draw(0, epoch, 2, 77)
        bits = draw.bits("policy")
        state = random.getstate(), np.random.get_state()
        random.seed(bits)
        np.random.seed([bits & 0xFFFFFFFF, bits >> 32])
        expected = np.asarray(theirs(Image.fromarray(IMAGE)))
        random.setstate(state[0])
        np.random.set_state(state[1])
        assert (ours(IMAGE, draw) == expected).all()


@pytest.mark.parametrize("name", sorted(KINDS))
def test_settings_are_those_timm_would_make(name, monkeypatch):
    made_by_us = []
    makers = {"randaugment": "rand_augment_transform", "augmix": "augment_and_mix_transform"}
    make = getattr(auto_augment, makers[name])
    monkeypatch.setattr(auto_augment, makers[name], lambda *told: made_by_us.append(make(*told)) or made_by_us[-1])
    policy = KINDS[name](step=name).policy
    made(name)(photograph(7, 70, 48), Draw(0, 0, 0, 1))  # the first is made for 224 px, to find out whether it can be
    theirs = [timms(policy, size) for size in (224, 48)]
    for ours, expected in zip(made_by_us, theirs, strict=True):
        assert [vars(op) | {"aug_fn": None} for op in ours.ops] == [vars(op) | {"aug_fn": None} for op in expected.ops]


def test_no_bits_at_all_are_black_and_do_not_stop_training():
    step = made("randaugment", policy="rand-m10-n1-p1.0-inc1")
    results = [step(IMAGE, Draw(0, epoch, 0, 1)) for epoch in range(120)]
    assert 0 < sum(not image.any() for image in results) < 24  # about 1 operation in 15


def test_the_fill_is_what_the_recipe_says():
    white = np.full((40, 40, 3), 255, np.uint8)
    step = made("randaugment", policy="rand-m10-n1-p1.0-inc1", fill=(1, 2, 3))
    seen = {
        tuple(pixel)
        for epoch in range(60)
        for pixel in np.unique(step(white, Draw(0, epoch, 0, 1)).reshape(-1, 3), axis=0)
    }
    assert (1, 2, 3) in seen and (124, 116, 104) not in seen


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_result_is_a_function_of_the_draw_and_shared_generators_stay_where_they_were(name):
    step = made(name)
    random.seed(3)
    np.random.seed(3)
    before = random.getstate(), np.random.get_state()[1].tolist()
    first = [step(IMAGE, Draw(0, epoch, 0, 5)) for epoch in range(6)]
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before
    random.seed(99)
    np.random.seed(98)
    again = [made(name)(IMAGE, Draw(0, epoch, 0, 5)) for epoch in reversed(range(6))]
    assert all((one == other).all() for one, other in zip(first, reversed(again), strict=True))
    assert len({image.tobytes() for image in first}) > 2


def test_shared_generators_come_back_after_an_error():
    before = random.getstate()
    with pytest.raises(Exception):  # noqa: B017 (whatever Pillow says of an image of two channels)
        made("randaugment", policy="rand-m9-p1.0")(np.zeros((4, 4, 2), np.uint8), Draw(0, 0, 0, 1))
    assert random.getstate() == before


@pytest.mark.parametrize(
    ("name", "policy"),
    [
        ("randaugment", "augmix-m3"),
        ("randaugment", "rand-q3"),
        ("augmix", "augmix-m3-w3-d-1"),
        ("augmix", "augmix-mx3.5"),
    ],
)
def test_a_policy_that_timm_cannot_read_is_refused(name, policy):
    with pytest.raises(ValueError, match=f"Unknown policy '{policy}' in an augmentation: expected one of timm's names"):
        made(name, policy=policy)
