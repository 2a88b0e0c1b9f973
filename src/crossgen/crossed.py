"""Means over several training runs, and over generators and training runs at once.

Sources: crossed random effects and their mean squares (Searle, Casella and McCulloch 1992, chapter 4); degrees of
freedom of a sum of mean squares: Satterthwaite (1946); square and add: Zou and Donner (2008).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from crossgen.intervals import Estimate, Numbers, student_t

Limits = tuple[float, float]


class Error(NamedTuple):
    """Standard error of a mean and its degrees of freedom (fractional: Satterthwaite's)."""

    size: float
    degrees: float

    def half(self, level: float) -> float:
        """Half the width of Student's interval."""
        return float(stdtrit(self.degrees, 0.5 + level / 2)) * self.size

    def p_value(self, value: float) -> float:
        """Two-sided, of a mean `value` whose expectation is 0; NaN without any spread."""
        return 2 * float(stdtr(self.degrees, -abs(value) / self.size)) if self.size > 0 else np.nan


def one_way(values: ArrayLike) -> Error:
    """Error of the mean of `values` [k], k at least 2."""
    values = np.asarray(values, dtype=np.float64)
    return Error(float(values.std(ddof=1)) / len(values) ** 0.5, len(values) - 1)


def two_way(values: Numbers) -> list[Error]:
    """Errors of the mean of `values` [seeds, generators] (2 or more of each): generators alone, seeds alone, both.

    The mean squares of generators and of seeds both hold the residual one, so that theirs is taken off their sum. The
    last is left out where that leaves less than one of them alone.
    """
    seeds, generators = values.shape
    by_seed, by_generator = values.mean(axis=1), values.mean(axis=0)
    rest = values - by_seed[:, None] - by_generator[None, :] + values.mean()
    degrees = np.array([generators - 1, seeds - 1, (generators - 1) * (seeds - 1)])
    squares = np.array([
        seeds * by_generator.var(ddof=1), generators * by_seed.var(ddof=1), (rest**2).sum() / degrees[2]
    ])  # fmt: skip
    alone = [Error(float(np.sqrt(squares[k] / values.size)), float(degrees[k])) for k in (0, 1)]
    both = squares[0] + squares[1] - squares[2]
    if both <= squares[:2].max():
        return alone
    return [*alone, Error(float(np.sqrt(both / values.size)), float(both**2 / (squares**2 / degrees).sum()))]


def over_both(values: Numbers, level: float, limits: Limits) -> tuple[Estimate, float]:
    """Mean of `values` [seeds, generators] with its interval, cut to `limits`; and the p-value of 0.

    The widest of the intervals of `two_way`: another source of variation cannot make a mean surer, and Satterthwaite's
    degrees alone cover 88 % where two seeds vary more than generators. Of one seed Student's t over the generators, of
    one generator that over the seeds. NaN limits without any spread.
    """
    if 1 in values.shape:
        alone = student_t(values.ravel(), level, limits)
        return alone, np.nan if np.isnan(alone.low) else one_way(values.ravel()).p_value(alone.value)
    errors, mean = two_way(values), float(values.mean())
    half = max(error.half(level) for error in errors)
    if not half > 1e-12:
        return Estimate(mean, np.nan, np.nan, "two_way"), np.nan
    p_value = max(error.p_value(mean) for error in errors if error.size > 0)
    return Estimate(mean, max(limits[0], mean - half), min(limits[1], mean + half), "two_way"), p_value


def over_seeds(found: Numbers, level: float, limits: Limits) -> tuple[Estimate, float]:
    """Mean over 2 or more seeds of one number with an interval of its images, `found` [seeds, (value, low, high)].

    The seeds vary and the images are a sample too, the same for all: Student's t of k - 1 degrees over the seeds, and
    the mean reach of the seeds' own intervals, squared and added. Without the second, seeds that agree would make a few
    images look like many. NaN limits where a seed has none. And p, of the same t: the level at which 0 is a limit.
    """
    value, low, high = found.mean(axis=0)
    error = one_way(found[:, 0])
    half = error.half(level)
    below, above = float(np.hypot(half, value - low)), float(np.hypot(half, high - value))
    estimate = Estimate(float(value), max(limits[0], value - below), min(limits[1], value + above), "student_t_images")
    if np.isnan(low):
        return estimate._replace(low=np.nan, high=np.nan), np.nan
    toward = below if value > 0 else above
    quantile = float(stdtrit(error.degrees, 0.5 + level / 2))
    p_value = 2 * float(stdtr(error.degrees, -quantile * abs(value) / toward)) if toward > 0 else np.nan
    return estimate, p_value
