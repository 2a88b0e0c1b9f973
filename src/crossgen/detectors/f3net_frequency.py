"""The two inputs of F3Net: images of frequency bands (FAD), and maps of local frequency statistics (LFS).

Qian et al., "Thinking in frequency: face forgery detection by mining frequency-aware clues", ECCV 2020. Bounds, names
and the form of the statistics are those of the code that GenImage used (Leminhbinh0209/F3Net); `paper_areas` has the
bounds of its ancestor (yyk-wew/F3Net), whose low and middle band hold 1/16 and 1/8 - 1/16 of the area, as in the paper.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import torch
from torch import Tensor, nn

Bands = Literal["genimage", "paper_areas"]
#: Low, middle, high and all frequencies u + v of a spectrum of `size`: (from, to). Below, a bound is floored.
FAD_BANDS = {
    "genimage": ((0, 1 / 16), (1 / 16, 1 / 8), (1 / 8, 1), (0, 2)),
    "paper_areas": ((0, 1 / 2.82), (1 / 2.82, 1 / 2), (1 / 2, 2), (0, 2)),
}
WINDOW, STRIDE, PADDING, LFS_BANDS = 10, 2, 4, 6
GREY = (0.299, 0.587, 0.114)
#: Keeps the logarithm of nothing finite.
LEAST = 1e-15


def dct_matrix(size: int) -> Tensor:
    """The orthonormal DCT-II as float32 [size, size]: row k is the k-th cosine. A block's DCT is D x D^T."""
    places = torch.arange(size, dtype=torch.float64)
    cosines: Tensor = torch.cos(torch.pi / size * places[:, None] * (places + 0.5)) * (2 / size) ** 0.5
    cosines[0] /= 2**0.5
    return cosines.to(torch.float32)


def in_float32(device: torch.device) -> AbstractContextManager[Any]:
    """No autocast, where there could be one."""
    available = torch.amp.is_autocast_available(device.type)  # not on the meta device, where shapes are computed
    return torch.autocast(device.type, enabled=False) if available else nullcontext()


def band(size: int, start: float, stop: float, bands: Bands) -> Tensor:
    """Ones where start < u + v <= stop (paper_areas: start <= u + v), else zeros: float32 [size, size]."""
    diagonal = torch.arange(size)[:, None] + torch.arange(size)
    above = diagonal >= start if bands == "paper_areas" else diagonal > start
    return (above & (diagonal <= stop)).float()


class Filter(nn.Module):
    """A band of frequencies and what is learned on top of it: base + 2 sigmoid(learnable) - 1.

    `norm`: divided by the number of ones of the base (`ft_num`).
    """

    base: Tensor
    ft_num: Tensor

    def __init__(self, base: Tensor, norm: bool = False) -> None:
        super().__init__()
        self.register_buffer("base", base)
        self.learnable = nn.Parameter(0.1 * torch.randn(base.shape))
        self.norm = norm
        if norm:
            self.register_buffer("ft_num", base.sum())

    def forward(self) -> Tensor:
        """What a spectrum is multiplied by [size, size]."""
        weights = self.base + 2 * torch.sigmoid(self.learnable) - 1
        return weights / self.ft_num if self.norm else weights


class FadHead(nn.Module):
    """Frequency-aware decomposition: the image through four filters of its spectrum, 4 x 3 = 12 channels."""

    def __init__(self, size: int, bands: Bands) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("_DCT_all", dct_matrix(size))
        self.register_buffer("_DCT_all_T", dct_matrix(size).T.contiguous())
        bounds = [(start * size // 1, stop * size // 1) for start, stop in FAD_BANDS[bands]]
        self.filters = nn.ModuleList(Filter(band(size, *bound, bands)) for bound in bounds)

    def forward(self, images: Tensor) -> Tensor:
        """[n, 3, size, size] to float32 [n, 12, size, size]: RGB of the low, middle, high band, and of all.

        Raises ValueError for images of another size: the filters belong to the frequencies of one.
        """
        if images.shape[-2:] != (self.size, self.size):
            height, width = images.shape[-2:]
            raise ValueError(
                f"This F3Net is made for images of {self.size} x {self.size} pixels, not of {width} x {height}:"
                " options.size and frame.size of the recipe have to be the same."
            )
        forward, back = self.get_buffer("_DCT_all"), self.get_buffer("_DCT_all_T")
        with in_float32(images.device):
            spectrum = forward @ images.float() @ back
            filters = torch.stack([made() for made in self.filters])
            parts: Tensor = back @ (spectrum[:, None] * filters[:, None]) @ forward
            return parts.flatten(1, 2)


class LfsHead(nn.Module):
    """Local frequency statistics: windows of 10 pixels, every 2, and the mean log10 amplitude of six bands of each.

    The sum is of filter times logarithm, as in the code; the paper's is the logarithm of the sum of what is filtered.
    """

    def __init__(self, bands: Bands) -> None:
        super().__init__()
        self.register_buffer("_DCT_patch", dct_matrix(WINDOW))
        self.register_buffer("_DCT_patch_T", dct_matrix(WINDOW).T.contiguous())
        width = 2 * WINDOW / LFS_BANDS
        bounds = [(width * place, width * (place + 1)) for place in range(LFS_BANDS)]
        self.filters = nn.ModuleList(Filter(band(WINDOW, *bound, bands), norm=True) for bound in bounds)

    def forward(self, images: Tensor) -> Tensor:
        """RGB in [-1, 1] [n, 3, height, width] to float32 [n, 6, height // 2, width // 2]."""
        with in_float32(images.device):
            windows = self.windows(images.float())
            patch = self.get_buffer("_DCT_patch")
            spectra = torch.kron(patch, patch) @ windows  # D x D^T of each window, its 100 values in a column
            amplitudes = torch.log10(spectra.abs() + LEAST)
            filters = torch.stack([made().flatten() for made in self.filters])
            statistics: Tensor = filters @ amplitudes
            return statistics.view(len(images), LFS_BANDS, images.shape[2] // 2, images.shape[3] // 2)

    def windows(self, images: Tensor) -> Tensor:
        """Images in [-1, 1] to the grey values, 0 to 245, of their windows: [n, 100, windows]."""
        grey = (images * images.new_tensor(GREY).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
        return nn.functional.unfold((grey + 1) * 122.5, WINDOW, padding=PADDING, stride=STRIDE)
