"""From scores to metrics: one row a number, with its interval, its counts and, where there is none, the reason.

An image is called fake if its logit is above 0. Intervals are by group (see `crossgen.intervals`); the text of
`interval` says which: wilson_cluster, mover, delong_logit_cluster, linearised_logit_cluster, student_t; bootstrap for
differences.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from crossgen import intervals, records
from crossgen.config import Comparison, Statistics, TestSet
from crossgen.evaluation import statistics as weighted
from crossgen.evaluation.judged import Judge, Judged
from crossgen.evaluation.means import Grid, Mean
from crossgen.intervals import Clusters, Codes, Estimate, Numbers
from crossgen.progress import track

Row = dict[str, object]
REAL, FAKE = 0, 1
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

#: Metrics whose paired differences are taken.
COMPARED: dict[str, weighted.Metric] = {
    "balanced_accuracy": weighted.balanced_accuracy,
    "roc_auc": weighted.roc_auc,
}


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
    mean counts the distinct images of its test sets that all its detectors scored, n and coverage alike.

    Raises ValueError for tables that do not fit (see `Judged.of`).
    """
    judged = Judged.of(scores, facts, test_sets)
    rows: list[Row] = []
    places = list(product(_by_experiment(judged).items(), judged.conditions()))
    for ((experiment, seed), trains), condition in track(places, "compute_metrics", len(places), "matrices"):
        judges = [Judge(experiment, train, seed, condition) for train in trains]
        cells = [_cell(judged, *each, statistics.level) for each in product(judges, test_sets)]
        rows += [row for cell in cells for row in cell]
        rows += _mean_rows(judged, judges, test_sets, cells, statistics.level)
    for row in rows:
        row["train_generator"] = train_generators.get(str(row["train_set"]))
    return _table(rows, records.METRICS)


def _by_experiment(judged: Judged) -> dict[tuple[str, int], list[str]]:
    """Train sets of each (experiment, seed)."""
    found: dict[tuple[str, int], list[str]] = {}
    for experiment, train_set, seed in judged.detectors():
        found.setdefault((experiment, seed), []).append(train_set)
    return found


def _cell(judged: Judged, judge: Judge, test_set: TestSet, level: float) -> list[Row]:
    """One row a metric, in the order of METRICS."""
    rows, coverage = judged.scored([judge], [test_set.name])
    labels = judged.labels[rows]
    sample = Sample(judged.of_judge(judge)[rows], labels, judged.clusters(rows), level)
    shared = judge._asdict() | {"test_generator": test_set.name, "coverage": coverage} | _counts(labels)
    absent = {label: _absent(test_set, label) for label in NAMES if not (labels == label).any()}
    return [shared | _estimated(sample, metric, absent) for metric in METRICS]


def _counts(labels: Codes) -> Row:
    return {"n_real": int((labels == REAL).sum()), "n_fake": int((labels == FAKE).sum())}


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
                counted[key] = _counted(judged, [each for each in judges if each.train_set in mean.trains], mean.tests)
            yield judges[0]._asdict() | counted[key] | {"metric": metric} | _mean_row(mean)


def _counted(judged: Judged, judges: Sequence[Judge], tests: Sequence[str]) -> Row:
    if not tests:
        return {"n_real": 0, "n_fake": 0, "coverage": np.nan}
    rows, coverage = judged.scored(judges, tests)
    return _counts(judged.labels[rows]) | {"coverage": coverage}


def _mean_row(mean: Mean) -> Row:
    names = {"train_set": mean.train_set, "test_generator": mean.test_generator}
    return names | mean.estimate._asdict() | {"reason": mean.reason}


def compare(
    scores: pd.DataFrame,
    facts: pd.DataFrame,
    test_sets: Sequence[TestSet],
    comparisons: Sequence[Comparison],
    statistics: Statistics,
) -> pd.DataFrame:
    """Paired differences, experiment minus baseline, over what both share: the columns of DIFFERENCES.

    For every train set and seed of both, test set with both labels, condition and metric of COMPARED; on the images
    that both scored, with the same bootstrap weights of groups everywhere. Then the means of `means.Grid`, with
    Student's t over the generators' differences. Undefined is NaN with a reason, also an interval without any spread.

    Raises ValueError for tables that do not fit, and for a comparison of experiments that share no (train set, seed).
    """
    judged = Judged.of(scores, facts, test_sets)
    both = tuple(test_set for test_set in test_sets if test_set.pair)
    pairs = [pair for comparison in comparisons for pair in _pairs(judged, comparison)]
    # by test set, so that only one test set's weights are held at a time
    cells: dict[tuple[str, Judge, Judge], list[Row]] = {}
    for test_set in track(both, "compute_metrics: differences", len(both), "test sets"):
        weights = _weights(judged, test_set, statistics)
        for pair in pairs:
            for two in pair.judges():
                cells[test_set.name, *two] = _difference(judged, test_set, two, weights, statistics.level)
    rows = [
        {"experiment": pair.comparison.experiment, "baseline": pair.comparison.baseline} | row
        for pair in pairs
        for row in _difference_rows(pair, both, cells, statistics.level)
    ]
    return _table(rows, records.DIFFERENCES)


