"""Spec: ResNet-34 on the spectrum of an image (Zhang et al., "Detecting and simulating artifacts in GAN fake images",
WIFS 2019; code AutoGAN)."""

import torch
from torch import Tensor, nn

from crossgen.detectors.timm_network import TimmNetwork

#: Keeps the logarithm of an empty frequency finite.
FLOOR = 1e-3

#: Percentiles of a spectrum that become -1 and 1.
LOW, HIGH = 5, 95


class Spec(nn.Module):
    """The log-magnitude of each channel's spectrum, then the network. Nothing of the front end is learned.

    Images are RGB in [0, 1] (a frame of mean 0 and std 1): the published network saw them in the order B, G, R. Of
    sides longer than `size`, the middle is seen.
    """

    def __init__(self, pretrained: bool, size: int | None) -> None:
        super().__init__()
        self.size = size
        self.network = TimmNetwork("resnet34.tv_in1k", pretrained, classes=2, fake_index=0, zero_init_last=False)

    def features(self, images: Tensor) -> Tensor:
        """RGB images in [0, 1], [n, 3, h, w], to the network's unpooled features."""
        return self.network.features(spectrum(self.middle(images).flip(1)))

    def middle(self, images: Tensor) -> Tensor:
        """Images [n, 3, h, w] with at most `size` pixels a side, cut from their middle."""
        for axis in (2, 3):
            excess = max(0, images.shape[axis] - (self.size or images.shape[axis]))
            images = images.narrow(axis, excess // 2, images.shape[axis] - excess)
        return images

    def head(self, features: Tensor) -> Tensor:
        """Unpooled features, float32, to logits [n, 1]."""
        return self.network.head(features)

    def forward(self, images: Tensor) -> Tensor:
        """RGB images in [0, 1], [n, 3, h, w], to logits [n, 1]."""
        return self.head(self.features(images).float())


def spectrum(images: Tensor) -> Tensor:
    """[n, c, h, w] in [0, 1] to their spectra, float32 of the same shape in [-1, 1], the mean in the corner.

    log(|FFT| + 1e-3), mapped so that the 5th and 95th percentile of each image and channel become -1 and 1, then
    clipped. Always in float32.
    """
    with torch.autocast(images.device.type, enabled=False):
        magnitudes = torch.fft.fft2(images.float().contiguous()).abs()
        logs = torch.log(magnitudes + FLOOR)
        ordered = logs.flatten(2).sort(dim=2).values  # torch.quantile refuses large batches
        low, high = (_percentile(ordered, share)[:, :, None, None] for share in (LOW, HIGH))
        span = (high - low).clamp_min(torch.finfo(torch.float32).eps)  # one colour has an empty spectrum
        return ((logs - low) / span * 2 - 1).clamp(-1, 1)


def _percentile(ordered: Tensor, percent: int) -> Tensor:
    """Percentile along the last axis of sorted values, linear between two of them."""
    whole, rest = divmod(percent * (ordered.shape[-1] - 1), 100)
    upper = min(whole + 1, ordered.shape[-1] - 1)
    return torch.lerp(ordered[..., whole], ordered[..., upper], rest / 100)


def build(pretrained: bool = False, size: int | None = None) -> Spec:
    """ResNet-34 on spectra, two outputs with the fakes first; `pretrained`: on ImageNet-1k, as the authors began.

    `size`: of larger images the spectrum of their middle, size x size pixels, is taken (published: 224 of 256). Images
    of any size. 21,285,698 parameters.
    """
    return Spec(pretrained, size)
