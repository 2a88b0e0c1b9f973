"""Calibration: does P(fake) mean what it says? Temperature scaling, and the errors of P(fake) before and after.

Every number is one of prevalence 0.5, as balanced accuracy is: both labels weigh the same, whatever their numbers. With
P = sigmoid(logit / T): NLL is the mean of -log P(the truth), Brier the mean of (P - truth)^2, ECE the sum over bins of
|share of fakes - mean P| x share of the images; 15 bins of equal width (`ece`), or of equal mass (`ece_equal_mass`).

Sources: Guo et al. (2017); Brier (1950). Intervals are by group, linearised (see `crossgen.intervals`). ECE of n images
is never below what chance brings: even of a perfect detector about the square root of bins / n.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, stdtrit

from crossgen.intervals import Clusters, Codes, Estimate, Mask, Numbers

Weights = NDArray[np.float32]

BINS = 15
#: Temperatures looked at, and the ratio between neighbours of the grid that replicates are read off.
COLDEST, HOTTEST, STEP = 0.01, 100.0, 1.05


class Fit(NamedTuple):
    """A temperature with its interval, and why there is none of either."""

    value: float
    low: float
    high: float
    reason: str | None


def balanced(labels: Codes) -> Numbers:
    """Weights [n] that sum to 1, half of it on each label; of one label alone, all."""
    counts = np.bincount(labels, minlength=2)
    return np.asarray(1 / (counts[labels] * (counts > 0).sum()), np.float64)


def temperature(logits: Numbers, labels: Codes, weights: Weights, level: float) -> Fit:
    """The T > 0 that minimises NLL of logits [n] / T, of both labels; its interval from bootstrap `weights` [b, n].

    NLL is convex in 1/T. Undefined where the coldest or the hottest T is the best: every image rightly called, or
    logits that tell nothing of the labels (or the opposite).
    """
    margins = logits * (2 * labels - 1)
    mass = balanced(labels)

    def slope(log_scale: float) -> float:
        return float(mass @ _slopes(margins, np.array([log_scale]))[:, 0])

    ends = (-np.log(HOTTEST), -np.log(COLDEST))
    if slope(ends[1]) <= 0:
        return Fit(np.nan, np.nan, np.nan, f"all validation images rightly called: no T above {COLDEST:g} fits best")
    if slope(ends[0]) >= 0:
        return Fit(np.nan, np.nan, np.nan, f"validation logits tell too little: no T below {HOTTEST:g} fits best")
    best = float(brentq(slope, *ends, xtol=1e-10))
    drawn = _replicates(margins, labels, weights)
    low, high = np.quantile(drawn, [0.5 - level / 2, 0.5 + level / 2])
    value = float(np.exp(-best))
    bound = low <= COLDEST * STEP or high >= HOTTEST / STEP
    reason = f"the interval reaches the bounds of T, {COLDEST:g} to {HOTTEST:g}" if bound else None
    return Fit(value, min(float(low), value), max(float(high), value), reason)


def _slopes(margins: Numbers, log_scales: Numbers) -> Numbers:
    """Derivative [n, k] of each image's NLL by 1/T at 1/T = exp(log_scales)."""
    return np.asarray(-margins[:, None] * expit(-margins[:, None] * np.exp(log_scales)))


def _replicates(margins: Numbers, labels: Codes, weights: Weights) -> Numbers:
    """T of each replicate [b]: where the slope crosses 0, between two points of a grid, or the bound it lies beyond."""
    grid = np.arange(-np.log(HOTTEST), -np.log(COLDEST) + np.log(STEP), np.log(STEP))
    reals, fakes = (_mean_slopes(margins, weights, labels == label, grid) for label in (0, 1))
    slopes = reals + fakes
    after = np.clip((slopes <= 0).sum(axis=1), 1, len(grid) - 1)  # the slope only grows
    rows = np.arange(len(slopes))
    first, second = slopes[rows, after - 1], slopes[rows, after]
    share = np.clip(np.divide(-first, second - first, out=np.zeros_like(first), where=second > first), 0, 1)
    return np.asarray(np.exp(-(grid[after - 1] + share * (grid[after] - grid[after - 1]))))


