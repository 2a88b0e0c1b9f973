"""A number with its interval, and how the seeds of one cell become one number."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isnan, nan
from statistics import stdev
from typing import Any

import numpy as np
import pandas as pd

from crossgen.crossed import over_seeds

#: What a share can be.
SHARE = (0.0, 1.0)


@dataclass(frozen=True)
class Estimate:
    """A share in [0, 1] (or a difference of shares) with its interval; NaN and a reason where undefined.

    Over several seeds `value` is the mean, and `low` and `high` hold the seeds as well (see `evaluation.seeds`).
    `by_seed` holds the value of each.
    """

    value: float = nan
    low: float = nan
    high: float = nan
    n_real: int = 0
    n_fake: int = 0
    by_seed: tuple[tuple[int, float], ...] = ()
    reason: str = "not computed"
    coverage: float = nan  # smallest share of the images that were judged, over seeds

    @property
    def defined(self) -> bool:
        """Whether there is a value at all."""
        return not isnan(self.value)

    @property
    def sd(self) -> float:
        """Sample standard deviation over seeds (n - 1); NaN with one seed, which says nothing of variation."""
        return stdev(value for _, value in self.by_seed) if self.defined and len(self.by_seed) > 1 else nan

    @property
    def has_sd(self) -> bool:
        """Whether there are several seeds to vary."""
        return not isnan(self.sd)

    @property
    def has_interval(self) -> bool:
        """Whether both bounds are known."""
        return not (isnan(self.low) or isnan(self.high))

    @property
    def separated(self) -> bool:
        """Whether the interval excludes 0 (for differences)."""
        return self.has_interval and (self.low > 0 or self.high < 0)


def pool(rows: Iterable[Mapping[Any, Any]], together: Mapping[Any, Any] | None = None) -> Estimate:
    """One estimate from the rows of all seeds; undefined when it is undefined in one of them.

    `together`: the row of several seeds that bears their interval; without it they have none.
    """
    rows = list(rows)
    lost = [row for row in rows if pd.isna(row["value"])]
    if lost:
        return Estimate(reason=_reason(lost, len(rows)), **_images(rows))
    values = [float(row["value"]) for row in rows]
    whole = rows[0] if len(rows) == 1 else together or {"low": nan, "high": nan, "reason": "no interval over seeds"}
    low, high = float(whole["low"]), float(whole["high"])
    known = not (isnan(low) or isnan(high))
    return Estimate(
        value=sum(values) / len(values),
        low=low if known else nan,
        high=high if known else nan,
        by_seed=tuple(
            (int(row.get("seed", place)), value) for place, (row, value) in enumerate(zip(rows, values, strict=True))
        ),
        reason="" if known else _reason([whole], 1),
        **_images(rows),
    )


def pool_seeds(rows: Iterable[Mapping[Any, Any]], level: float, limits: tuple[float, float] = SHARE) -> Estimate:
    """As `pool`; of several seeds with the interval over seeds and images (see `crossgen.crossed.over_seeds`)."""
    rows = list(rows)
    if len(rows) < 2:
        return pool(rows)
    found = np.array([[row["value"], row["low"], row["high"]] for row in rows], dtype=np.float64)
    estimate = over_seeds(found, level, limits)[0]
    return pool(rows, {"low": estimate.low, "high": estimate.high, "reason": "no interval of a seed"})


def less(first: Estimate, second: Estimate) -> Estimate:
    """Difference of two values in all and seed by seed, without an interval (that needs the pairs of images)."""
    base = dict(second.by_seed)
    shared = tuple((seed, value - base[seed]) for seed, value in first.by_seed if seed in base)
    return Estimate(first.value - second.value, by_seed=shared)


def mean_of(cells: Iterable[Estimate]) -> Estimate:
    """Mean of several cells in all and seed by seed, without an interval; undefined where one of them is."""
    each = list(cells)
    lost = [cell for cell in each if not cell.defined]
    if lost or len(each) < 2:
        return (lost or each or [Estimate()])[0]
    return Estimate(sum(cell.value for cell in each) / len(each), by_seed=mean_by_seed(each))


def mean_by_seed(cells: Iterable[Estimate]) -> tuple[tuple[int, float], ...]:
    """Mean over the cells for every seed that all of them have."""
    each = [dict(cell.by_seed) for cell in cells]
    shared = [seed for seed in (each[0] if each else {}) if all(seed in values for values in each)]
    return tuple((seed, sum(values[seed] for values in each) / len(each)) for seed in shared)


def _images(rows: list[Mapping[Any, Any]]) -> dict[str, Any]:
    """What an estimate rests on. Differences and audits know no coverage."""
    covered = [float(row.get("coverage", nan)) for row in rows]
    return {
        "n_real": _count(rows[0], "n_real"),
        "n_fake": _count(rows[0], "n_fake"),
        "coverage": nan if any(map(isnan, covered)) else min(covered),
    }


def _count(row: Mapping[Any, Any], name: str) -> int:
    count = row.get(name, 0)
    return 0 if pd.isna(count) else int(count)


def _reason(lost: list[Mapping[Any, Any]], seeds: int) -> str:
    reason = lost[0].get("reason")
    text = reason if isinstance(reason, str) and reason else "undefined"
    return text if seeds == 1 else f"{len(lost)} of {seeds} seeds: {text}"
