"""Paired differences of two sides: values, intervals, tests, and Holm's correction within each table.

Both sides are judged on the same images with the same bootstrap weights of groups, drawn once for a test set and
shared by all its cells. A *family*, within which Holm corrects, is what one printed table holds: one comparison under
one seed and condition (of each side), one metric, and either its cells, the means of one train set or test set
(`margin`), or those over all train sets (`overall`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.special import stdtr

from crossgen import records
from crossgen.config import Comparison, Statistics, TestSet
from crossgen.evaluation import pairing
from crossgen.evaluation import statistics as weighted
from crossgen.evaluation.judged import Judge, Judged
from crossgen.evaluation.means import Grid, Mean
from crossgen.evaluation.resampling import RESAMPLED, Resampler
from crossgen.evaluation.rows import Row, by_experiment, counted_images, counts, mean_row, table_of
from crossgen.intervals import Codes, Mask, Numbers
from crossgen.progress import track

#: Metrics whose paired differences are taken.
COMPARED = RESAMPLED
#: The two judges of a cell.
Two = tuple[Judge, Judge]


def compare(
    scores: pd.DataFrame,
    facts: pd.DataFrame,
    test_sets: Sequence[TestSet],
    comparisons: Sequence[Comparison],
    statistics: Statistics,
) -> pd.DataFrame:
    """Paired differences, experiment minus baseline, over what both share: the columns of DIFFERENCES.

    For every two detectors that a comparison pairs, test set with both labels, condition and metric of COMPARED; on the
    images that both scored. Then the means of `means.Grid`, with Student's t over the generators' differences. The test
    of a cell is that of its interval (`pairing.paired`), of accuracy McNemar's. `separated`: whether p is below 1 -
    level after Holm's correction. Undefined is NaN with a reason, also an interval without any spread.

    Raises ValueError for tables that do not fit, and for a comparison that pairs no two detectors.
    """
    judged = Judged.of(scores, facts, test_sets)
    both = tuple(test_set for test_set in test_sets if test_set.pair)
    pairs = [pair for comparison in comparisons for pair in pairs_of(judged, comparison)]
    twos = list(dict.fromkeys(two for pair in pairs for two in pair.judges()))
    judges = {judge for two in twos for judge in two}
    resampler = Resampler.of(judged, statistics, len(judges) * len(both))
    cells: dict[tuple[str, Two], list[Row]] = {}
    # by test set, so that only one test set's replicates are held at a time
    for test_set in track(both, "compute_metrics: differences", len(both), "test sets"):
        cells |= {(test_set.name, two): rows for two, rows in _Cells.of(resampler, test_set.name, twos).rows()}
    rows = [row for pair in pairs for row in pair.rows(judged, cells, both, statistics.level)]
    return corrected(table_of(rows, records.DIFFERENCES), FAMILY, statistics.level)


@dataclass(frozen=True)
class Pair:
    """One table: two sides under one seed and condition each, and their train sets, side by side."""

    experiments: tuple[str, str]
    seeds: tuple[int, int]
    conditions: tuple[str, str]
    trains: tuple[tuple[str, str], ...]

    def judges(self) -> list[Two]:
        """The two judges of every train set."""
        ends = list(zip(self.seeds, self.conditions, strict=True))
        names = self.experiments
        return [(Judge(names[0], one, *ends[0]), Judge(names[1], other, *ends[1])) for one, other in self.trains]

    @property
    def names(self) -> Row:
        """Key columns that all its rows share."""
        first = {"experiment": self.experiments[0], "seed": self.seeds[0], "condition": self.conditions[0]}
        theirs = {"baseline_seed": self.seeds[1], "baseline_condition": self.conditions[1]}
        return {**first, "baseline": self.experiments[1], **theirs}

    def rows(
        self, judged: Judged, cells: Mapping[tuple[str, Two], Sequence[Row]], tests: tuple[TestSet, ...], level: float
    ) -> Iterator[Row]:
        """Its cells, then its means."""
        found = [cells[test_set.name, two] for two in self.judges() for test_set in tests]
        yield from (self.names | row for cell in found for row in cell)
        values = np.array([[row["value"] for row in cell] for cell in found], dtype=np.float64)
        grids = values.reshape(len(self.trains), len(tests), len(COMPARED))
        counted: dict[tuple[tuple[str, ...], tuple[str, ...]], Row] = {}
        baselines = dict(self.trains)
        for place, metric in enumerate(COMPARED):
            for mean in Grid(grids[:, :, place], tuple(baselines), tests, level, (-1.0, 1.0)).means():
                key = (mean.trains, mean.tests)
                if key not in counted:
                    judges = [judge for two in self.judges() if two[0].train_set in mean.trains for judge in two]
                    counted[key] = counted_images(judged, judges, mean.tests)
                theirs = {"baseline_train_set": baselines.get(mean.train_set, mean.train_set), "metric": metric}
                yield self.names | counted[key] | mean_row(mean) | theirs | mean_test(mean)


def mean_test(mean: Mean) -> Row:
    """Kind, test and two-sided p of a mean of differences: Student's t over its generators."""
    kind = "overall" if mean.train_set == "mean" and len(mean.tests) != 1 else "margin"
    if np.isnan(mean.estimate.low):
        return {"kind": kind, "test": None, "p_value": np.nan}
    error = mean.values.std(ddof=1) / np.sqrt(len(mean.values))
    p_value = 2 * float(stdtr(len(mean.values) - 1, -abs(mean.estimate.value) / error))
    return {"kind": kind, "test": "student_t", "p_value": p_value}


