"""The KL autoencoder of the mini data set: 4 latent channels at a quarter of the width and height.

Images are float tensors [n, 3, height, width] in 0..1, sides multiples of 4; latents are [n, 4, height / 4, width / 4].
"""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor, nn

FACTOR, LATENT = 4, 4
WIDTH, OUTER = 96, 48  # channels at a quarter and at half of the resolution


def conv(inputs: int, outputs: int) -> nn.Conv2d:
    """A 3 x 3 convolution that keeps the size."""
    return nn.Conv2d(inputs, outputs, 3, padding=1)


class Residual(nn.Module):
    """x + conv(silu(conv(silu(x)))); starts as the identity, so that no normalisation is needed."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.SiLU(), conv(width, width), nn.SiLU(), conv(width, width))
        nn.init.zeros_(self.body[3].weight)
        nn.init.zeros_(self.body[3].bias)

    def forward(self, x: Tensor) -> Tensor:
        """[n, width, h, w] to the same shape."""
        return x + self.body(x)


def blocks(width: int, count: int) -> list[nn.Module]:
    """A chain of residual blocks."""
    return [Residual(width) for _ in range(count)]


class Autoencoder(nn.Module):
    """Encoder to the mean and log-variance of the latent, decoder back to pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(2), conv(12, OUTER), *blocks(OUTER, 1),
            nn.PixelUnshuffle(2), conv(4 * OUTER, WIDTH), *blocks(WIDTH, 3), conv(WIDTH, 2 * LATENT),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            conv(LATENT, WIDTH), *blocks(WIDTH, 4), conv(WIDTH, 4 * OUTER), nn.PixelShuffle(2),
            *blocks(OUTER, 2), conv(OUTER, 12), nn.PixelShuffle(2),
        )  # fmt: skip

    def moments(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the latent."""
        mean, log_variance = self.encoder(2 * images - 1).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-20, 5)

    def encode(self, images: Tensor) -> Tensor:
        """The mean latent of images: no noise, so a reconstruction is reproducible."""
        return self.moments(images)[0]

    def decode(self, latents: Tensor) -> Tensor:
        """Images of latents; clamp to 0..1 before use as pixels."""
        return self.decoder(latents).float() / 2 + 0.5


def load(weights: Path) -> Autoencoder:
    """The committed network (half precision on disk, float32 in memory); strict: raises if a tensor is missing."""
    network = Autoencoder()
    network.load_state_dict({name: tensor.float() for name, tensor in load_file(weights).items()})
    return network.eval()
