"""From scores to metrics: one row a number, with its interval, its counts and, where there is none, the reason.

An image is called fake if its logit is above 0. Intervals are by group (see `crossgen.intervals`); the text of
`interval` says which: wilson_cluster, mover, delong_logit_cluster, linearised_logit_cluster, student_t;
bootstrap_t for differences (`comparisons`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from crossgen import intervals, records
from crossgen.config import Statistics, TestSet
from crossgen.evaluation import statistics as weighted
from crossgen.evaluation.judged import Judge, Judged
from crossgen.evaluation.means import Grid
from crossgen.evaluation.rows import FAKE, REAL, Row, by_experiment, counted_images, counts, mean_row, table_of
from crossgen.evaluation.worst import Worst
from crossgen.intervals import Clusters, Codes, Estimate, Numbers
from crossgen.progress import track

NAMES = {REAL: "reals", FAKE: "fakes"}


@dataclass(frozen=True)
class Sample:
    """The scored images of a cell: logits [n], labels [n], who belongs together, and the confidence level."""

    logits: Numbers
    labels: Codes
    clusters: Clusters
    level: float

    @property
    def right(self) -> intervals.Mask:
        """Which images are rightly called."""
        return np.asarray((self.logits > 0) == (self.labels == FAKE))


def _tpr(sample: Sample) -> Estimate:
    return intervals.rate(sample.right, sample.labels == FAKE, sample.clusters, sample.level)


def _tnr(sample: Sample) -> Estimate:
    return intervals.rate(sample.right, sample.labels == REAL, sample.clusters, sample.level)


def _fpr(sample: Sample) -> Estimate:
    return intervals.rate(~sample.right, sample.labels == REAL, sample.clusters, sample.level)


def _accuracy(sample: Sample) -> Estimate:
    share = float((sample.labels == FAKE).mean())
    return intervals.mean_of_rates(sample.right, sample.labels, sample.clusters, sample.level, share)


def _balanced_accuracy(sample: Sample) -> Estimate:
    return intervals.mean_of_rates(sample.right, sample.labels, sample.clusters, sample.level)


def _roc_auc(sample: Sample) -> Estimate:
    return intervals.roc_auc(sample.logits, sample.labels, sample.clusters, sample.level)


def _average_precision(sample: Sample) -> Estimate:
    return weighted.average_precision_estimate(sample.logits, sample.labels, sample.clusters, sample.level)


#: Every metric of the tables. fpr is the share of reals called fake; for a control, the share called fake.
METRICS: dict[str, Callable[[Sample], Estimate]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "roc_auc": _roc_auc,
    "average_precision": _average_precision,
    "tpr": _tpr,
    "tnr": _tnr,
    "fpr": _fpr,
}

#: Metrics that one label is enough for; the others need both.
ONE_LABEL = {"tpr": FAKE, "tnr": REAL, "fpr": REAL}


def compute_metrics(
    scores: pd.DataFrame,
    facts: pd.DataFrame,
    test_sets: Sequence[TestSet],
    train_generators: Mapping[str, str | None],
    statistics: Statistics,
) -> pd.DataFrame:
    """All metrics of all detectors: the columns of METRICS, text columns with None (never NaN) for absent.

    `scores` has the columns of SCORES, `facts` those of the manifests (image_id, group, stratum, pool, split, label,
    quarantine) for at least the test images. Every detector is crossed with every condition and test set: what is
    missing shows as NaN with a reason. `coverage` is scored / test images, quarantined ones included. After the cells
    of a detector follow its means, after those of an experiment the means over its train sets (see `means.Grid`); a
    mean counts the distinct images of its test sets that all its detectors scored, n and coverage alike. Last come the
    generators that each does worst on (see `worst`).

    Raises ValueError for tables that do not fit (see `Judged.of`).
    """
    judged = Judged.of(scores, facts, test_sets)
    worst = Worst.of(judged, test_sets, statistics)
    rows: list[Row] = []
    places = list(product(by_experiment(judged).items(), judged.conditions()))
    for ((experiment, seed), trains), condition in track(places, "compute_metrics", len(places), "matrices"):
        judges = [Judge(experiment, train, seed, condition) for train in trains]
        cells = [_cell(judged, *each, statistics.level) for each in product(judges, test_sets)]
        rows += [row for cell in cells for row in cell]
        rows += _mean_rows(judged, judges, test_sets, cells, statistics.level)
        places_of = [(judge, test_set.name) for judge, test_set in product(judges, test_sets)]
        named = {
            (*place, str(row["metric"])): row for place, cell in zip(places_of, cells, strict=True) for row in cell
        }
        rows += worst.rows(judges, named)
    for row in rows:
        row["train_generator"] = train_generators.get(str(row["train_set"]))
    return table_of(rows, records.METRICS)


def _cell(judged: Judged, judge: Judge, test_set: TestSet, level: float) -> list[Row]:
    """One row a metric, in the order of METRICS."""
    rows, coverage = judged.scored([judge], [test_set.name])
    labels = judged.labels[rows]
    sample = Sample(judged.of_judge(judge)[rows], labels, judged.clusters(rows), level)
    shared = judge._asdict() | {"test_generator": test_set.name, "coverage": coverage} | counts(labels)
    absent = {label: _absent(test_set, label) for label in NAMES if not (labels == label).any()}
    return [shared | _estimated(sample, metric, absent) for metric in METRICS]


def _absent(test_set: TestSet, label: int) -> str:
    pool = {FAKE: test_set.fake, REAL: test_set.real}[label]
    return f"one class only: no {NAMES[label]}" if pool is None else f"no {NAMES[label]} of pool {pool} were scored"


def _estimated(sample: Sample, metric: str, absent: Mapping[int, str]) -> Row:
    needs = [ONE_LABEL[metric]] if metric in ONE_LABEL else [REAL, FAKE]
    reasons = [absent[label] for label in needs if label in absent]
    if reasons:
        nothing = {"value": np.nan, "low": np.nan, "high": np.nan, "interval": None}
        return {"metric": metric, **nothing, "reason": "; ".join(reasons)}
    return {"metric": metric, **METRICS[metric](sample)._asdict(), "reason": None}


def _mean_rows(
    judged: Judged, judges: Sequence[Judge], test_sets: Sequence[TestSet], cells: Sequence[Sequence[Row]], level: float
) -> Iterator[Row]:
    trains = tuple(judge.train_set for judge in judges)
    values = np.array([[row["value"] for row in cell] for cell in cells], dtype=np.float64)
    grids = values.reshape(len(trains), len(test_sets), len(METRICS))
    counted: dict[tuple[tuple[str, ...], tuple[str, ...]], Row] = {}
    for place, metric in enumerate(METRICS):
        for mean in Grid(grids[:, :, place], trains, tuple(test_sets), level).means():
            key = (mean.trains, mean.tests)
            if key not in counted:
                chosen = [each for each in judges if each.train_set in mean.trains]
                counted[key] = counted_images(judged, chosen, mean.tests)
            yield judges[0]._asdict() | counted[key] | {"metric": metric} | mean_row(mean)