def pairs_of(judged: Judged, comparison: Comparison) -> list[Pair]:
    """Tables of one comparison, by seed and condition. Raises ValueError if there are none."""
    first, second = comparison.sides
    mine, theirs = (
        {k: v for k, v in by_experiment(judged).items() if k[0] == side.experiment} for side in (first, second)
    )
    seeds = [(seed, seed if second.seed is None else second.seed) for _, seed in mine if first.seed in (None, seed)]
    known = judged.conditions()
    conditions = (
        [(each, each) for each in known] if first.condition is None else [(first.condition, str(second.condition))]
    )
    found = []
    for two in seeds:
        ours, others = mine[first.experiment, two[0]], theirs.get((second.experiment, two[1]), [])
        wanted = [(name, str(second.train_set or name)) for name in ours if first.train_set in (None, name)]
        trains = tuple(each for each in wanted if each[1] in others)
        found += [Pair((first.experiment, second.experiment), two, each, trains) for each in conditions if trains]
    if not found:
        told = ", ".join(
            f"{name} (seed {seed}): {' '.join(trains)}" for (name, seed), trains in by_experiment(judged).items()
        )
        raise ValueError(
            f"Nothing to compare: '{first}' and '{second}' share no train set and seed; scored are {told}."
        )
    return found


@dataclass(frozen=True)
class _Cells:
    """Cells of one test set: what its judges are in every replicate, on the images that a pair of them scored."""

    resampler: Resampler
    test_set: str
    twos: Sequence[Two]
    seen: Mapping[Two, Mask]  # [n] each
    values: Mapping[tuple[Judge, bytes], Numbers]  # [metrics, 1 + replicates], the value itself first
    spreads: dict[bytes, pairing.Spread] = field(default_factory=dict)

    @classmethod
    def of(cls, resampler: Resampler, test_set: str, twos: Sequence[Two]) -> "_Cells":
        judged, rows = resampler.judged, resampler.judged.rows[test_set]
        logits = {judge: judged.of_judge(judge)[rows] for two in twos for judge in two}
        seen = {two: ~np.isnan(logits[two[0]]) & ~np.isnan(logits[two[1]]) for two in twos}
        wanted = {(judge, seen[two].tobytes()): seen[two] for two in twos for judge in two}
        vectors = [np.where(mask, logits[judge], np.nan) for (judge, _), mask in wanted.items()]
        replicates = resampler.replicates(test_set, vectors, tuple(COMPARED))
        points = (_values(vector, judged.labels[rows]) for vector in vectors)
        both = (np.column_stack(each) for each in zip(points, replicates, strict=True))
        return cls(resampler, test_set, twos, seen, dict(zip(wanted, both, strict=True)))

    def rows(self) -> Iterator[tuple[Two, list[Row]]]:
        """The rows of every two judges, one a metric of COMPARED."""
        for two in self.twos:
            seen = self.seen[two]
            key = seen.tobytes()
            first, second = (self.values[judge, key] for judge in two)
            level = self.resampler.statistics.level
            found = pairing.paired(first[:, 1:] - second[:, 1:], first[:, 0] - second[:, 0], self._spread(seen), level)
            yield two, list(self._named(two, seen, found))

    def _named(self, two: Two, seen: Mask, found: pairing.Paired) -> Iterator[Row]:
        labels = self.resampler.judged.labels[self.resampler.judged.rows[self.test_set]][seen]
        names = {"train_set": two[0].train_set, "baseline_train_set": two[1].train_set}
        shared: Row = {**names, "test_generator": self.test_set, "kind": "cell", **counts(labels)}
        for place, metric in enumerate(COMPARED):
            value, low, high, p_value = (float(each[place]) for each in found)
            row: Row = {"metric": metric, "value": value, "low": low, "high": high, "interval": "bootstrap_t"}
            known = {"p_value": p_value, "test": None if np.isnan(p_value) else "bootstrap_t"}
            test = self._mcnemar(two, seen) if metric == "accuracy" and len(labels) else known
            yield shared | row | test | {"reason": _why_not(value, low)}

    def _spread(self, seen: Mask) -> pairing.Spread:
        key = seen.tobytes()
        if key not in self.spreads:
            judged, rows = self.resampler.judged, self.resampler.judged.rows[self.test_set]
            groups, labels = judged.groups[rows], judged.labels[rows]
            strata = weighted.strata_of(groups, judged.strata[rows], labels)
            self.spreads[key] = pairing.Spread.of(groups[seen], strata[seen], labels[seen])
        return self.spreads[key]

    def _mcnemar(self, two: Two, seen: Mask) -> Row:
        judged, rows = self.resampler.judged, self.resampler.judged.rows[self.test_set][seen]
        fake = judged.labels[rows] == 1
        right = [(judged.of_judge(judge)[rows] > 0) == fake for judge in two]
        found = pairing.mcnemar(right[0], right[1], judged.groups[rows])
        return {"only_first": found.first, "only_baseline": found.second, "p_value": found.p_value, "test": found.test}


