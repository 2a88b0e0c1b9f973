"""What the numbers of single images come to: means of a pool, and fakes against the reals of their test set.

Images of one photograph are no independent witnesses: every variance is one of groups, within (source package, label),
as in `crossgen.intervals`; a group that has fakes and reals is not torn. Limits are Student's.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from crossgen.intervals import Clusters, Estimate

Numbers = NDArray[np.float64]
NOTHING = Estimate(np.nan, np.nan, np.nan, "student_cluster")


def column(rows: pd.DataFrame, name: str) -> Numbers:
    """A column of lists [n, k] (or of numbers [n, 1]) of the table `spectral`; [0, 1] without images."""
    values = rows[name].tolist()
    return np.array(values, np.float64).reshape(len(rows), -1 if len(rows) else 1)


def mean(rows: pd.DataFrame, values: ArrayLike, level: float) -> list[Estimate]:
    """Means [k] of values [n, k], one row an image of `rows` (columns group, stratum)."""
    told = np.asarray(values, np.float64)
    if not len(told):
        return [NOTHING] * told.shape[1]
    clusters = _clusters(rows, np.zeros(len(rows), np.int64))
    return _estimates(told.mean(axis=0), (told - told.mean(axis=0)) / len(told), clusters, level)


def difference(
    fakes: pd.DataFrame, reals: pd.DataFrame, values: tuple[ArrayLike, ArrayLike], level: float
) -> list[Estimate]:
    """Mean of the fakes less that of the reals, of values [fakes, k] and [reals, k]."""
    first, second = (np.asarray(each, np.float64) for each in values)
    if not len(first) or not len(second):
        return [NOTHING] * max(first.shape[1], second.shape[1])
    labels = np.repeat([1, 0], [len(first), len(second)])
    clusters = _clusters(pd.concat([fakes, reals]), labels)
    parts = [(first - first.mean(axis=0)) / len(first), -(second - second.mean(axis=0)) / len(second)]
    return _estimates(first.mean(axis=0) - second.mean(axis=0), np.concatenate(parts), clusters, level)


def _clusters(rows: pd.DataFrame, labels: NDArray[np.int64]) -> Clusters:
    return Clusters.of(rows["group"].to_numpy(str), labels, rows["stratum"].to_numpy(str))


def _estimates(values: Numbers, residuals: Numbers, clusters: Clusters, level: float) -> list[Estimate]:
    """Values [k] with the interval that the residuals [n, k] of all images give (none of one group)."""
    everyone = np.ones(len(residuals), dtype=bool)
    if len(clusters.stratum) < 2:
        return [Estimate(float(value), np.nan, np.nan, "student_cluster") for value in values]
    quantile = float(stdtrit(clusters.degrees(everyone), 0.5 + level / 2))
    found = []
    for value, told in zip(values, residuals.T, strict=True):
        half = quantile * float(np.sqrt(clusters.covariance(told, told)))
        found.append(Estimate(float(value), float(value - half), float(value + half), "student_cluster"))
    return found


def phase(rows: pd.DataFrame, level: float) -> tuple[int | None, int | None]:
    """Column and row at which blocks begin in a pool's images, from 0 to 7; both None unless both stand out.

    The strongest of eight phases, if its excess is above 0 at a level that allows for having looked at eight.
    """
    strict = 1 - (1 - level) / 8
    right, down = _phase(rows, "block_columns", strict), _phase(rows, "block_rows", strict)
    return (None, None) if right is None or down is None else (right, down)


def _phase(rows: pd.DataFrame, name: str, level: float) -> int | None:
    if not len(rows):
        return None
    found: Sequence[Estimate] = mean(rows, column(rows, name), level)
    best = max(range(len(found)), key=lambda place: found[place].value)
    return best if found[best].low > 0 else None
