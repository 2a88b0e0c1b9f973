"""GramNet: ResNet-18 beside the textures of six of its maps (Liu et al., "Global texture enhancement for fake face
detection in the wild", CVPR 2020).

The texture of a map is its Gram matrix: how its channels go together, over all places. The names of modules are those
of the published code, so that its weights fit; the stem's max-pooled map is the one whose names end in `r`.
"""

import timm
import torch
from torch import Tensor, nn

from crossgen.detectors.timm_network import weights_of
from crossgen.detectors.two_class import fake_minus_real

#: Map tapped (the image, or what a part of the trunk gives) -> its channels, and the names of its three layers: before
#: the Gram matrix, and two after it.
TAPS = {
    "image": (3, ("conv_interi_0", "gi_fc1", "gi_fc2")),
    "act1": (64, ("conv_inter0_0", "g0_fc1", "g0_fc2")),
    "maxpool": (64, ("conv_inter1_0", "g_fc1r", "g_fc2r")),
    "layer1": (64, ("conv_inter2_0", "g2_fc1", "g2_fc2")),
    "layer2": (128, ("conv_inter3_0", "g3_fc1", "g3_fc2")),
    "layer3": (256, ("conv_inter4_0", "g4_fc1", "g4_fc2")),
}

#: Channels of a texture.
WIDTH = 32

#: timm's name of the trunk with torchvision's weights, and its parts in order.
RESNET = "resnet18.tv_in1k"
TRUNK = ("conv1", "bn1", "act1", "maxpool", "layer1", "layer2", "layer3", "layer4")


class Scale(nn.Module):
    """Times one number, which is learned."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, texture: Tensor) -> Tensor:
        """Any shape to the same."""
        return texture * self.scale


class GramNet(nn.Module):
    """ResNet-18 and six Gram blocks. `classes`: 2 as published (fakes first), 1 as in later benchmarks."""

    def __init__(self, pretrained: bool, classes: int) -> None:
        super().__init__()
        with weights_of(RESNET):
            trunk = timm.create_model(RESNET, pretrained=pretrained, num_classes=0, zero_init_last=False)
        self.trunk_cfg = (
            trunk.pretrained_cfg
        )  # what `pretrained` tells of the weights; of the trunk only its parts stay
        for name in TRUNK:
            self.add_module(name, getattr(trunk, name))
        for channels, (before, first, second) in TAPS.values():
            self.add_module(before, _layer(channels, WIDTH, stride=1))
            self.add_module(first, _layer(1, 16, stride=2))
            self.add_module(second, _layer(16, WIDTH, stride=2))
        self.scale = Scale()
        joined = 512 + WIDTH * len(TAPS)
        self.fcnewr = nn.Sequential(nn.Linear(joined, 512), nn.ReLU(), nn.Dropout(0.5), nn.Linear(512, classes))

    def features(self, images: Tensor) -> Tensor:
        """Images [n, 3, h, w], as `build` says, to pooled features [n, 704]."""
        maps = self.maps(images if self.fcnewr[-1].out_features == 1 else images.flip(1))
        textures = [self.scale(self.texture(name, maps[name]).float()) for name in TAPS]
        return torch.cat([maps["layer4"].float().mean((2, 3)), *textures], dim=1)

    def maps(self, images: Tensor) -> dict[str, Tensor]:
        """The image and what each part of the trunk makes of it."""
        maps, last = {"image": images}, images
        for name in TRUNK:
            maps[name] = last = self.get_submodule(name)(last)
        return maps

    def texture(self, name: str, tapped: Tensor) -> Tensor:
        """One of the maps [n, c, h, w] to its texture [n, 32]."""
        before, first, second = (self.get_submodule(layer) for layer in TAPS[name][1])
        texture: Tensor = second(first(gram(before(tapped))))
        return texture.mean((2, 3))

    def head(self, features: Tensor) -> Tensor:
        """Pooled features, float32, to logits [n, 1]."""
        outputs: Tensor = self.fcnewr(features)
        return outputs if outputs.shape[1] == 1 else fake_minus_real(outputs, fake_index=0)

    def forward(self, images: Tensor) -> Tensor:
        """Images [n, 3, h, w], as `build` says, to logits [n, 1]."""
        return self.head(self.features(images).float())


def gram(maps: Tensor) -> Tensor:
    """Maps [n, c, h, w] to their Gram matrices [n, 1, c, c], divided by c * h * w; always in float32."""
    with torch.autocast(maps.device.type, enabled=False):  # sums of a whole map
        flat = maps.float().flatten(2)
        return (flat @ flat.transpose(1, 2) / (flat.shape[1] * flat.shape[2]))[:, None]


def _layer(channels: int, width: int, stride: int) -> nn.Sequential:
    convolution = nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(convolution, nn.BatchNorm2d(width), nn.ReLU(inplace=True))


def build(pretrained: bool = False, classes: int = 2) -> GramNet:
    """GramNet; `pretrained`: ResNet-18 on ImageNet-1k, as the authors began.

    `classes: 2`, as published: RGB in 0..255, not normalised (a frame of mean 0 and std 1/255), which it sees in the
    order B, G, R. `classes: 1`, as AIGCDetectBenchmark trains it: RGB normalised as ImageNet's. Images of any size.
    11,734,723 parameters, 513 fewer with one class. Raises ValueError for another number of classes.
    """
    if classes not in (1, 2):
        raise ValueError(f"options.classes is {classes!r} in the recipe: GramNet has 1 or 2 outputs.")
    return GramNet(pretrained, classes)
