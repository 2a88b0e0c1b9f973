"""F3Net (Qian et al., "Thinking in frequency", ECCV 2020) in the variant that GenImage trained.

Two Xceptions: one sees the image split by frequency (FAD), the other maps of local frequency statistics (LFS); two
MixBlocks join them. There is no official code and there are no published weights; names and numbers are those of
Leminhbinh0209/F3Net (GenImage's and DRCT's), so that weights trained with it load. `bands: paper_areas` has the bounds
of yyk-wew/F3Net. Images come in [-1, 1] (frame mean and std 0.5), at 299 x 299 pixels in the published recipes.

Labels: the two outputs are real (0) and fake (1), as with yyk; `fake_index: 0` for weights trained the other way. The
logit is z_fake - z_real, so its sigmoid is the softmax's P(fake).
"""

from typing import get_args

import timm
import torch
from timm.models.xception import Xception
from torch import Tensor, nn

from crossgen.detectors.f3net_frequency import LFS_BANDS, Bands, FadHead, LfsHead
from crossgen.detectors.f3net_mixing import MixBlock
from crossgen.detectors.timm_network import weights_of

#: timm's name.
XCEPTION = "legacy_xception"
#: Below it, nothing is left to mix after four halvings.
LEAST_SIZE = 64
FAD_CHANNELS, FEATURES = 12, 2048


class F3Net(nn.Module):
    """48,319,026 trainable parameters at 299 pixels, of which 357,604 are the four filters of the image's spectrum."""

    def __init__(self, size: int, bands: Bands, pretrained: bool, fake_index: int) -> None:
        super().__init__()
        self.fake_index = fake_index
        self.fad_head = FadHead(size, bands)
        self.lfs_head = LfsHead(bands)
        self.fad_excep = xception(FAD_CHANNELS, pretrained)
        self.lfs_excep = xception(LFS_BANDS, pretrained)
        self.lfs_excep.conv1.stride = (1, 1)
        self.lfs_excep.conv1.padding = lfs_padding(size)
        self.mix_block7 = MixBlock(728)
        self.mix_block12 = MixBlock(1024)
        self.dp = nn.Dropout(0.2)
        self.fc = nn.Linear(2 * FEATURES, 2)

    def features(self, images: Tensor) -> Tensor:
        """RGB in [-1, 1] [n, 3, size, size] to the unpooled features of both streams [n, 4096, height, width]."""
        fad, lfs = entry(self.fad_excep, self.fad_head(images)), entry(self.lfs_excep, self.lfs_head(images))
        for place in range(1, 13):
            fad = getattr(self.fad_excep, f"block{place}")(fad)
            lfs = getattr(self.lfs_excep, f"block{place}")(lfs)
            if place == 7:
                fad, lfs = self.mix_block7(fad, lfs)
        fad, lfs = self.mix_block12(fad, lfs)
        return torch.cat([leave(self.fad_excep, fad), leave(self.lfs_excep, lfs)], dim=1)

    def head(self, features: Tensor) -> Tensor:
        """Unpooled features, float32, to logits [n, 1]: fake minus real."""
        outputs: Tensor = self.fc(self.dp(features.relu().mean(dim=(2, 3))))
        return outputs[:, [self.fake_index]] - outputs[:, [1 - self.fake_index]]

    def forward(self, images: Tensor) -> Tensor:
        """RGB in [-1, 1] [n, 3, size, size] to logits [n, 1]."""
        return self.head(self.features(images).float())


def xception(channels: int, pretrained: bool) -> Xception:
    """timm's Xception without its classifier, its names Cadene's. For other than 3 channels timm repeats the pretrained
    first kernel, divided by the number of repetitions, which is what the published code does."""
    with weights_of(XCEPTION):
        return timm.create_model(XCEPTION, pretrained=pretrained, in_chans=channels, num_classes=0)


def entry(network: Xception, images: Tensor) -> Tensor:
    """An Xception before its blocks."""
    first = network.act1(network.bn1(network.conv1(images)))
    maps: Tensor = network.act2(network.bn2(network.conv2(first)))
    return maps


def leave(network: Xception, maps: Tensor) -> Tensor:
    """An Xception after its blocks, without the last ReLU."""
    maps = network.act3(network.bn3(network.conv3(maps)))
    last: Tensor = network.bn4(network.conv4(maps))
    return last


def lfs_padding(size: int) -> tuple[int, int]:
    """Padding of the first convolution on LFS maps: none, as published, but where the streams would not fit.

    FAD's maps are (size - 3) // 2 - 1 wide before the blocks, those of LFS size // 2 - 4; three halvings, rounded up,
    make them equal at 299, 256, 224, 128, ..., but not at every size (no 248): there, one pixel of zeros makes them so.
    """
    fad, lfs = (size - 3) // 2 - 1, size // 2 - 4
    return (0, 0) if -(-fad // 8) == -(-lfs // 8) else (1, 1)


def build(size: int = 299, bands: Bands = "genimage", pretrained: bool = False, fake_index: int = 1) -> F3Net:
    """F3Net for square images of `size` pixels, which has to be the frame's.

    `bands`: bounds of the bands, `genimage` or `paper_areas`; `pretrained`: ImageNet weights of both Xceptions;
    `fake_index`: which of the two outputs is the fake's. Raises ValueError for values out of these.
    """
    if type(size) is not int or size < LEAST_SIZE:
        raise ValueError(f"options.size of F3Net is {size!r}: expected pixels, an integer from {LEAST_SIZE} on.")
    if bands not in get_args(Bands):
        raise ValueError(f"options.bands of F3Net is {bands!r}: expected one of {', '.join(get_args(Bands))}.")
    if type(fake_index) is not int or fake_index not in (0, 1):
        raise ValueError(f"options.fake_index of F3Net is {fake_index!r}: expected 0 or 1.")
    return F3Net(size, bands, pretrained, fake_index)