def _values(logits: Numbers, labels: Codes) -> Numbers:
    """COMPARED of one cell [metrics]; images without a logit are left out."""
    seen = ~np.isnan(logits)
    ones = np.ones(int(seen.sum()))
    return np.array([float(metric(logits[seen], labels[seen], ones)) for metric in COMPARED.values()])


def _why_not(value: float, low: float) -> str | None:
    if np.isnan(value):
        return "no images of one class that both have scored"
    return "no interval: no replicate differs" if np.isnan(low) else None


#: Columns that tell one family from another.
FAMILY = (
    "experiment", "baseline", "seed", "baseline_seed", "condition", "baseline_condition", "metric", "kind",
)  # fmt: skip


def corrected(table: pd.DataFrame, family: Sequence[str], level: float) -> pd.DataFrame:
    """Rows with `p_value`, and besides `family` (a number), `p_holm` and `separated`."""
    numbers = table.groupby(list(family), sort=False, dropna=False).ngroup().to_numpy(np.int64)
    p_values, p_holm = table["p_value"].to_numpy(np.float64), np.full(len(table), np.nan)
    for rows in pd.Series(numbers).groupby(numbers).indices.values():
        p_holm[rows] = pairing.holm(p_values[rows])
    return table.assign(family=numbers, p_holm=p_holm, separated=p_holm < 1 - level)
