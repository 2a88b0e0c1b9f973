"""What is done to the normalised images of a step together: erasing, mixup, CutMix; seeded by (seed, step)."""

import random
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from blake3 import blake3
from timm.data.mixup import Mixup
from timm.data.random_erasing import RandomErasing
from torch import Tensor

from crossgen.config import Recipe


def reseed(seed: int, step: int, process: int = 0) -> None:
    """Set the generators of torch, random and NumPy for one step, so that it draws the same after an interruption."""
    drawn = int.from_bytes(blake3(f"step/{seed}/{step}/{process}".encode()).digest(length=8), "little")
    torch.manual_seed(drawn >> 1)
    random.seed(drawn)
    np.random.seed(drawn % 2**32)  # noqa: NPY002 (what timm draws from)


@dataclass(frozen=True)
class Alteration:
    """Erasing and mixing of a recipe."""

    recipe: Recipe

    def __call__(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Images [copies * n, 3, h, w] and labels [n], altered; and the labels that parts are balanced by.

        Labels of mixed images lie between 0 and 1: the share of the fake. An odd number of images (one could not be
        read) loses the last of its larger label when it is mixed.
        """
        if self.recipe.erasing:
            images = self._eraser(images.device)(images)
        if self.recipe.mixing is None or len(labels) < 2:
            return images, labels, labels
        order = torch.randperm(len(labels)).to(labels.device)  # timm mixes the first with the last: reals with fakes
        order = order[_even(labels[order])]
        mixed, targets = self._mixer(images[order].contiguous(memory_format=_layout(images)), labels[order])
        return mixed, targets[:, 1], labels[order]

    def _eraser(self, device: torch.device) -> RandomErasing:
        erasing, splits = self.recipe.erasing, self.recipe.splits
        assert erasing is not None
        spared = splits.n if splits and splits.spare_first else 0
        return RandomErasing(
            erasing.probability, mode=erasing.mode, max_count=erasing.count, num_splits=spared, device=device
        )

    @cached_property
    def _mixer(self) -> Mixup:
        mixing = self.recipe.mixing
        assert mixing is not None
        return Mixup(
            mixing.mixup,
            mixing.cutmix,
            prob=mixing.probability if mixing.mixup or mixing.cutmix else 0.0,
            switch_prob=mixing.switch,
            label_smoothing=0.0,
            num_classes=2,
        )


def _even(labels: Tensor) -> Tensor:
    """Places of all images, or, if they are odd in number, of all but the last of the larger label."""
    places = torch.arange(len(labels), device=labels.device)
    if len(labels) % 2 == 0:
        return places
    larger = float(labels.mean() > 0.5)
    return places[places != places[labels == larger][-1]]


def _layout(images: Tensor) -> torch.memory_format:
    channels_last = images.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if channels_last else torch.contiguous_format
