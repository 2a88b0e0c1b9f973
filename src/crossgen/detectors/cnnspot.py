"""CNNSpot: ResNet-50 with one output (Wang et al., "CNN-generated images are surprisingly easy to spot", CVPR 2020)."""

from torch import nn

from crossgen.detectors.timm_network import TimmNetwork

#: Standard deviation that the head's weights are drawn with.
HEAD_STD = 0.02


def build(pretrained: bool = False) -> TimmNetwork:
    """torchvision's ResNet-50, whose names published weights bear; `pretrained`: on ImageNet-1k, as the authors began.

    Images of any size, normalised as ImageNet's. 23,510,081 parameters.
    """
    network = TimmNetwork("resnet50.tv_in1k", pretrained, zero_init_last=False)
    nn.init.normal_(network.network.fc.weight, 0, HEAD_STD)
    return network
