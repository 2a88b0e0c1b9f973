"""What thresholds and temperatures that validation images chose come to on test images, beside what they might have.

Every detector is crossed with every condition and test set. Rules of a threshold have tpr, tnr, fpr and
balanced_accuracy; `fixed` and `temperature` have the measures of `crossgen.evaluation.calibration`, before and after;
`fixed` and `best_balanced_accuracy` have the `oracle_gap`: how much balanced accuracy a threshold chosen on the test
images would add. `oracle` is that threshold, and the `bias` of its balanced accuracy: what it owes to chance.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from crossgen.config import Statistics, TestSet
from crossgen.evaluation.judged import Judge, Judged
from crossgen.evaluation.means import Grid
from crossgen.evaluation.points import NAMES, Cell, Found, Name, Samples, cell_of
from crossgen.evaluation.thresholds import Chosen
from crossgen.progress import track

Row = dict[str, object]
#: (experiment, train set, seed) -> rule -> threshold
Thresholds = Mapping[tuple[str, str, int], Mapping[str, Chosen]]
#: What a number can be, where that is not 0 to 1.
LIMITS = {"nll": (0.0, np.inf)}


@dataclass(frozen=True)
class Points:
    """Rows of OPERATING_POINTS and of RELIABILITY."""

    rows: list[Row]
    bins: list[Row]


def operating_points(
    judged: Judged, thresholds: Thresholds, test_sets: Sequence[TestSet], statistics: Statistics
) -> Points:
    """All cells and, after those of an experiment under a condition, its means (see `means.Grid`).

    `thresholds` must hold every detector of `judged` (KeyError).
    """
    judges = [Judge(*detector, condition) for detector in judged.detectors() for condition in judged.conditions()]
    cells: dict[tuple[Judge, str], Cell] = {}
    for test_set in track(test_sets, "choose_thresholds", len(test_sets), "test sets"):
        samples = Samples(judged, test_set, statistics)
        for judge in judges:
            cells[judge, test_set.name] = cell_of(samples, judge, thresholds[judge[:3]])
    points = Points([], [])
    for (experiment, seed), condition in product(_experiments(judged), judged.conditions()):
        mine = [
            each for each in judges if (each.experiment, each.seed, each.condition) == (experiment, seed, condition)
        ]
        for judge, test_set in product(mine, test_sets):
            cell = cells[judge, test_set.name]
            place = judge._asdict() | {"test_generator": test_set.name}
            points.rows.extend(place | cell.counts | _row(name, found) for name, found in cell.found.items())
            points.bins.extend(_bin_rows(place, cell))
        points.rows.extend(_mean_rows(judged, mine, test_sets, cells, statistics.level))
    return points


def _experiments(judged: Judged) -> list[tuple[str, int]]:
    return list(dict.fromkeys((experiment, seed) for experiment, _, seed in judged.detectors()))


def _row(name: Name, found: Found) -> Row:
    told = found.estimate._asdict() | {"interval": found.estimate.interval or None}
    return {"rule": name[0], "metric": name[1], **told, "reason": found.reason}


def _bin_rows(place: Row, cell: Cell) -> Iterator[Row]:
    for rule, bins in cell.bins.items():
        for number, (mass, score, fakes) in enumerate(zip(*bins, strict=True)):
            yield place | {"rule": rule, "bin": number, "mass": mass, "score": score, "fakes": fakes}


def _mean_rows(
    judged: Judged,
    judges: Sequence[Judge],
    test_sets: Sequence[TestSet],
    cells: Mapping[tuple[Judge, str], Cell],
    level: float,
) -> Iterator[Row]:
    trains = tuple(judge.train_set for judge in judges)
    counted: dict[tuple[tuple[str, ...], tuple[str, ...]], Row] = {}
    for rule, metric in NAMES:
        found = [
            cells[judge, test.name].found[rule, metric].estimate.value for judge, test in product(judges, test_sets)
        ]
        values = np.array(found, np.float64).reshape(len(trains), len(test_sets))
        for mean in Grid(values, trains, tuple(test_sets), level, LIMITS.get(metric, (0.0, 1.0))).means():
            key = (mean.trains, mean.tests)
            if key not in counted:
                counted[key] = _counted(judged, [each for each in judges if each.train_set in mean.trains], mean.tests)
            place = judges[0]._asdict() | {"train_set": mean.train_set, "test_generator": mean.test_generator}
            yield place | counted[key] | _row((rule, metric), Found(mean.estimate, mean.reason))


def _counted(judged: Judged, judges: Sequence[Judge], tests: Sequence[str]) -> Row:
    """Distinct images of these test sets that all these judges scored."""
    if not tests:
        return {"n_real": 0, "n_fake": 0, "coverage": np.nan}
    rows, coverage = judged.scored(judges, tests)
    labels = judged.labels[rows]
    return {"n_real": int((labels == 0).sum()), "n_fake": int((labels == 1).sum()), "coverage": coverage}
