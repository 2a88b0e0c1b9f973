"""NPR: a short ResNet-50 on what an image has beyond its own half size (Tan et al., "Rethinking the up-sampling
operations in CNN-based generative network for generalizable deepfake detection", CVPR 2024)."""

import torch
from timm.models.resnet import Bottleneck, make_blocks
from torch import Tensor, nn

#: What the residual is multiplied by.
GAIN = 2 / 3


class NPR(nn.Module):
    """The residual, a 3x3 stem, and the first two stages of ResNet-50. The filter has no weights."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.act1 = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        stages, _ = make_blocks((Bottleneck, Bottleneck), (64, 128), (3, 4), inplanes=64)
        self.layer1, self.layer2 = (stage for _, stage in stages)
        self.fc1 = nn.Linear(128 * Bottleneck.expansion, 1)
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")

    def features(self, images: Tensor) -> Tensor:
        """Normalised images [n, 3, h, w] to unpooled features [n, 512, about h / 8, about w / 8]."""
        stem = self.maxpool(self.act1(self.bn1(self.conv1(residual(images)))))
        features: Tensor = self.layer2(self.layer1(stem))
        return features

    def head(self, features: Tensor) -> Tensor:
        """Unpooled features, float32, to logits [n, 1]."""
        logits: Tensor = self.fc1(features.mean((2, 3)))
        return logits

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images [n, 3, h, w] to logits [n, 1]."""
        return self.head(self.features(images).float())


def residual(images: Tensor) -> Tensor:
    """[n, c, h, w] minus itself halved and doubled by the nearest pixel, times 2/3, in float32.

    That is, each block of 2 x 2 pixels minus its upper left one. An odd last row or column is cut off.
    """
    with torch.autocast(images.device.type, enabled=False):  # bf16 would round away what is looked for
        height, width = (side // 2 * 2 for side in images.shape[2:])
        even = images.float()[:, :, :height, :width]
        corners = even[:, :, ::2, ::2].repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        return (even - corners) * GAIN


def build() -> NPR:
    """NPR with fresh weights: it is trained from scratch. Images of any size. 1,437,761 parameters."""
    return NPR()
