"""The generator that a detector does worst on, with an interval of that minimum.

Over all test sets with both labels (`worst`), and over those whose generator the train set has not learned
(`worst_off_diagonal`); unseen generators stand beside the matrix and do not count.

A minimum of estimates is too low, since noise makes one of several equals the worst; and the quantiles of the
bootstrap's minima are lower still (they cover 45 % where 95 % are promised if seven generators are alike). So the
interval is the worst generator's own, widened: down to Student's t with the standard deviation of the bootstrap's
minima, and up to the same about a value that is higher by as much as the minima lie below theirs in the mean.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from crossgen.config import Statistics, TestSet
from crossgen.config.test_sets import counted, other_tests, own_tests
from crossgen.evaluation import pairing
from crossgen.evaluation import statistics as weighted
from crossgen.evaluation.judged import Judge, Judged
from crossgen.evaluation.resampling import Resampler
from crossgen.evaluation.rows import Row, counted_images
from crossgen.intervals import Numbers, student_t
from crossgen.progress import track

WORST = ("worst", "worst_off_diagonal")
#: Metrics that it is told of.
METRICS = ("balanced_accuracy", "roc_auc")
#: Each cell's row by (judge, test set, metric).
Cells = Mapping[tuple[Judge, str, str], Row]


@dataclass(frozen=True)
class Worst:
    """The bootstrap's minima over test sets, of every judge."""

    judged: Judged
    test_sets: tuple[TestSet, ...]
    level: float
    minima: Mapping[tuple[Judge, str], Numbers]  # by which of WORST: [metrics, replicates]

    @classmethod
    def of(cls, judged: Judged, test_sets: Sequence[TestSet], statistics: Statistics) -> "Worst":
        """Resample every judge on every test set, one test set at a time."""
        tests = {each.name: each for each in _counting(test_sets)}
        judges = list(judged.logits)
        resampler = Resampler.of(judged, statistics, len(judges) * len(tests))
        minima: dict[tuple[Judge, str], Numbers] = {}
        for test in track(tests, "compute_metrics: worst generators", len(tests), "test sets"):
            rows = judged.rows[test]
            found = resampler.replicates(test, [judged.logits[judge][rows] for judge in judges], METRICS)
            for judge, values in zip(judges, found, strict=True):
                for which in WORST[:1] if tests[test].is_seen_by(judge.train_set) else WORST:
                    before = minima.get((judge, which))
                    minima[judge, which] = values if before is None else np.minimum(before, values)
        return cls(judged, tuple(test_sets), statistics.level, minima)

    def rows(self, judges: Sequence[Judge], cells: Cells) -> Iterator[Row]:
        """Rows of the train sets of one matrix, then their mean over those that `counted` names."""
        names = counted(self.test_sets, [judge.train_set for judge in judges])
        for place, metric in enumerate(METRICS):
            found = {(judge, which): self._row(judge, which, place, cells) for judge in judges for which in WORST}
            yield from found.values()
            own = [judge for judge in judges if judge.train_set in names]
            for which in WORST if own else ():
                values = np.array([found[judge, which]["value"] for judge in own], dtype=np.float64)
                tests = self._tests(own[0], WORST[0])
                counts = counted_images(self.judged, own, tests)
                told = {"train_set": "mean", "test_generator": which, "metric": metric}
                yield own[0]._asdict() | told | counts | _mean(values, self.level)

    def _tests(self, judge: Judge, which: str) -> tuple[str, ...]:
        if which == WORST[0]:
            return tuple(test.name for test in _counting(self.test_sets))
        return other_tests(self.test_sets, judge.train_set) if own_tests(self.test_sets, judge.train_set) else ()

    def _row(self, judge: Judge, which: str, place: int, cells: Cells) -> Row:
        tests = self._tests(judge, which)
        names: Row = {"test_generator": which, "metric": METRICS[place]}
        shared = judge._asdict() | names | counted_images(self.judged, [judge], tests)
        nothing: Row = {"value": np.nan, "low": np.nan, "high": np.nan, "interval": None, "worst_generator": None}
        lost = [test for test in tests if np.isnan(float(str(cells[judge, test, METRICS[place]]["value"])))]
        if lost or not tests:
            why = f"undefined for {', '.join(lost[:3])}" if lost else "no test set off this train set's diagonal"
            return shared | nothing | {"reason": why}
        worst = min(tests, key=lambda test: float(str(cells[judge, test, METRICS[place]]["value"])))
        limits = self._limits(judge, worst, self.minima[judge, which][place], cells[judge, worst, METRICS[place]])
        return shared | limits | {"worst_generator": worst, "reason": None}

    def _limits(self, judge: Judge, worst: str, minima: Numbers, cell: Row) -> Row:
        value, low, high = (float(str(cell[name])) for name in ("value", "low", "high"))
        spread = self._spread(judge, worst)
        half = float(stdtrit(spread.degrees, 0.5 + self.level / 2)) * spread.factor * float(minima.std(ddof=1))
        higher = value + max(0.0, value - float(minima.mean()))
        return {
            "value": value, "low": max(0.0, min(low, value - half)), "high": min(1.0, max(high, higher + half)),
            "interval": "minimum_bootstrap",
        }  # fmt: skip

    def _spread(self, judge: Judge, test: str) -> pairing.Spread:
        rows = self.judged.rows[test]
        seen = ~np.isnan(self.judged.of_judge(judge)[rows])
        groups, labels = self.judged.groups[rows], self.judged.labels[rows]
        strata = weighted.strata_of(groups, self.judged.strata[rows], labels)
        return pairing.Spread.of(groups[seen], strata[seen], labels[seen])


def _counting(test_sets: Sequence[TestSet]) -> list[TestSet]:
    """Those of the matrix."""
    return [each for each in test_sets if each.pair and not each.unseen]


def _mean(values: Numbers, level: float) -> Row:
    if np.isnan(values).any():
        reason = f"undefined for {int(np.isnan(values).sum())} of {len(values)} train sets"
        return {"value": np.nan, "low": np.nan, "high": np.nan, "interval": "student_t", "reason": reason}
    estimate = student_t(values, level)
    return estimate._asdict() | {"reason": "no interval: one, or all alike" if np.isnan(estimate.low) else None}
