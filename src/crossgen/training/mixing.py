"""What is done to the normalised images of a step together: erasing, mixup, CutMix; seeded by (seed, step)."""

import random
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
import torch
from blake3 import blake3
from timm.data.mixup import Mixup
from timm.data.random_erasing import RandomErasing
from torch import Tensor

from crossgen.config import Erasing, Mixing, Recipe


def reseed(seed: int, step: int, process: int = 0) -> None:
    """Set the generators of torch, random and NumPy for one step, so that it draws the same after an interruption."""
    drawn = int.from_bytes(blake3(f"step/{seed}/{step}/{process}".encode()).digest(length=8), "little")
    torch.manual_seed(drawn >> 1)
    random.seed(drawn)
    np.random.seed(drawn % 2**32)


@dataclass(frozen=True)
class Alteration:
    """Erasing and mixing of a recipe."""

    recipe: Recipe

    def __call__(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Images [copies * n, 3, h, w] to the same altered, and labels [n] (on the CPU) to targets [n] and labels [n].

        The target of a mixed image lies between 0 and 1: the share of the fake in it; its label is that of its first
        part. An odd number of images (one could not be read) loses the last of its larger label when it is mixed.
        """
        if self.recipe.erasing:
            images = self._erased(images)
        if self.recipe.mixing is None:
            return images, labels, labels
        order = torch.randperm(len(labels))  # timm mixes the first with the last: unshuffled always reals with fakes
        order = order[_even(labels[order])]
        chosen = images[order.to(images.device)].contiguous(memory_format=_layout(images))
        mixed, targets = self._mixer(chosen, labels[order])
        return mixed, targets[:, 1], labels[order]

    def _erased(self, images: Tensor) -> Tensor:
        """Synchronised, fakes (every second image) are erased as the reals before them are."""
        if not self.recipe.synchronised:
            return cast(Tensor, self._eraser(images.device)(images))
        before = random.getstate()
        with torch.random.fork_rng(devices=[images.device] if images.is_cuda else []):
            reals = self._eraser(images.device)(images[0::2].clone())
        random.setstate(before)
        fakes = self._eraser(images.device)(images[1::2].clone())
        erased = torch.stack([reals, fakes], dim=1).flatten(0, 1)
        return erased.contiguous(memory_format=_layout(images))

    def _eraser(self, device: torch.device) -> RandomErasing:
        erasing, splits = cast(Erasing, self.recipe.erasing), self.recipe.splits
        spared = splits.n if splits and splits.spare_first else 0
        return RandomErasing(
            erasing.probability, mode=erasing.mode, max_count=erasing.count, num_splits=spared, device=device
        )

    @cached_property
    def _mixer(self) -> Mixup:
        mixing = cast(Mixing, self.recipe.mixing)
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
    places = torch.arange(len(labels))
    if len(labels) % 2 == 0:
        return places
    larger = float(labels.mean() > 0.5)
    return places[places != places[labels == larger][-1]]


def _layout(images: Tensor) -> torch.memory_format:
    channels_last = images.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if channels_last else torch.contiguous_format
