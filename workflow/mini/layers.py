"""Layers that our own networks share."""

from __future__ import annotations

from torch import Tensor, nn


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
