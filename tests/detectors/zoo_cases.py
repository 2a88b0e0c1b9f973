"""The architectures at sizes that a test can pay for, and a toy that each must learn."""

from dataclasses import dataclass, field
from functools import cache

import numpy as np
import torch
from torch import nn

from crossgen.config import Frame, Optimiser, Recipe
from crossgen.detectors.detector import Detector
from toys import photograph

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
UNIT = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
BYTES = {"mean": (0.0, 0.0, 0.0), "std": (1 / 255, 1 / 255, 1 / 255)}


@dataclass(frozen=True)
class Case:
    """An architecture, and how it is tried: the side of its images, and what lets it learn the toy."""

    architecture: str
    options: dict = field(default_factory=dict)
    normalisation: dict = field(default_factory=lambda: IMAGENET)
    size: int = 32
    lr: float = 1e-3
    steps: int = 30

    @property
    def recipe(self) -> Recipe:
        return Recipe(
            name="case",
            architecture=self.architecture,
            options=self.options,
            frame=Frame(kind="crop", size=self.size, **self.normalisation),
            optimiser=Optimiser(lr=self.lr),
            steps=1,
            precision="fp32",
        )


SWIN = {"model": "swin_tiny_patch4_window7_224", "img_size": 64, "window_size": 4}
CASES = {
    "cnnspot": Case("cnnspot"),
    "gramnet": Case("gramnet", normalisation=BYTES),
    "gramnet_one_class": Case("gramnet", {"classes": 1}),
    "npr": Case("npr"),
    "res50nodown": Case("res50nodown", size=16),
    "residual": Case("residual", {"model": "test_resnet"}),
    "spec": Case("spec", normalisation=UNIT, size=48),
    "resnet50": Case("timm", {"model": "resnet50", "classes": 2, "fake_index": 0}),
    "deit_small": Case("timm", {"model": "deit_small_patch16_224", "img_size": 48}, size=48),
    "swin_tiny": Case("timm", SWIN, size=64),
    "own": Case("own_detector:OwnDetector"),
}


def fresh(name: str) -> Detector:
    """A detector whose weights are drawn from one seed."""
    torch.manual_seed(0)
    return Detector(CASES[name].recipe)


@cache
def judge(name: str) -> Detector:
    """The same, made once and shared by tests that change nothing of it."""
    return fresh(name).eval()


def crops(name: str, n: int = 5) -> torch.Tensor:
    """Photographs, uint8 [n, size, size, 3]."""
    size = CASES[name].size
    return torch.from_numpy(np.stack([photograph(seed, size, size) for seed in range(n)]))


def toy(n: int, size: int, first: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Images uint8 [n, size, size, 3] and labels [n]: every second one enlarged from half its size, under a pattern.

    Each image is its own group.
    """
    pattern = 40 * (np.indices((size, size)).sum(axis=0) % 2 == 0)[..., None]
    images = [photograph(first + i, size, size).astype(int) for i in range(n)]
    for i in range(1, n, 2):
        images[i] = images[i][::2, ::2].repeat(2, axis=0).repeat(2, axis=1) + pattern
    return torch.from_numpy(np.stack(images).clip(0, 255).astype(np.uint8)), torch.arange(n) % 2


def shuffled(n: int) -> torch.Tensor:
    """Labels [n] that say nothing of the images of `toy`: half of those with the pattern bear 1, and half of those
    without."""
    return torch.arange(n) // 2 % 2


def trained(name: str, images: torch.Tensor, labels: torch.Tensor) -> Detector:
    """A detector trained on toy images, whose kinds and shuffled labels each batch holds in equal numbers."""
    case, detector = CASES[name], fresh(name).train()
    optimiser = torch.optim.AdamW(detector.parameters(), case.lr, weight_decay=0.05)
    draw = torch.Generator().manual_seed(0)
    for _ in range(case.steps):
        rows = torch.cat([4 * torch.randperm(len(images) // 4, generator=draw)[:4] + kind for kind in range(4)])
        loss = nn.functional.binary_cross_entropy_with_logits(detector(images[rows]), labels[rows].float())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return detector.eval()
