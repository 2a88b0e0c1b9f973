"""Networks planted so that it is known where they look."""

import torch
from torch import Tensor, nn

from crossgen.config import Frame, Optimiser, Recipe
from crossgen.detectors.detector import Detector

SIDE = 32


class Corner(nn.Module):
    """One convolution, and a head that sees brightness in the upper left quarter of the picture only."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Conv2d(3, 1, 4, stride=4, bias=False)
        self.last = nn.Linear(1, 1, bias=False)
        nn.init.constant_(self.mean.weight, 1 / 48)
        nn.init.constant_(self.last.weight, 4.0)

    def features(self, images: Tensor) -> Tensor:
        maps = self.mean(images)
        seen = torch.zeros_like(maps)
        seen[:, :, : maps.shape[2] // 2, : maps.shape[3] // 2] = 1
        return maps * seen

    def head(self, features: Tensor) -> Tensor:
        return self.last(features.mean((2, 3)))

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images).float())


class CornerByModule(Corner):
    """The same, whose maps come out of a module, as Grad-CAM needs them."""

    def __init__(self) -> None:
        super().__init__()
        self.shown = nn.ReLU()

    def features(self, images: Tensor) -> Tensor:
        return self.shown(super().features(images))


class Fine(nn.Module):
    """Features are the picture's differences between neighbours: what JPEG takes away."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(3 * SIDE * (SIDE - 1), 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.last((images[..., 1:] - images[..., :-1]).flatten(1))


class NoLinear(nn.Module):
    """A network with nothing linear at its end."""

    def forward(self, images: Tensor) -> Tensor:
        return images.mean((1, 2, 3))[:, None]


def planted(name: str) -> Detector:
    """A detector of one of these networks."""
    recipe = Recipe(
        name="planted",
        architecture=f"looked_at:{name}",
        frame=Frame(kind="crop", size=SIDE, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
        optimiser=Optimiser(lr=1e-3),
        steps=1,
        precision="fp32",
    )
    torch.manual_seed(0)
    return Detector(recipe).eval()