@dataclass(frozen=True)
class _Pair:
    """Two experiments under one seed and condition, and the train sets that both have."""

    comparison: Comparison
    seed: int
    condition: str
    trains: tuple[str, ...]

    def judges(self) -> list[tuple[Judge, Judge]]:
        ends = (self.seed, self.condition)
        names = self.comparison
        return [(Judge(names.experiment, each, *ends), Judge(names.baseline, each, *ends)) for each in self.trains]


def _pairs(judged: Judged, comparison: Comparison) -> list[_Pair]:
    trains = _by_experiment(judged)
    found = []
    for (experiment, seed), mine in trains.items():
        theirs = trains.get((comparison.baseline, seed), [])
        both = tuple(each for each in mine if each in theirs) if experiment == comparison.experiment else ()
        found += [_Pair(comparison, seed, condition, both) for condition in judged.conditions() if both]
    if not found:
        names = f"{comparison.experiment!r} and {comparison.baseline!r}"
        raise ValueError(f"Nothing to compare: {names} share no train set and seed; scored are {list(trains)}.")
    return found


def _weights(judged: Judged, test_set: TestSet, statistics: Statistics) -> weighted.Weights:
    """Bootstrap weights [replicates, images of the test set], balanced within (label, stratum)."""
    rows = judged.rows[test_set.name]
    weights = weighted.bootstrap_weights(judged.group_names[rows], statistics.seed, statistics.replicates)
    return weighted.balance_strata(weights, judged.groups[rows], judged.strata[rows] * 2 + judged.labels[rows])


def _difference(
    judged: Judged, test_set: TestSet, two: tuple[Judge, Judge], weights: weighted.Weights, level: float
) -> list[Row]:
    """One row a metric of COMPARED, over the images that both judges scored."""
    rows = judged.rows[test_set.name]
    first, second = (judged.of_judge(judge)[rows] for judge in two)
    seen = ~np.isnan(first) & ~np.isnan(second)
    labels = judged.labels[rows][seen]
    weights = np.vstack([np.ones((1, len(labels)), dtype=weights.dtype), weights if seen.all() else weights[:, seen]])
    names: Row = {"train_set": two[0].train_set, "test_generator": test_set.name}
    result = []
    for name, metric in COMPARED.items():
        values = metric(first[seen], labels, weights) - metric(second[seen], labels, weights)
        estimate = weighted.paired_interval(values[1:], float(values[0]), level)
        result.append(names | {"metric": name} | estimate._asdict() | {"reason": _why_not(estimate)})
    return result


def _why_not(estimate: Estimate) -> str | None:
    if np.isnan(estimate.value):
        return "no images of one class that both have scored"
    return "no interval: no replicate differs" if np.isnan(estimate.low) else None


def _difference_rows(
    pair: _Pair, test_sets: tuple[TestSet, ...], cells: Mapping[tuple[str, Judge, Judge], list[Row]], level: float
) -> Iterator[Row]:
    shared: Row = {"seed": pair.seed, "condition": pair.condition}
    found = [cells[test_set.name, *two] for two in pair.judges() for test_set in test_sets]
    yield from (shared | row for cell in found for row in cell)
    values = np.array([[row["value"] for row in cell] for cell in found], dtype=np.float64)
    grids = values.reshape(len(pair.trains), len(test_sets), len(COMPARED))
    for place, metric in enumerate(COMPARED):
        for mean in Grid(grids[:, :, place], pair.trains, test_sets, level, (-1.0, 1.0)).means():
            yield shared | {"metric": metric} | _mean_row(mean)


def _table(rows: Sequence[Row], schema: records.Schema) -> pd.DataFrame:
    """Rows as a table with the schema's columns; absent text stays None."""
    table = pd.DataFrame(list(rows), columns=list(schema.columns))
    texts = [name for name in schema.optional if name in table]
    return table.astype(dict.fromkeys(texts, object)).where(lambda t: t.notna() | ~t.columns.isin(texts), None)
