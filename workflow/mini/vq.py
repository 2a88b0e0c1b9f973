"""The VQ autoencoder of the mini data set (van den Oord et al. 2017): one of 1024 codes for each 4 x 4 pixels.

Images are float tensors [n, 3, height, width] in 0..1, sides multiples of 4; latents are [n, 8, height / 4, width / 4].
Unlike the KL autoencoder's, its decoder enlarges by nearest neighbour and convolution, as VQGAN's does.
"""

from __future__ import annotations

import torch
from layers import blocks, conv
from torch import Tensor, nn
from torch.nn import functional

CODES, LATENT = 1024, 8
WIDTH, OUTER = 64, 32  # channels at a quarter and at half of the resolution
COMMITMENT, DECAY = 0.25, 0.99
DEAD = 0.05  # a code chosen this seldom, in shares of the mean, is put where latents are


class Codebook(nn.Module):
    """Codes that follow the latents they stand for (exponential moving averages); `usage` is latents a step and code.

    No usage at the start makes every code dead: the first batch's latents become the first codes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("codes", torch.zeros(CODES, LATENT))
        self.register_buffer("usage", torch.zeros(CODES))

    def nearest(self, vectors: Tensor) -> Tensor:
        """Index of the nearest code of each vector [n, 8]."""
        with torch.autocast("cpu", enabled=False):
            return (self.codes.square().sum(dim=1) - 2 * vectors @ self.codes.T).argmin(dim=1)

    @torch.no_grad()
    def learn(self, vectors: Tensor, chosen: Tensor) -> None:
        """Moves each code towards the mean of the vectors that chose it, and dead codes onto vectors of this batch."""
        counts = torch.bincount(chosen, minlength=CODES).float()
        sums = torch.zeros_like(self.codes).index_add_(0, chosen, vectors)
        self.usage.lerp_(counts, 1 - DECAY)
        self.codes += (1 - DECAY) * (sums - counts[:, None] * self.codes) / self.usage.clamp(min=1e-6)[:, None]
        mean = len(vectors) / CODES
        dead = (self.usage < DEAD * mean).nonzero()[:, 0]
        self.codes[dead] = vectors[torch.randint(len(vectors), (len(dead),))]
        self.usage[dead] = mean

    def forward(self, latents: Tensor) -> Tensor:
        """The nearest code of every latent, same shape; learns when training."""
        vectors = latents.permute(0, 2, 3, 1).reshape(-1, LATENT)
        chosen = self.nearest(vectors)
        if self.training:
            self.learn(vectors.detach(), chosen)
        n, _, height, width = latents.shape
        return self.codes[chosen].view(n, height, width, LATENT).permute(0, 3, 1, 2)


class VectorQuantised(nn.Module):
    """Encoder, codebook, decoder back to pixels."""

    learning_rate = 8e-4
    facts = {  # noqa: RUF012 - a constant
        "architecture": "crossgen mini VQ autoencoder (workflow/mini/vq.py)",
        "factor": 4, "codes": CODES, "latent_channels": LATENT, "width": WIDTH, "outer_width": OUTER,
        "commitment": COMMITMENT, "decay": DECAY, "loss": "L1 + 10 MSE + commitment",
    }  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(2), conv(12, OUTER), *blocks(OUTER, 1),
            nn.PixelUnshuffle(2), conv(4 * OUTER, WIDTH), *blocks(WIDTH, 2), conv(WIDTH, LATENT),
        )  # fmt: skip
        self.codebook = Codebook()
        self.decoder = nn.Sequential(
            conv(LATENT, WIDTH), *blocks(WIDTH, 2), nn.Upsample(scale_factor=2), conv(WIDTH, OUTER),
            *blocks(OUTER, 2), nn.Upsample(scale_factor=2), conv(OUTER, 16), nn.SiLU(), conv(16, 3),
        )  # fmt: skip

    def encode(self, images: Tensor) -> Tensor:
        """Latents before quantisation."""
        return self.encoder(2 * images - 1).float()

    def decode(self, codes: Tensor) -> Tensor:
        """Images of quantised latents; clamp to 0..1 before use as pixels."""
        return self.decoder(codes).float() / 2 + 0.5

    def resynthesise(self, images: Tensor, _: str) -> Tensor:
        """There and back by way of the codes."""
        return self.decode(self.codebook(self.encode(images)))

    def loss(self, images: Tensor) -> Tensor:
        """L1 + 10 MSE of the reconstruction (gradients straight through the codes), + commitment to the codes."""
        latents = self.encode(images)
        codes = self.codebook(latents)
        output = self.decode(latents + (codes - latents).detach())
        commitment = functional.mse_loss(latents, codes)
        return functional.l1_loss(output, images) + 10 * functional.mse_loss(output, images) + COMMITMENT * commitment
