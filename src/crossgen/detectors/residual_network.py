"""A timm network that reads the high-pass residual of an image instead of the image.

With few training images a network learns their contents by heart. What generators leave is fine-grained, so forensic
detectors have long looked at residuals (Fridrich & Kodovsky, "Rich models for steganalysis of digital images", 2012;
Tan et al., "Rethinking the up-sampling operations", CVPR 2024); here the image minus its 3x3 mean.
"""

from torch import Tensor, nn

from crossgen.detectors.timm_network import TimmNetwork
from crossgen.detectors.timm_network import build as build_timm

#: Brings residuals of photographs, normalised to [-1, 1], to about unit variance.
GAIN = 16.0


class ResidualNetwork(nn.Module):
    """`gain` times (image minus its 3x3 mean), then the network. Nothing of the filter is learned."""

    def __init__(self, network: TimmNetwork, gain: float) -> None:
        super().__init__()
        self.network = network
        self.gain = gain

    def features(self, images: Tensor) -> Tensor:
        """Normalised images [n, 3, h, w] to the network's unpooled features."""
        return self.network.features(self.residual(images))

    def residual(self, images: Tensor) -> Tensor:
        """[n, 3, h, w] to the same; edges are continued by repetition."""
        padded = nn.functional.pad(images, (1, 1, 1, 1), mode="replicate")
        return self.gain * (images - nn.functional.avg_pool2d(padded, 3, stride=1))

    def head(self, features: Tensor) -> Tensor:
        """Unpooled features, float32, to logits [n, 1]."""
        return self.network.head(features)

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images [n, 3, h, w] to logits [n, 1]."""
        return self.head(self.features(images).float())


def build(model: str, gain: float = GAIN, pretrained: bool = False, **options: object) -> nn.Module:
    """timm's `model` on residuals; other options as for `timm`. Raises ValueError for a name timm does not know."""
    return ResidualNetwork(build_timm(model, pretrained, **options), gain)
