"""A timm network that reads the high-pass residual of an image instead of the image.

With few training images a network learns their contents by heart. What generators leave is fine-grained, so forensic
detectors have long looked at residuals (Fridrich & Kodovsky, "Rich models for steganalysis of digital images", 2012;
Tan et al., "Rethinking the up-sampling operations", CVPR 2024); here the image minus its 3x3 mean.
"""

import torch
from torch import Tensor, nn

from crossgen.detectors.timm_network import TimmNetwork
from crossgen.detectors.timm_network import build as build_timm

#: Brings residuals of photographs, normalised to [-1, 1], to about unit variance.
GAIN = 16.0


class ResidualNetwork(nn.Module):
    """`gain` times (image minus its 3x3 mean), then the network. Nothing of the filter is learned."""

    kernel: Tensor

    def __init__(self, network: TimmNetwork, gain: float) -> None:
        super().__init__()
        self.network = network
        kernel = torch.full((3, 1, 3, 3), -gain / 9)
        kernel[:, :, 1, 1] += gain
        self.register_buffer("kernel", kernel, persistent=False)

    def features(self, images: Tensor) -> Tensor:
        """Normalised images [n, 3, h, w] to the network's unpooled features."""
        return self.network.features(self.residual(images))

    def residual(self, images: Tensor) -> Tensor:
        """[n, 3, h, w] to the same, in float32; edges are continued by repetition."""
        with torch.autocast(images.device.type, enabled=False):  # bf16 would round away what is looked for
            padded = nn.functional.pad(images.float(), (1, 1, 1, 1), mode="replicate")
            return nn.functional.conv2d(padded, self.kernel, groups=3)

    def head(self, features: Tensor) -> Tensor:
        """Unpooled features, float32, to logits [n, 1]."""
        return self.network.head(features)

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images [n, 3, h, w] to logits [n, 1]."""
        return self.head(self.features(images).float())


def build(
    model: str,
    gain: float = GAIN,
    pretrained: bool = False,
    classes: int = 1,
    fake_index: int = 1,
    **options: object,
) -> nn.Module:
    """timm's `model` on residuals; other options as for `timm`. Raises ValueError for a name timm does not know."""
    return ResidualNetwork(build_timm(model, pretrained, classes, fake_index, **options), gain)
