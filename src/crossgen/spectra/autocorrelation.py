"""Autocorrelation of residuals, and its peaks: a pattern that repeats has one at every lag of its period.

The residual of any photograph has lobes at short lags and ridges along its edges. They belong to broad shapes of the
spectrum; what repeats stands in single frequencies. So peaks are looked for after each frequency's power was divided by
the median of those around it: then lags tell of lines in the spectrum and of nothing else.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

Numbers = NDArray[np.float64]

#: How high a peak must be: in units of noise, and in shares of a flat spectrum's variance.
ERRORS, HEIGHT = 6.0, 0.01
#: Surroundings: the median of so many frequencies in a square, and of twice as many along and across.
AROUND = 7
NEAREST = 2  # pixels: nearer lags are the shape of the residual itself
MOST = 3
#: Of peaks at least so high as the highest the one at the shortest lag is the period, others are multiples of it.
ALIKE = 0.5


class Peak(NamedTuple):
    """A lag in pixels (right, down) and the height of `repetition` there."""

    right: int
    down: int
    height: float


def autocorrelation(power: Numbers) -> Numbers:
    """[s, s] from -1 to 1 with lag zero at [s // 2, s // 2], of a mean power [s, s // 2 + 1]. Zeros without variance.

    Lags wrap around at the square's edges.
    """
    side = len(power)
    found = fft.irfft2(power, s=(side, side))
    return np.asarray(fft.fftshift(found / found[0, 0]) if found[0, 0] > 0 else np.zeros((side, side)))


def lines(power: Numbers) -> Numbers:
    """Power [s, s // 2 + 1] over that of the frequencies around, less 1: 0 where a spectrum is smooth.

    Around are a square, a row and a column, whichever has the highest median: edges of a picture that wraps around
    leave rows and columns in the spectrum, in which what repeats stands out nevertheless.
    """
    side = len(power)
    full = np.concatenate([power, power[-np.arange(side) % side][:, 1 : side // 2][:, ::-1]], axis=1)
    shapes = ((AROUND, AROUND), (1, 2 * AROUND + 1), (2 * AROUND + 1, 1))
    around = np.max([ndimage.median_filter(full, shape, mode="wrap") for shape in shapes], axis=0)
    found = np.divide(full, around, out=np.ones_like(full), where=around > 0)[:, : side // 2 + 1] - 1
    found[0, 0] = 0
    return np.asarray(found)


def repetition(power: Numbers) -> Numbers:
    """Autocorrelation [s, s] of the `lines` of a mean power [s, s // 2 + 1], in shares of a flat spectrum's."""
    side = len(power)
    return np.asarray(fft.fftshift(fft.irfft2(lines(power), s=(side, side))))


def peaks(first: Numbers, second: Numbers) -> list[Peak]:
    """At most three peaks of `repetition` that two halves of the images, of mean power [s, s // 2 + 1], both have.

    Noise is what the spread of all frequencies about those around them comes to at any lag. A lag and its opposite are
    one peak; multiples of a peak's lag are not told.
    """
    mean = (first + second) / 2
    both, least = repetition(mean), np.minimum(repetition(first), repetition(second))
    told = lines(mean)
    noise = 1.4826 * float(np.median(np.abs(told - np.median(told)))) / len(mean)
    found = least >= max(HEIGHT, ERRORS * noise)
    found &= both == ndimage.maximum_filter(both, 3, mode="wrap")
    centre = len(both) // 2
    lags = np.argwhere(found) - centre
    return _distinct(
        [Peak(int(x), int(y), float(both[y + centre, x + centre])) for y, x in lags if _counts(int(x), int(y))]
    )


def _counts(right: int, down: int) -> bool:
    return max(abs(right), abs(down)) >= NEAREST and (down > 0 or (down == 0 and right > 0))


def _distinct(found: list[Peak]) -> list[Peak]:
    told: list[Peak] = []
    while found and len(told) < MOST:
        highest = max(peak.height for peak in found)
        near = [peak for peak in found if peak.height >= ALIKE * highest]
        best = min(near, key=lambda peak: (peak.right**2 + peak.down**2, peak.down, peak.right))
        told.append(best)
        found = [peak for peak in found if not _is_multiple(peak, best)]
    return told


def _is_multiple(peak: Peak, of: Peak) -> bool:
    """Whether a lag is, to a pixel, a whole multiple of another."""
    times = {round(a / b) for a, b in ((peak.right, of.right), (peak.down, of.down)) if b}
    return all(abs(peak.right - n * of.right) <= 1 and abs(peak.down - n * of.down) <= 1 for n in times)
