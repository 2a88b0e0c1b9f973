"""A small auto-encoder that learns to copy photographs, and leaves in them what a generator's up-sampling leaves.

After Zhang et al., "Detecting and simulating artifacts in GAN fake images", 2019: an encoder that halves the image some
times, a decoder with one of the two usual up-samplings, an L1 loss and a discriminator of patches (least squares).
Sizes and rates are ours.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn

from crossgen.config import Simulator

#: Adam's, falling to 0 in a straight line.
LEARNING_RATE = 2e-3
BETAS = (0.5, 0.99)


class AutoEncoder(nn.Module):
    """Images [n, 3, height, width] in [-1, 1] to copies; sides are multiples of 2**halvings."""

    def __init__(self, simulator: Simulator, upsampling: str) -> None:
        super().__init__()
        widths = [simulator.width * 2**place for place in range(simulator.halvings + 1)]
        down = [nn.Conv2d(3, widths[0], 3, padding=1), nn.ReLU()]
        up: list[nn.Module] = []
        for narrow, wide in pairwise(widths):
            down += [nn.Conv2d(narrow, wide, 3, stride=2, padding=1), nn.ReLU()]
            up = [UPSAMPLINGS[upsampling](wide, narrow), nn.ReLU(), *up]
        self.layers = nn.Sequential(*down, *up, nn.Conv2d(widths[0], 3, 3, padding=1))

    def forward(self, images: Tensor) -> Tensor:
        """Copies of the same shape; they may leave [-1, 1] a little."""
        copies: Tensor = self.layers(images)
        return copies


def transposed(wide: int, narrow: int) -> nn.Module:
    """Twice the sides by a transposed convolution; neighbours get unequal numbers of products, a grid of 2 pixels."""
    return nn.ConvTranspose2d(wide, narrow, 3, stride=2, padding=1, output_padding=1)


def nearest(wide: int, narrow: int) -> nn.Module:
    """Twice the sides by repetition, whose copies of the spectrum a convolution cannot quite take away."""
    return nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(wide, narrow, 3, padding=1))


UPSAMPLINGS: dict[str, Callable[[int, int], nn.Module]] = {"transposed": transposed, "nearest": nearest}


def discriminator(width: int) -> nn.Module:
    """Judges patches of some 22 pixels: images [n, 3, height, width] to a map, 1 for photographs and 0 for copies."""
    return nn.Sequential(
        nn.Conv2d(3, width, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(2 * width, 1, 4, padding=1),
    )


class Fitting:
    """An auto-encoder and its discriminator while they learn."""

    def __init__(self, simulator: Simulator, upsampling: str, seed: int, device: torch.device) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.copier, self.judge = AutoEncoder(simulator, upsampling), discriminator(simulator.width)
        self.weight = simulator.adversarial
        parts = (self.copier.to(device), self.judge.to(device))
        self._optimisers = [torch.optim.Adam(part.parameters(), LEARNING_RATE, betas=BETAS) for part in parts]

    def fit(self, batches: Iterator[Tensor], steps: int) -> Iterator[float]:
        """Take a step a batch (images [n, 3, side, side] in [-1, 1]); the L1 loss of each."""
        for step, images in enumerate(batches):
            for optimiser in self._optimisers:
                optimiser.param_groups[0]["lr"] = LEARNING_RATE * (1 - step / steps)
            copies = self.copier(images)
            if self.weight:
                known = (self.judge(images) - 1).square().mean() + self.judge(copies.detach()).square().mean()
                self._step(1, known / 2)
            difference = (copies - images).abs().mean()
            deceived = (self.judge(copies) - 1).square().mean() if self.weight else 0
            self._step(0, difference + self.weight * deceived)
            yield difference.item()

    def _step(self, part: int, loss: Tensor) -> None:
        self._optimisers[part].zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimisers[part].step()
