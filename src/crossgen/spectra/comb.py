"""The comb that JPEG leaves in the histograms of DCT coefficients, and a second comb where it was saved twice.

A coefficient that was quantised by a step q is a multiple of q. So of the coefficients beyond q / 2 the mean of
cos(2 pi c / q) is near 1; for a histogram without teeth it is what a geometric law of the same mean gives, which is
taken away. A quality of libjpeg is a table of steps: each is held against the first twenty AC frequencies of the blocks
at the file's own grid. In a file that was saved twice the multiples of the last steps show teeth at the steps of the
first save, if these were larger; a first save of higher quality leaves next to nothing.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Numbers = NDArray[np.float64]

#: Row and column of the first nine AC frequencies, in the order of the zigzag, and libjpeg's steps there at quality 50.
PLACES = (
    (0, 1), (1, 0), (2, 0), (1, 1), (0, 2), (0, 3), (1, 2), (2, 1), (3, 0), (4, 0),
    (3, 1), (2, 2), (1, 3), (0, 4), (0, 5), (1, 4), (2, 3), (3, 2), (4, 1), (5, 0),
)  # fmt: skip
STEPS = (11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40, 26, 24, 22, 22, 24)
#: Steps of 1 and 2 leave no teeth that rounding does not blunt: at 97 all but one are so.
QUALITIES, SMALLEST = tuple(range(20, 97)), 3
LARGEST = 256  # magnitudes are counted below it
#: What makes a comb: this much of a perfect one, and so many standard errors above none.
CLEAR, ERRORS = 0.3, 6.0
#: Among qualities that fit nearly as well as the best the lowest is meant: any divisor of a step fits, too.
NEARLY = 0.9
NEIGHBOURS = 5
FEWEST = 64  # coefficients beyond half a step
LEAST = 0.2  # of the coefficients, that a comb could tell of beside chance and noise
#: Standard deviation of a coefficient of Y after RGB was rounded to whole numbers, before and after.
NOISE = 0.35


@dataclass(frozen=True)
class Comb:
    """`scores` [qualities]: 1 is a perfect comb, 0 none. `quality` of the last save, `first` of one before, or None."""

    scores: Numbers
    quality: int | None
    clear: float
    first: int | None
    first_clear: float


def steps(quality: int) -> NDArray[np.int64]:
    """libjpeg's steps [20] of luminance at PLACES for a quality from 1 to 100."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.asarray(np.clip((np.array(STEPS) * scale + 50) // 100, 1, 255))


def histograms(grey: NDArray[np.floating]) -> Numbers:
    """Counts [20, LARGEST] of rounded magnitudes of grey values [s, s], whose blocks begin in its corner."""
    down, across = grey.shape[0] // 8, grey.shape[1] // 8
    blocks = np.asarray(grey, np.float64).reshape(down, 8, across, 8).swapaxes(1, 2)
    found = fft.dctn(blocks, axes=(2, 3), norm="ortho")
    told = np.stack([found[:, :, row, column].ravel() for row, column in PLACES])
    magnitudes = np.minimum(np.rint(np.abs(told)), LARGEST).astype(np.int64)
    places = magnitudes + (LARGEST + 1) * np.arange(len(PLACES))[:, None]
    counts = np.bincount(places.ravel(), minlength=len(PLACES) * (LARGEST + 1))
    return counts.reshape(len(PLACES), LARGEST + 1)[:, :LARGEST].astype(np.float64)


def comb(counts: Numbers) -> Comb:
    """What histograms [20, LARGEST] (see `histograms`) say of one image's saves as JPEG."""
    single = np.ones(len(PLACES), dtype=np.int64)
    scores, errors = _scored(counts, single, NOISE)
    quality = _best(scores, errors)
    if quality is None:
        return Comb(scores, None, float(scores.max()), None, 0.0)
    clear = float(scores[QUALITIES.index(quality)])
    known = steps(quality)
    again, errors = _scored(_in_multiples(counts, known), known, 0.0)
    again[QUALITIES.index(quality) :] = 0  # a first save as good as the last leaves nothing to be seen
    first = _best(again, errors)
    return Comb(scores, quality, clear, first, float(again.max()))


