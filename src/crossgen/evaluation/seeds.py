"""Several training runs of one experiment: the mean over its seeds of every number, with an interval that knows them.

Made from the finished tables of metrics and differences, so that it can be made again from them. A cell's mean is that
of `crossed.over_seeds`, a mean over generators that of `crossed.over_both`: generators and training runs both vary.
Only train sets that every seed has count; numbers of one seed are not repeated here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from crossgen import records
from crossgen.config import TestSet
from crossgen.config.test_sets import counted
from crossgen.crossed import Limits, over_both, over_seeds
from crossgen.evaluation.comparisons import corrected
from crossgen.evaluation.means import Grid, Mean
from crossgen.evaluation.rows import Row, table_of
from crossgen.evaluation.worst import WORST
from crossgen.intervals import Estimate, Numbers

#: Columns that all rows of one table share, beside the metric.
OF_METRICS = ("experiment", "condition")
OF_DIFFERENCES = ("experiment", "baseline", "condition", "baseline_condition")
GAP = "own_minus_off_diagonal"
#: Rows of differences that Holm corrects together.
FAMILY = (*OF_DIFFERENCES, "metric", "kind")


def seed_means(
    metrics: pd.DataFrame, differences: pd.DataFrame, test_sets: Sequence[TestSet], level: float
) -> pd.DataFrame:
    """The columns of SEED_MEANS for every experiment and comparison of two or more seeds.

    Of a metric `baseline` and its like are empty. Differences between two given seeds are left out. Undefined in one
    seed is undefined in all, with its reason.
    """
    pairs = [test_set for test_set in test_sets if test_set.pair]
    same = differences[differences["seed"] == differences["baseline_seed"]]
    rows = [row for part in _parts(metrics, OF_METRICS) for row in _Part(part, tuple(test_sets), level).rows()]
    paired = [
        row | {"baseline_train_set": _baseline(part, row)}
        for part in _parts(same, OF_DIFFERENCES)
        for row in _Part(part, tuple(pairs), level, (-1.0, 1.0)).rows()
    ]
    table = table_of([row | {"p_value": np.nan, "kind": None} for row in rows], records.SEED_MEANS)
    tested = corrected(table_of(paired, records.SEED_MEANS), FAMILY, level)
    parts = [part for part in (table.assign(family=None, p_holm=np.nan, separated=False), tested) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else tested


@dataclass(frozen=True)
class _Numbers:
    """One table and metric: its names, its seeds, and by (train set, test set) value, low and high [seeds, 3]."""

    names: Row
    seeds: tuple[int, ...]
    found: Mapping[tuple[str, str], Numbers]
    reasons: Mapping[tuple[str, str], str]
    kinds: Mapping[tuple[str, str], str]
    baselines: Mapping[str, str]


def _parts(table: pd.DataFrame, shared: Sequence[str]) -> Iterator[_Numbers]:
    """Tables of two or more seeds, a metric each."""
    for key, rows in table.groupby([*shared, "metric"], sort=False):
        seeds = tuple(int(seed) for seed in dict.fromkeys(rows["seed"]))
        if len(seeds) > 1:
            yield _numbers(dict(zip([*shared, "metric"], key, strict=True)), seeds, rows)


def _numbers(names: Row, seeds: tuple[int, ...], rows: pd.DataFrame) -> _Numbers:
    cells: dict[tuple[str, str], list[Mapping[Any, Any]]] = {}
    for row in rows.to_dict("records"):
        cells.setdefault((row["train_set"], row["test_generator"]), []).append(row)
    whole = {key: each for key, each in cells.items() if len(each) == len(seeds)}
    found = {key: np.array([[row[c] for c in ("value", "low", "high")] for row in each]) for key, each in whole.items()}
    lost = {key: [row for row in each if pd.isna(row["low"])] for key, each in whole.items()}
    reasons = {key: _reason(each, len(seeds)) for key, each in lost.items() if each}
    kinds = {key: str(each[0].get("kind", "")) for key, each in whole.items()}
    baselines = {row["train_set"]: str(row.get("baseline_train_set")) for each in whole.values() for row in each}
    return _Numbers(names, seeds, found, reasons, kinds, baselines)


def _reason(lost: Sequence[Mapping[Any, Any]], seeds: int) -> str:
    reason = lost[0].get("reason")
    return f"{len(lost)} of {seeds} seeds: {reason if isinstance(reason, str) else 'undefined'}"


def _baseline(part: "_Numbers", row: Row) -> str:
    return part.baselines[str(row["train_set"])]


@dataclass(frozen=True)
class _Part:
    """What becomes of one table and metric."""

    numbers: _Numbers
    tests: tuple[TestSet, ...]
    level: float
    limits: Limits = (0.0, 1.0)

    def rows(self) -> Iterator[Row]:
        """Cells, then means, then the worst."""
        found = self.numbers.found
        names = [test.name for test in self.tests]
        known = dict.fromkeys(train for train, _ in found if train != "mean")
        trains = tuple(train for train in known if all((train, name) in found for name in names))
        for train in trains:
            for name in (*names, *WORST):
                if (train, name) in self.numbers.found:
                    yield self._row((train, name), *self._cell((train, name)))
        for means in zip(*(self._grid(trains, place).means() for place in range(len(self.numbers.seeds))), strict=True):
            yield self._mean(means)
        for name in WORST:
            if ("mean", name) in self.numbers.found:
                values = [self.numbers.found[train, name][:, 0] for train in counted(self.tests, trains)]
                yield self._row(("mean", name), *over_both(np.array(values).T, self.level, self.limits))

    def _cell(self, key: tuple[str, str]) -> tuple[Estimate, float]:
        return over_seeds(self.numbers.found[key], self.level, self.limits)

    def _grid(self, trains: tuple[str, ...], place: int) -> Grid:
        values = [[self.numbers.found[train, test.name][place, 0] for test in self.tests] for train in trains]
        return Grid(np.array(values).reshape(len(trains), len(self.tests)), trains, self.tests, self.level, self.limits)

    def _mean(self, means: Sequence[Mean]) -> Row:
        first = means[0]
        values = np.array([mean.values for mean in means])
        low, high = self.limits
        limits = (low - high, high - low) if first.test_generator == GAP else self.limits
        nothing = Estimate(np.nan, np.nan, np.nan, "two_way")
        found = over_both(values, self.level, limits) if values.size else (nothing, np.nan)
        return self._row((first.train_set, first.test_generator), *found)

    def _row(self, key: tuple[str, str], estimate: Estimate, p_value: float) -> Row:
        found = self.numbers.found.get(key)
        values = found[:, 0] if found is not None else np.array([np.nan])
        undefined = self.numbers.reasons.get(key, "undefined") if np.isnan(estimate.value) else None
        unbounded = self.numbers.reasons.get(key, "no interval: all alike") if np.isnan(estimate.low) else None
        return {
            **self.numbers.names, "train_set": key[0], "test_generator": key[1], **estimate._asdict(),
            "seeds": len(self.numbers.seeds), "sd": float(values.std(ddof=1)) if len(values) > 1 else np.nan,
            "kind": self.numbers.kinds.get(key), "p_value": p_value, "reason": undefined or unbounded,
        }  # fmt: skip
