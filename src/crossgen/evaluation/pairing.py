"""Paired differences: intervals and p-values from the bootstrap, McNemar's test for groups, and Holm's correction.

Sources: Student's t with the bootstrap's standard error (Efron and Tibshirani 1993, chapter 12); the variance of
exponential weights: Rubin (1981); McNemar for groups: Durkalski, Palesch, Lipsitz and Rust (2003); Holm (1979).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import bdtr, chdtrc, stdtr, stdtrit

from crossgen.intervals import Codes, Mask, Numbers


class Spread(NamedTuple):
    """How a bootstrap's standard deviation becomes an interval: degrees of freedom, and what it is too small by."""

    degrees: int
    factor: float

    @classmethod
    def of(cls, groups: Codes, strata: Codes, labels: Codes) -> "Spread":
        """Of images with these codes [n], by the label that knows less.

        Exponential weights of k groups give a mean (k - 1) / (k + 1) of its variance. Degrees are those of the label
        with fewer groups (Kish's effective number, less one a stratum): the lower bound of Welch's.
        """
        found = [cls._of_label(groups[labels == label], strata[labels == label]) for label in np.unique(labels)]
        return cls(min(each.degrees for each in found), max(each.factor for each in found)) if found else cls(1, 1.0)

    @classmethod
    def _of_label(cls, groups: Codes, strata: Codes) -> "Spread":
        parts = [np.unique(groups[strata == stratum], return_counts=True)[1] for stratum in np.unique(strata)]
        # a stratum of one group has no spread of its own to correct: it counts as one and a half
        effective = np.array([max(_effective(sizes), 1.5) for sizes in parts])
        share = np.array([sizes.sum() for sizes in parts]) / len(groups)
        degrees = round(_effective(np.concatenate(parts)) - len(parts))
        return cls(max(1, degrees), float(np.sqrt(share @ ((effective + 1) / (effective - 1)))))


def _effective(sizes: Codes) -> float:
    """Kish's effective number of groups."""
    return float(sizes.sum()) ** 2 / float((sizes.astype(np.float64) ** 2).sum())


class Paired(NamedTuple):
    """Differences, their intervals and two-sided p-values: arrays of one shape, NaN where there are none."""

    value: Numbers
    low: Numbers
    high: Numbers
    p_value: Numbers


def paired(replicates: Numbers, value: Numbers, spread: Spread, level: float) -> Paired:
    """Intervals of differences `value` [...] in [-1, 1] from their bootstrap `replicates` [..., b].

    Student's t about the value, with the replicates' standard deviation (times the factor) for standard error; p from
    the same t, so that p < 1 - level where the interval excludes 0 and nowhere else. Counting replicates beyond 0
    instead would know no p below 1/(b + 1), which no correction for 64 cells survives; and quantiles of few groups'
    replicates cover 89 % where 95 % are promised. No limits where the replicates do not vary at all.
    """
    error = replicates.std(axis=-1, ddof=1) * spread.factor
    error = np.where(np.ptp(replicates, axis=-1) > 1e-12, error, np.nan)
    half = stdtrit(spread.degrees, 0.5 + level / 2) * error
    p_value = 2 * stdtr(spread.degrees, -np.abs(value) / error)
    return Paired(value, np.maximum(value - half, -1.0), np.minimum(value + half, 1.0), p_value)


class McNemar(NamedTuple):
    """Images that only the first (`first`) and only the second (`second`) judge got right; p, and how it was had."""

    first: int
    second: int
    p_value: float
    test: str


def mcnemar(first: Mask, second: Mask, groups: Codes) -> McNemar:
    """Two-sided test that two judges are right equally often, from who was right on each image [n].

    Exact where no two images share a group: of the images that they disagree on, each is right on half (binomial).
    Otherwise as Durkalski et al. (2003) do it: the groups' differences are independent, a group of n_g images counts
    its (b - c) / n_g, and their sum squared by the sum of their squares is a chi-squared of one degree. p is 1 where
    they never disagree, NaN without images.
    """
    only_first, only_second = first & ~second, second & ~first
    counts = (int(only_first.sum()), int(only_second.sum()))
    _, codes, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    name = "mcnemar_exact" if (sizes == 1).all() else "mcnemar_groups"
    if not len(groups):
        return McNemar(*counts, np.nan, name)
    if not sum(counts):
        return McNemar(*counts, 1.0, name)
    if name == "mcnemar_exact":
        return McNemar(*counts, min(1.0, 2 * float(bdtr(min(counts), sum(counts), 0.5))), name)
    differences = np.bincount(codes, only_first.astype(np.float64) - only_second) / sizes
    squares = float((differences**2).sum())
    p_value = float(chdtrc(1, differences.sum() ** 2 / squares)) if squares > 0 else 1.0
    return McNemar(*counts, p_value, name)


def holm(p_values: ArrayLike) -> Numbers:
    """p-values [n] of one family corrected by Holm's steps: the chance of any false finding among them is kept.

    NaN stays NaN, and does not count as a test that was made.
    """
    p_values = np.asarray(p_values, dtype=np.float64)
    corrected = np.full(len(p_values), np.nan)
    made = np.flatnonzero(~np.isnan(p_values))
    order = made[np.argsort(p_values[made], kind="stable")]
    steps = p_values[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(steps)) if len(order) else steps
    return corrected
