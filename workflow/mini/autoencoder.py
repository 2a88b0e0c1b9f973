"""The KL autoencoder of the mini data set: 4 latent channels at a quarter of the width and height.

Images are float tensors [n, 3, height, width] in 0..1, sides multiples of 4; latents are [n, 4, height / 4, width / 4].
"""

from __future__ import annotations

import torch
from layers import blocks, conv
from torch import Tensor, nn
from torch.nn import functional

FACTOR, LATENT = 4, 4
WIDTH, OUTER = 96, 48  # channels at a quarter and at half of the resolution
KL_WEIGHT = 1e-6


class Autoencoder(nn.Module):
    """Encoder to the mean and log-variance of the latent, decoder back to pixels."""

    learning_rate = 6e-4
    facts = {  # noqa: RUF012 - a constant
        "architecture": "crossgen mini KL autoencoder (workflow/mini/autoencoder.py)",
        "factor": FACTOR, "latent_channels": LATENT, "width": WIDTH, "outer_width": OUTER,
        "kl_weight": KL_WEIGHT, "loss": "L1 + 10 MSE + KL",
    }  # fmt: skip

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

    def resynthesise(self, images: Tensor, _: str) -> Tensor:
        """There and back."""
        return self.decode(self.encode(images))

    def loss(self, images: Tensor) -> Tensor:
        """L1 + 10 MSE of the reconstruction, + a little KL divergence to the unit normal."""
        mean, log_variance = self.moments(images)
        output = self.decode(mean + torch.randn_like(mean) * (log_variance / 2).exp())
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=(1, 2, 3)).mean()
        return functional.l1_loss(output, images) + 10 * functional.mse_loss(output, images) + KL_WEIGHT * divergence
