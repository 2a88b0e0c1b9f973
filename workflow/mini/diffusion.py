"""The diffusion network of the mini data set: a small U-Net on pixels, that adds noise to a photograph and removes it.

Variance-preserving noise with a cosine schedule (Nichol and Dhariwal 2021): at time t in 0..1 an image is
cos(pi t / 2) image + sin(pi t / 2) noise. The network predicts v = cos noise - sin image (Salimans and Ho 2022).
It is used as SDEdit does (Meng et al. 2022): a photograph is taken to time `STRENGTH`, and back in equal deterministic
steps (DDIM, Song et al. 2021). Training stops at time `LATEST`, since later ones are never used.
Images are float tensors [n, 3, height, width] in 0..1, sides multiples of 4; the network sees them in -1..1.
"""

from __future__ import annotations

import math

import torch
from deal import generator
from layers import Residual, conv
from torch import Tensor, nn
from torch.nn import functional

WIDTH, TIME = 64, 64  # channels at a half and at a quarter of the resolution; of the embedded time
LATEST, STRENGTH, STEPS = 0.4, 0.2, 10


def embed(times: Tensor) -> Tensor:
    """Sines and cosines of times [n] in 0..1 -> [n, TIME], wave lengths from 1/16 to 64."""
    rates = 2 * math.pi * 2 ** torch.linspace(-6, 4, TIME // 2)
    return torch.cat([(times[:, None] * rates).sin(), (times[:, None] * rates).cos()], dim=1)


def mix(times: Tensor) -> tuple[Tensor, Tensor]:
    """Shares of image and noise at times [n], as [n, 1, 1, 1]."""
    angle = (math.pi / 2 * times)[:, None, None, None]
    return angle.cos(), angle.sin()


class Block(nn.Module):
    """A residual block that knows the time."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = nn.Linear(TIME, WIDTH)
        self.residual = Residual(WIDTH)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """[n, WIDTH, h, w] to the same shape."""
        return self.residual(x + self.shift(time)[:, :, None, None])


class Diffusion(nn.Module):
    """A U-Net of two levels, at a half and at a quarter of the resolution."""

    learning_rate = 8e-4
    facts = {  # noqa: RUF012 - a constant
        "architecture": "crossgen mini pixel diffusion (workflow/mini/diffusion.py)",
        "width": WIDTH, "latest_time": LATEST, "loss": "MSE of v",
    }  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.time = nn.Sequential(nn.Linear(TIME, TIME), nn.SiLU())
        self.enter = nn.Sequential(nn.PixelUnshuffle(2), conv(12, WIDTH))
        self.before = Block()
        self.down = nn.Conv2d(WIDTH, WIDTH, 3, stride=2, padding=1)
        self.coarse = nn.ModuleList([Block(), Block()])
        self.up = nn.Sequential(nn.Upsample(scale_factor=2), conv(WIDTH, WIDTH))
        self.after = nn.ModuleList([Block(), Block()])
        self.leave = nn.Sequential(nn.SiLU(), conv(WIDTH, 12), nn.PixelShuffle(2))

    def forward(self, noisy: Tensor, times: Tensor) -> Tensor:
        """v of noisy images [n, 3, h, w] in about -1..1 at times [n]."""
        time = self.time(embed(times))
        fine = self.before(self.enter(noisy), time)
        x = self.down(fine)
        for block in self.coarse:
            x = block(x, time)
        x = fine + self.up(x)
        for block in self.after:
            x = block(x, time)
        return self.leave(x).float()

    def loss(self, images: Tensor) -> Tensor:
        """Mean squared error of v at times spread evenly over the batch."""
        clean, noise, n = 2 * images - 1, torch.randn_like(images), len(images)
        times = LATEST * (torch.arange(n) + torch.rand(n)) / n
        keep, add = mix(times)
        return functional.mse_loss(self(keep * clean + add * noise, times), keep * noise - add * clean)

    def resynthesise(self, images: Tensor, key: str, strength: float = STRENGTH) -> Tensor:
        """To time `strength`, with noise that depends on the key alone, and back.

        With v, a step of DDIM is a turn by the difference of two times' angles.
        """
        noise = torch.from_numpy(generator("diffusion", key).standard_normal(images.shape, dtype="float32"))
        times = torch.linspace(strength, 0, STEPS + 1)[:-1, None]
        keep, add = mix(times[0])
        cosine, sine = mix(times[0] / STEPS)
        x = keep * (2 * images - 1) + add * noise
        for time in times:
            x = cosine * x - sine * self(x, time)
        return x / 2 + 0.5