def _best(scores: Numbers, errors: Numbers) -> int | None:
    """The lowest quality that fits nearly as well as the best, or, of neighbours with nearly its steps, the best."""
    good = (scores >= CLEAR) & (scores >= ERRORS * errors)
    if not good.any():
        return None
    lowest = int(np.flatnonzero(good & (scores >= NEARLY * min(1.0, scores[good].max())))[0])
    near = scores[lowest : lowest + NEIGHBOURS]
    return QUALITIES[lowest + int(np.flatnonzero(near >= near.max() - 1e-9)[-1])]


def _in_multiples(counts: Numbers, known: NDArray[np.int64]) -> Numbers:
    """The same histograms, of multiples of the last save's steps."""
    found = np.zeros_like(counts)
    for row, step in enumerate(known):
        np.add.at(found[row], np.rint(np.arange(LARGEST) / step).astype(np.int64), counts[row])
    return found


def _scored(counts: Numbers, lattice: NDArray[np.int64], noise: float) -> tuple[Numbers, Numbers]:
    """Score and standard error [qualities] of counts [20, LARGEST] of multiples of `lattice` [20].

    `noise` of each coefficient blunts small steps' teeth: frequencies weigh by what it leaves, and 1 is still perfect.
    """
    cosines, start, angle, large = _teeth(tuple(int(step) for step in lattice))
    n = _beyond(counts, start)
    further = _beyond(counts * np.arange(LARGEST), start) - n * start
    excess = np.divide(further, n, out=np.zeros_like(n), where=n > 0)
    chance = _of_chance(excess / (1 + excess), angle, start)
    # a step that divides the lattice has no teeth of its own
    left = np.exp(-((noise * angle) ** 2) / 2) * (np.abs(1 - np.cos(angle)) > 1e-9) * large
    above = ((np.einsum("qrm,rm->qr", cosines, counts) - n * chance) * left).sum(axis=1)
    most = (n * (1 - chance) * left**2).sum(axis=1)
    spread = np.sqrt((n * left**2).sum(axis=1) / 2)
    n = (n * (left > 0)).sum(axis=1)
    enough = (n >= FEWEST) & (most > LEAST * n)
    scores = np.divide(above, most, out=np.zeros_like(n), where=enough)
    errors = np.divide(spread, most, out=np.full_like(n, np.inf), where=enough)
    return scores, errors


@lru_cache(maxsize=8)
def _teeth(lattice: tuple[int, ...]) -> tuple[Numbers, NDArray[np.int64], Numbers, NDArray[np.bool_]]:
    """Of every quality [77, 20]: cosines [.., LARGEST] of the multiples that count, the first of them, the angle, and
    whether the step counts."""
    asked = np.stack([steps(quality) for quality in QUALITIES])
    known = np.array(lattice)[None, :]
    start = np.maximum(1, -(-asked // (2 * known)))
    angle = 2 * np.pi * known / asked
    multiples = np.arange(LARGEST)
    return np.cos(angle[..., None] * multiples) * (multiples >= start[..., None]), start, angle, asked >= SMALLEST


def _beyond(counts: Numbers, start: NDArray[np.int64]) -> Numbers:
    """Sums [qualities, 20] of counts [20, LARGEST] from `start` on."""
    sums = np.cumsum(counts[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(np.take_along_axis(sums, start.T, axis=1).T)


def _of_chance(ratio: Numbers, angle: Numbers, start: NDArray[np.int64]) -> Numbers:
    """Mean of cos(angle m) for m = start, start + 1, ..., each `ratio` times as frequent as the one before."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(
            np.nan_to_num(((1 - ratio) * np.exp(1j * angle * start) / (1 - ratio * np.exp(1j * angle))).real)
        )
