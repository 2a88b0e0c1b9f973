"""The numbers of one detector on one test set under one condition: rates at thresholds, calibration, the oracle."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from crossgen.config import Statistics, TestSet
from crossgen.evaluation import calibration, oracle
from crossgen.evaluation import statistics as weighted
from crossgen.evaluation.judged import Judge, Judged
from crossgen.evaluation.label_rates import Label, labels_of, rated
from crossgen.evaluation.thresholds import FIXED, RULES, TEMPERATURE, Chosen, limited
from crossgen.intervals import Clusters, Codes, Estimate, Mask, Numbers

#: (rule, metric) of a number.
Name = tuple[str, str]

ORACLE, BEST = "oracle", "best_balanced_accuracy"
RATES = ("tpr", "tnr", "fpr", "balanced_accuracy")
GAP = "oracle_gap"
#: Rules that the oracle is compared with.
COMPARED = (FIXED, BEST)
#: Every number of a cell, in the order of the table.
NAMES: tuple[Name, ...] = tuple(
    (rule, metric)
    for rule in (FIXED, *RULES, TEMPERATURE, ORACLE)
    for metric in (
        *(RATES if rule in (FIXED, *RULES) else ()),
        *((GAP,) if rule in COMPARED else ()),
        *(calibration.MEASURES if rule in (FIXED, TEMPERATURE) else ()),
        *(("balanced_accuracy", "bias") if rule == ORACLE else ()),
    )
)
NOTHING = Estimate(np.nan, np.nan, np.nan, "")


class Found(NamedTuple):
    """A number, and why it or its interval does not exist."""

    estimate: Estimate
    reason: str | None


@dataclass(frozen=True)
class Sample:
    """The scored images of a test set: labels [n], and what the judges who scored the same images share.

    `shares` [n, replicates] are those of `oracle.signed_shares`, `even` [n, 1] those of equal weights; None with one
    label.
    """

    labels: Codes
    clusters: Clusters
    sides: tuple[Label | None, Label | None]
    shares: weighted.Weights | None
    even: weighted.Weights | None
    absent: str | None
    level: float


class Cell(NamedTuple):
    """The numbers of a judge on a test set, and its bins of P(fake) by rule."""

    found: dict[Name, Found]
    bins: dict[str, calibration.Bins]
    counts: dict[str, object]


class Samples:
    """Samples of one test set; its bootstrap weights are drawn once, and shared by those who scored the same images."""

    def __init__(self, judged: Judged, test_set: TestSet, statistics: Statistics) -> None:
        self.judged, self.test_set, self._statistics = judged, test_set, statistics
        self._rows = judged.rows[test_set.name]
        self._weights: weighted.Weights | None = None
        self._last: tuple[bytes, Sample] | None = None

    def of(self, seen: Mask) -> Sample:
        """The images `seen` [images of the test set]."""
        if self._last is None or self._last[0] != seen.tobytes():
            self._last = None  # before the next one is made: shares are large
            self._last = (seen.tobytes(), self._made(seen))
        return self._last[1]

    def _made(self, seen: Mask) -> Sample:
        rows, level = self._rows[seen], self._statistics.level
        labels, clusters = self.judged.labels[rows], self.judged.clusters(rows)
        sides = labels_of(labels, clusters, level)
        both = None not in sides
        shares = oracle.signed_shares(self._drawn()[:, seen], labels) if both else None
        even = oracle.signed_shares(np.ones((1, len(labels)), np.float32), labels) if both else None
        return Sample(labels, clusters, sides, shares, even, None if both else self._absent(sides), level)

    def _absent(self, sides: tuple[Label | None, Label | None]) -> str:
        lacking = [word for word, side in zip(("reals", "fakes"), sides, strict=True) if side is None]
        missing = f"no {' and no '.join(lacking)}"
        return f"{missing} were scored" if self.test_set.pair else f"one class only: {missing}"

    def _drawn(self) -> weighted.Weights:
        if self._weights is None:
            rows, judged, told = self._rows, self.judged, self._statistics
            drawn = weighted.bootstrap_weights(judged.group_names[rows], told.seed, told.replicates)
            strata = judged.strata[rows] * 2 + judged.labels[rows]
            self._weights = weighted.balance_strata(drawn, judged.groups[rows], strata)
        return self._weights

    def logits(self, judge: Judge) -> tuple[Numbers, Mask]:
        """Logits of the images that a judge scored, and which of the test set's these are."""
        logits = self.judged.of_judge(judge)[self._rows]
        seen: Mask = ~np.isnan(logits)
        return logits[seen], seen


