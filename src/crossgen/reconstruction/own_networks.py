"""The two autoencoders of the mini data set as they are run; `workflow/mini/` trains them (a test holds both equal).

Images are float tensors [n, 3, height, width] in [-1, 1], sides multiples of 4.
"""

import torch
from torch import Tensor, nn

#: Pixels a side that share a latent.
FACTOR = 4


def conv(inputs: int, outputs: int) -> nn.Conv2d:
    """A 3 x 3 convolution that keeps the size."""
    return nn.Conv2d(inputs, outputs, 3, padding=1)


class Residual(nn.Module):
    """x + conv(silu(conv(silu(x))))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.SiLU(), conv(width, width), nn.SiLU(), conv(width, width))

    def forward(self, x: Tensor) -> Tensor:
        """[n, width, h, w] to the same shape."""
        result: Tensor = x + self.body(x)
        return result


def blocks(width: int, count: int) -> list[nn.Module]:
    """A chain of residual blocks."""
    return [Residual(width) for _ in range(count)]


class Continuous(nn.Module):
    """The KL autoencoder: latents [n, 4, height / 4, width / 4]."""

    latent = 4

    def __init__(self, width: int = 96, outer: int = 48) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(2), conv(12, outer), *blocks(outer, 1),
            nn.PixelUnshuffle(2), conv(4 * outer, width), *blocks(width, 3), conv(width, 2 * self.latent),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            conv(self.latent, width), *blocks(width, 4), conv(width, 4 * outer), nn.PixelShuffle(2),
            *blocks(outer, 2), conv(outer, 12), nn.PixelShuffle(2),
        )  # fmt: skip

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Mean and standard deviation of the latent."""
        mean, log_variance = self.encoder(images).chunk(2, dim=1)
        return mean, (log_variance.clamp(-20, 5) / 2).exp()

    def decode(self, latents: Tensor) -> Tensor:
        """Images of latents; they may leave [-1, 1] a little."""
        images: Tensor = self.decoder(latents)
        return images


class Codebook(nn.Module):
    """1,024 codes of 8 numbers; `usage` is of training alone."""

    codes: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("codes", torch.zeros(1024, 8))
        self.register_buffer("usage", torch.zeros(1024))

    def forward(self, latents: Tensor) -> Tensor:
        """The nearest code of every latent [n, 8, h, w], same shape."""
        n, channels, height, width = latents.shape
        vectors = latents.permute(0, 2, 3, 1).reshape(-1, channels)
        nearest = (self.codes.square().sum(dim=1) - 2 * vectors @ self.codes.T).argmin(dim=1)
        return self.codes[nearest].view(n, height, width, channels).permute(0, 3, 1, 2)


class Quantised(nn.Module):
    """The VQ autoencoder: one of 1,024 codes for each 4 x 4 pixels."""

    def __init__(self, width: int = 64, outer: int = 32) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(2), conv(12, outer), *blocks(outer, 1),
            nn.PixelUnshuffle(2), conv(4 * outer, width), *blocks(width, 2), conv(width, 8),
        )  # fmt: skip
        self.codebook = Codebook()
        self.decoder = nn.Sequential(
            conv(8, width), *blocks(width, 2), nn.Upsample(scale_factor=2), conv(width, outer),
            *blocks(outer, 2), nn.Upsample(scale_factor=2), conv(outer, 16), nn.SiLU(), conv(16, 3),
        )  # fmt: skip

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """The nearest codes; there is nothing to draw."""
        return self.codebook(self.encoder(images)), None

    def decode(self, latents: Tensor) -> Tensor:
        """Images of codes; they may leave [-1, 1] a little."""
        images: Tensor = self.decoder(latents)
        return images
