"""F3Net's MixBlock: two streams tell each other where to look."""

import torch
from torch import Tensor, nn

from crossgen.detectors.f3net_frequency import in_float32


class MixBlock(nn.Module):
    """Cross attention of two maps of one shape (Qian et al., ECCV 2020), for each channel apart.

    A channel is a matrix: its rows, of both maps together, attend to its rows. In training it starts as the identity:
    the gates are shut (gamma 0), and the batch norms take away all that is left but their bias, 0.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.FAD_query = nn.Conv2d(channels, channels, 1)
        self.LFS_query = nn.Conv2d(channels, channels, 1)
        self.FAD_key = nn.Conv2d(channels, channels, 1)
        self.LFS_key = nn.Conv2d(channels, channels, 1)
        self.FAD_gamma = nn.Parameter(torch.zeros(1))
        self.LFS_gamma = nn.Parameter(torch.zeros(1))
        self.FAD_conv = nn.Conv2d(channels, channels, 1, groups=channels)
        self.FAD_bn = nn.BatchNorm2d(channels)
        self.LFS_conv = nn.Conv2d(channels, channels, 1, groups=channels)
        self.LFS_bn = nn.BatchNorm2d(channels)

    def forward(self, fad: Tensor, lfs: Tensor) -> tuple[Tensor, Tensor]:
        """Two maps [n, channels, side, side] to two like them."""
        attention = self.attention(fad, lfs)
        from_lfs = self.FAD_bn(self.FAD_conv(lfs * attention * gate(self.LFS_gamma)))
        from_fad = self.LFS_bn(self.LFS_conv(fad * attention * gate(self.FAD_gamma)))
        return fad + from_lfs, lfs + from_fad

    def attention(self, fad: Tensor, lfs: Tensor) -> Tensor:
        """How much row i of a channel attends to its row j: float32 [n, channels, side, side], rows sum to 1."""
        queries = torch.cat([self.FAD_query(fad), self.LFS_query(lfs)], dim=3)
        keys = torch.cat([self.FAD_key(fad), self.LFS_key(lfs)], dim=3)
        with in_float32(fad.device):  # the products leave the range of fp16
            energy = queries.float() @ keys.float().transpose(2, 3)
            return energy.softmax(dim=3)


def gate(gamma: Tensor) -> Tensor:
    """From -1 to 1, and 0 where gamma is."""
    return 2 * torch.sigmoid(gamma) - 1