def cell_of(samples: Samples, judge: Judge, chosen: Mapping[str, Chosen]) -> Cell:
    """All of NAMES for a judge, whose detector `chosen` holds the thresholds of."""
    logits, seen = samples.logits(judge)
    sample = samples.of(seen)
    found = dict(_rates(sample, logits, chosen))
    if sample.shares is not None:
        found |= _gaps(sample, logits, chosen)
    judgements = dict(_judgements(sample, logits, chosen))
    for rule, judgement in judgements.items():
        for measure in calibration.MEASURES:
            estimate = calibration.estimate(judgement, measure, sample.clusters, sample.level)
            found[rule, measure] = Found(estimate, _no_interval(estimate))
    bins = {rule: calibration.binned(each, calibration.equal_width(each)) for rule, each in judgements.items()}
    whole = {name: found.get(name) or _undefined(name, sample, chosen) for name in NAMES}
    counts = {"n_real": int((sample.labels == 0).sum()), "n_fake": int((sample.labels == 1).sum())}
    return Cell(whole, bins, counts | {"coverage": float(seen.mean()) if len(seen) else np.nan})


def _no_interval(estimate: Estimate) -> str | None:
    return "no interval: all images alike" if np.isnan(estimate.low) else None


def _undefined(name: Name, sample: Sample, chosen: Mapping[str, Chosen]) -> Found:
    """No threshold comes before no images: a control with reals alone has a tnr at any threshold."""
    told = chosen.get(name[0])
    missing = told.reason if told is not None and np.isnan(told.value) else None
    return Found(NOTHING, missing or sample.absent or "not computed")


def _rates(sample: Sample, logits: Numbers, chosen: Mapping[str, Chosen]) -> Iterator[tuple[Name, Found]]:
    for rule in (FIXED, *RULES):
        if not np.isnan(chosen[rule].value):
            for metric, estimate in rated(logits, chosen[rule].value, sample.sides).items():
                yield (rule, metric), Found(estimate, None)


def _judgements(
    sample: Sample, logits: Numbers, chosen: Mapping[str, Chosen]
) -> Iterator[tuple[str, calibration.Judgement]]:
    scales = {FIXED: 1.0, TEMPERATURE: chosen[TEMPERATURE].value}
    for rule, scale in scales.items():
        if sample.absent is None and not np.isnan(scale):
            yield rule, calibration.Judgement.of(logits, sample.labels, scale)


def _gaps(sample: Sample, logits: Numbers, chosen: Mapping[str, Chosen]) -> Iterator[tuple[Name, Found]]:
    """The oracle, and what it adds to each rule of COMPARED, in points of balanced accuracy; in pairs of replicates."""
    assert sample.shares is not None and sample.even is not None  # noqa: S101 -- both labels are there
    rules = [rule for rule in COMPARED if not np.isnan(chosen[rule].value)]
    walk = oracle.Walk.of(logits)
    passed = np.array([int((logits <= chosen[rule].value).sum()) for rule in rules], np.int64)
    replicates, at = oracle.accuracies(sample.shares, walk, passed)
    best, mine = oracle.accuracies(sample.even, walk, passed)
    yield (ORACLE, "balanced_accuracy"), _paired(replicates, best[0], sample.level)
    bias = Estimate(max(0.0, float(replicates.mean() - best[0])), np.nan, np.nan, "bootstrap")
    yield (ORACLE, "bias"), Found(bias, "no interval: a mean over replicates")
    for rule, values, value in zip(rules, at, mine, strict=True):
        yield (rule, GAP), _paired(replicates - values, best[0] - value[0], sample.level)


def _paired(replicates: Numbers, value: float, level: float) -> Found:
    made = limited(weighted.percentile_interval(replicates, float(value), level))
    return Found(Estimate(made.value, made.low, made.high, "bootstrap"), made.reason)
