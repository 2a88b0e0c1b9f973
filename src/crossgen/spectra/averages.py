"""Average Fourier spectra of residuals in both orders, in a memory that does not grow with the images.

Everything is in decibels of grey levels: a residual of white noise with variance v has 10 log10(v) at every frequency
(unitary transform, no window). Sources: "average, then Fourier" is GenImage's Figure 2, after Wang et al. (CVPR 2020);
the mean of logarithms is what papers on spectra of generators mostly show.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Numbers = NDArray[np.float64]

#: Powers below are taken for these: a thirtieth of a grey level in one image, a thousandth in a mean of many.
FLOOR, FLOOR_OF_MEAN = 1e-3, 1e-6
#: Width of a band of the radial power, in cycles per pixel; the highest holds the corner at 0.707.
BAND = 1 / 64
BANDS = 46
#: Frequencies from here on count as high: half of the highest along an axis.
HIGH = 0.25


def decibels(power: Numbers, floor: float = FLOOR) -> Numbers:
    """10 log10, never below the floor's."""
    return np.asarray(10 * np.log10(np.maximum(power, floor)))


def power_of(residual: NDArray[np.floating]) -> Numbers:
    """Power [s, s // 2 + 1] at every frequency of a residual [s, s], in squared grey levels."""
    found = fft.rfft2(np.asarray(residual, np.float64), norm="ortho")
    return np.asarray(found.real**2 + found.imag**2)


def whole(half: Numbers) -> Numbers:
    """Both halves [s, s] of a power [s, s // 2 + 1], with the frequency zero at [s // 2, s // 2]."""
    side = len(half)
    mirrored = half[-np.arange(side) % side][:, 1 : side // 2][:, ::-1]
    return np.asarray(fft.fftshift(np.concatenate([half, mirrored], axis=1)))


@dataclass(frozen=True)
class Rings:
    """Which band each frequency of a half spectrum belongs to, and how often it stands in the whole one."""

    side: int
    band: NDArray[np.int64] = field(init=False)
    weight: Numbers = field(init=False)

    def __post_init__(self) -> None:
        down, across = fft.fftfreq(self.side)[:, None], fft.rfftfreq(self.side)[None, :]
        twice = np.full((1, self.side // 2 + 1), 2.0)
        twice[:, [0, -1]] = 1.0
        weight = np.broadcast_to(twice, (self.side, self.side // 2 + 1)).copy()
        weight[0, 0] = 0  # the mean is no texture
        object.__setattr__(self, "band", np.floor(np.hypot(down, across) / BAND + 1e-9).astype(np.int64))
        object.__setattr__(self, "weight", weight)

    def bands(self, power: Numbers) -> Numbers:
        """Mean power [BANDS] of each ring of frequencies."""
        sums = np.bincount(self.band.ravel(), (power * self.weight).ravel(), BANDS)
        return np.asarray(sums / np.bincount(self.band.ravel(), self.weight.ravel(), BANDS))

    def high(self, power: Numbers) -> float:
        """Mean power of all frequencies from HIGH on."""
        weight = self.weight * (self.band >= round(HIGH / BAND))
        return float((power * weight).sum() / weight.sum())


class Averages:
    """Sums over images, added one by one: a few arrays of the residual's size, whatever the number of images."""

    def __init__(self, side: int) -> None:
        half = (side, side // 2 + 1)
        self.n = 0
        self._residual: Numbers = np.zeros((side, side))
        self._logarithm: Numbers = np.zeros(half)
        self._powers: Numbers = np.zeros((2, *half))  # of every second image: what both have in common is no noise

    def add(self, residual: NDArray[np.floating], power: Numbers) -> None:
        """One more image: its residual [s, s] and the power of that (see `power_of`)."""
        self._residual += residual
        self._logarithm += decibels(power)
        total = power.sum()
        self._powers[self.n % 2] += power / total if total > 0 else power  # no image of much contrast outweighs others
        self.n += 1

    @property
    def bytes(self) -> int:
        """Memory of the sums."""
        return self._residual.nbytes + self._logarithm.nbytes + self._powers.nbytes

    def mean_then_fft(self) -> Numbers:
        """[s, s] dB: the power of the mean residual. What stands in the same place in all images adds up."""
        return whole(decibels(power_of(self._residual / self._some), FLOOR_OF_MEAN))

    def log_then_mean(self) -> Numbers:
        """[s, s] dB: the mean of each image's own spectrum. What repeats adds up, wherever it begins."""
        return whole(self._logarithm / self._some)

    def halves(self) -> tuple[Numbers, Numbers]:
        """Mean power [s, s // 2 + 1], each image's of sum 1, of every second image and of the others."""
        return self._powers[0] / max(1, (self.n + 1) // 2), self._powers[1] / max(1, self.n // 2)

    @property
    def _some(self) -> int:
        if not self.n:
            raise ValueError("an average of no images is undefined")
        return self.n
