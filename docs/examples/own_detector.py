"""A detector of your own, in your own file: crossgen is not touched.

Name it in a recipe, and let Python find it:

    recipes:
      - name: own
        architecture: own_detector:OwnDetector # module:class, or a function that returns a network
        options: {width: 32} # keyword arguments of it
        frame: {kind: crop, size: 96}
        optimiser: {lr: 0.002}
        steps: 400

    PYTHONPATH=docs/examples crossgen resume --configfile my.yaml

A network takes images, float32 [n, 3, size, size], normalised as the recipe's frame says, and gives one logit an image,
[n, 1]: the higher, the more fake. In bf16 autocast it runs as a whole; with the two methods `features` and `head`, as
here, the head stays in float32.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn


class OwnDetector(nn.Module):
    """Three convolutions on the difference of each pixel to the one right of it."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        widths = (3, width, 2 * width, 4 * width)
        layers = [
            nn.Sequential(nn.Conv2d(before, after, 3, stride=2, bias=False), nn.BatchNorm2d(after), nn.ReLU())
            for before, after in pairwise(widths)
        ]
        self.convolutions = nn.Sequential(*layers)
        self.classifier = nn.Linear(widths[-1], 1)

    def features(self, images: Tensor) -> Tensor:
        """Normalised images [n, 3, h, w] to unpooled features."""
        with torch.autocast(images.device.type, enabled=False):  # small differences need float32
            differences = images[..., 1:] - images[..., :-1]
        return self.convolutions(8 * differences)

    def head(self, features: Tensor) -> Tensor:
        """Unpooled features, float32, to logits [n, 1]."""
        return self.classifier(features.mean((2, 3)))

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images [n, 3, h, w] to logits [n, 1]."""
        return self.head(self.features(images).float())
