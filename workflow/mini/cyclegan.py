"""CycleGAN's generator, laid out so that the names of its tensors are those of the published weights."""

from __future__ import annotations

from torch import Tensor, nn


def step(layer: nn.Module, width: int) -> list[nn.Module]:
    """A convolution, its normalisation and activation."""
    return [layer, nn.InstanceNorm2d(width, affine=True), nn.ReLU()]


class Block(nn.Module):
    """A residual block with reflection padding."""

    def __init__(self, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(2):
            layers += [nn.ReflectionPad2d(1), *step(nn.Conv2d(width, width, 3), width)]
        self.block = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        """[n, width, h, w] to the same shape."""
        return x + self.block(x)


class Generator(nn.Module):
    """Images [n, 3, height, width] in -1..1 to images of the same shape; sides are multiples of 4."""

    def __init__(self) -> None:
        super().__init__()
        layers = [nn.ReflectionPad2d(3), *step(nn.Conv2d(3, 64, 7), 64)]
        for width in (64, 128):
            layers += step(nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), 2 * width)
        layers += [Block(256) for _ in range(9)]
        for width in (256, 128):
            shrunk = nn.ConvTranspose2d(width, width // 2, 3, stride=2, padding=1, output_padding=1)
            layers += step(shrunk, width // 2)
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(64, 3, 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Translates images."""
        return self.model(x)