def _mean_slopes(margins: Numbers, weights: Weights, members: Mask, grid: Numbers) -> Numbers:
    part = weights[:, members].astype(np.float64)
    return np.asarray(part @ _slopes(margins[members], grid) / part.sum(axis=1, keepdims=True))


class Judgement(NamedTuple):
    """P(fake) [n] and its logit [n] of images with these labels, both labels there; `mass` [n] of each."""

    shares: Numbers
    logits: Numbers
    labels: Codes
    mass: Numbers

    @classmethod
    def of(cls, logits: Numbers, labels: Codes, scale: float = 1.0) -> "Judgement":
        """At the temperature `scale`."""
        return cls(expit(logits / scale), logits / scale, labels, balanced(labels))


class Bins(NamedTuple):
    """Of each bin the mass, the mean P(fake) and the share of fakes (NaN: empty)."""

    mass: Numbers
    score: Numbers
    fakes: Numbers


def equal_width(judged: Judgement) -> Codes:
    """Bins of P(fake) of the same width."""
    return np.minimum((judged.shares * BINS).astype(np.int64), BINS - 1)


def equal_mass(judged: Judgement) -> Codes:
    """Bins that hold the same mass, as far as equal P(fake) allow: these share a bin."""
    _, place = np.unique(judged.shares, return_inverse=True)
    held = np.bincount(place, judged.mass)
    middle = np.cumsum(held) - held / 2
    return np.minimum((middle * BINS).astype(np.int64), BINS - 1)[place]


def binned(judged: Judgement, place: Codes) -> Bins:
    """What the bins hold."""
    mass, score, fakes = (
        np.bincount(place, judged.mass * part, BINS) for part in (np.ones(len(place)), judged.shares, judged.labels)
    )
    with np.errstate(invalid="ignore"):
        return Bins(np.asarray(mass, np.float64), score / mass, fakes / mass)


def _brier(judged: Judgement) -> Numbers:
    return np.asarray((judged.shares - judged.labels) ** 2)


def _nll(judged: Judgement) -> Numbers:
    return np.asarray(np.logaddexp(0, judged.logits * (1 - 2 * judged.labels)))


def _ece(judged: Judgement, cut: Callable[[Judgement], Codes]) -> Numbers:
    """What each image adds: its own error, with the sign of its bin's."""
    place = cut(judged)
    errors = judged.labels - judged.shares
    signs = np.sign(np.bincount(place, judged.mass * errors, BINS))
    return np.asarray(signs[place] * errors)


#: Measure -> what each image adds to it [n]; and the largest value it can have.
MEASURES: dict[str, tuple[Callable[[Judgement], Numbers], float]] = {
    "nll": (_nll, np.inf),
    "brier": (_brier, 1.0),
    "ece": (lambda judged: _ece(judged, equal_width), 1.0),
    "ece_equal_mass": (lambda judged: _ece(judged, equal_mass), 1.0),
}


def estimate(judged: Judgement, measure: str, clusters: Clusters, level: float) -> Estimate:
    """A measure with its interval by group: what each image adds, less the mean of its label."""
    parts, most = MEASURES[measure][0](judged), MEASURES[measure][1]
    means = np.array([parts[judged.labels == label].mean() for label in (0, 1)])
    value = float(means.mean())
    residuals = (parts - means[judged.labels]) * judged.mass
    variance = clusters.covariance(residuals, residuals)
    if variance < 1e-18:
        return Estimate(value, np.nan, np.nan, "linearised_cluster")
    degrees = clusters.degrees(np.ones(len(parts), dtype=bool))
    half = float(stdtrit(degrees, 0.5 + level / 2)) * float(np.sqrt(variance))
    return Estimate(value, max(0.0, value - half), min(most, value + half), "linearised_cluster")
