"""timm's policies, RandAugment and AugMix, as functions of our draws."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from PIL import Image as Pillow
from timm.data import auto_augment

from crossgen.config import AugMix, RandAugment
from crossgen.training.augment.draws import Draw
from crossgen.training.augment.steps import Image, Step, as_pillow


class Transform(Protocol):
    """A policy of timm made ready: a callable with its operations."""

    ops: list[Any]

    def __call__(self, picture: Pillow.Image, /) -> Pillow.Image:
        """The picture changed, by draws of its own."""


def randaugment(parameters: RandAugment) -> Step:
    """timm's RandAugment with the settings of its `create_transform`. Raises ValueError for a policy it cannot read."""
    return _policy(auto_augment.rand_augment_transform, "rand", parameters.policy, parameters.fill)


def augmix(parameters: AugMix) -> Step:
    """timm's AugMix with the settings of its `create_transform`. Raises ValueError for a policy it cannot read."""
    return _policy(
        auto_augment.augment_and_mix_transform, "augmix", parameters.policy, parameters.fill, translate_pct=0.3
    )


def _policy(make: Callable[..., Transform], kind: str, policy: str, fill: tuple[int, int, int], **more: float) -> Step:
    @lru_cache(maxsize=64)
    def transform(side: int) -> Transform:
        # a dict of its own: timm writes what the policy says into it
        made = make(policy, {"translate_const": int(side * 0.45), "img_mean": fill, **more})
        for operation in made.ops:
            if operation.aug_fn is auto_augment.posterize:
                operation.aug_fn = _posterize
        return made

    _refuse_unreadable(transform, kind, policy)

    def apply(image: Image, draw: Draw) -> Image:
        with _seeded(draw.bits("policy")):
            return np.asarray(transform(min(image.shape[:2]))(as_pillow(image)))

    return apply


def _posterize(picture: Pillow.Image, bits: int, **rest: object) -> Pillow.Image:
    """timm's, but at full magnitude, where it keeps 0 bits: the black picture that Pillow once made of it, and now
    refuses to (which would stop rand-m9-mstd0.5-inc1 at about every 700th image)."""
    if bits <= 0:
        return Pillow.new("RGB", picture.size)
    kept: Pillow.Image = auto_augment.posterize(picture, bits, **rest)
    return kept


def _refuse_unreadable(transform: Callable[[int], Transform], kind: str, policy: str) -> None:
    try:
        transform(224)
    except (AssertionError, ValueError, KeyError) as error:
        expected = {"rand": "rand-m9-mstd0.5-inc1", "augmix": "augmix-m3-w3"}[kind]
        told = f"expected one of timm's names that begins with {kind!r}, such as {expected!r}"
        raise ValueError(f"Unknown policy {policy!r} in an augmentation: {told} (augment of the recipe).") from error


@contextmanager
def _seeded(bits: int) -> Iterator[None]:
    """timm draws from the generators that Python and NumPy share among all: they are lent to it, and put back as they
    were. (Not to be used in two threads of a process at once.)"""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        random.seed(bits)
        np.random.seed([bits & 0xFFFFFFFF, bits >> 32])
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
