"""Thresholds of the logit, chosen on validation images by rules, with intervals over groups.

Called fake is a logit above the threshold. Rates are weighted, so that a bootstrap replicate is a row of weights; both
labels count the same, however many images they have.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from crossgen.config import Statistics
from crossgen.evaluation import calibration
from crossgen.evaluation import statistics as weighted
from crossgen.evaluation.own_images import Detector, Validation
from crossgen.intervals import Codes, Estimate, Mask, Numbers

REAL, FAKE = 0, 1
#: Rounding: rates that differ by less are equal.
EQUAL = 1e-9
#: Numbers held at once (8 bytes each).
CHUNK = 500_000


@dataclass(frozen=True)
class Steps:
    """The m + 1 intervals that m distinct logits part: thresholds within one do the same.

    `points` [m + 1] stand for them: just below all logits, in the middle between neighbours, the highest logit. `edges`
    [m + 1]: the lowest threshold of each. `widths` [m + 1]: 0 at both ends. `below`: of reals and fakes their places in
    rising order, and how many of them lie at or below each edge.
    """

    points: Numbers
    edges: Numbers
    widths: Numbers
    below: tuple[tuple[Codes, Codes], ...]

    @classmethod
    def of(cls, logits: Numbers, labels: Codes) -> "Steps":
        """Of logits [n] and labels [n]."""
        values = np.unique(logits)
        edges = np.concatenate([[np.nextafter(values[0], -np.inf)], values])
        points = np.concatenate([edges[:1], (values[:-1] + values[1:]) / 2, values[-1:]])
        widths = np.concatenate([[0.0], np.diff(values), [0.0]])
        order = np.argsort(logits, kind="stable")
        sorts = [order[labels[order] == label] for label in (REAL, FAKE)]
        return cls(
            points, edges, widths, tuple((each, np.searchsorted(logits[each], edges, "right")) for each in sorts)
        )


@dataclass(frozen=True)
class Curve:
    """What the thresholds of `steps` do in b replicates: `fpr` and `fnr` [b, m + 1], NaN of a label without images."""

    steps: Steps
    fpr: Numbers
    fnr: Numbers

    @classmethod
    def of(cls, steps: Steps, weights: Numbers | weighted.Weights) -> "Curve":
        """By weights [b, n]."""
        passed, missed = (_shares(weights, *each) for each in steps.below)
        return cls(steps, 1 - passed, missed)

    def widest(self, good: Mask) -> Numbers:
        """For each replicate the middle of the widest `good` [b, m + 1] interval, of equally wide ones the lowest."""
        return np.asarray(self.steps.points[np.argmax(np.where(good, self.steps.widths, -1.0), axis=1)])


def _shares(weights: Numbers | weighted.Weights, places: Codes, counts: Codes) -> Numbers:
    """Share of the weight of `places` [b, m + 1] that the first so many of them have."""
    below = np.zeros((len(weights), len(places) + 1))
    np.cumsum(weights[:, places], axis=1, dtype=np.float64, out=below[:, 1:])
    with np.errstate(invalid="ignore"):
        below /= below[:, -1:].copy()
    return below[:, counts]


def _best_balanced_accuracy(curve: Curve) -> Numbers:
    wrong = curve.fpr + curve.fnr
    return curve.widest(wrong <= wrong.min(axis=1, keepdims=True) + EQUAL)


def _equal_error_rate(curve: Curve) -> Numbers:
    apart = np.abs(curve.fpr - curve.fnr)
    return curve.widest(apart <= apart.min(axis=1, keepdims=True) + EQUAL)


def _false_alarms(curve: Curve, share: float) -> Numbers:
    """The lowest threshold that calls at most this share of the reals fake."""
    return np.asarray(curve.steps.edges[np.argmax(curve.fpr <= share + EQUAL, axis=1)])


@dataclass(frozen=True)
class Rule:
    """How a threshold is chosen [b]; by reals alone if `share` (of reals called fake) is given."""

    choose: Callable[[Curve], Numbers]
    share: float | None = None

    def absent(self, validation: Validation) -> str | None:
        """Why there is no threshold of these images, or None."""
        n_real, n_fake = validation.counts()
        missing = [] if n_real else ["reals"]
        missing += [] if n_fake or self.share is not None else ["fakes"]
        if missing:
            return validation.reason or f"no {' and no '.join(missing)} among the validation images"
        if self.share is not None and n_real * self.share < 1:
            return (
                f"{n_real} reals of validation: {100 * self.share:g} % of them needs at least {round(1 / self.share)}"
            )
        return None


#: Rules that look at validation images. Beside them: `fixed`, the logit 0, and `temperature`.
RULES: dict[str, Rule] = {
    "best_balanced_accuracy": Rule(_best_balanced_accuracy),
    "equal_error_rate": Rule(_equal_error_rate),
    **{f"fpr_{n}": Rule(partial(_false_alarms, share=n / 100), n / 100) for n in (1, 5, 10)},
}
FIXED, TEMPERATURE = "fixed", "temperature"
#: A rule that needs both labels, and nothing else: as the temperature does.
BOTH = "equal_error_rate"


class Chosen(NamedTuple):
    """A threshold, or the temperature, with its interval, and why there is none of either."""

    value: float
    low: float
    high: float
    reason: str | None


def choose(validation: Validation, statistics: Statistics) -> dict[str, Chosen]:
    """Every rule's threshold, `fixed` first and `temperature` last."""
    reasons = {name: rule.absent(validation) for name, rule in RULES.items()}
    found = {FIXED: Chosen(0.0, np.nan, np.nan, "fixed: not chosen")}
    found |= {name: Chosen(np.nan, np.nan, np.nan, reason) for name, reason in reasons.items() if reason}
    wanted = [name for name, reason in reasons.items() if not reason]
    drawn = validation.weights(statistics) if wanted else np.empty((0, 0), np.float32)
    found |= _chosen(validation, wanted, drawn, statistics.level)
    lacking = reasons[BOTH]
    fitted = calibration.Fit(np.nan, np.nan, np.nan, lacking)
    if not lacking:
        fitted = calibration.temperature(validation.logits, validation.labels, drawn, statistics.level)
    return {name: found[name] for name in (FIXED, *RULES)} | {TEMPERATURE: Chosen(*fitted)}


def _chosen(
    validation: Validation, wanted: list[str], weights: weighted.Weights, level: float
) -> Iterator[tuple[str, Chosen]]:
    if not wanted:
        return
    logits = validation.logits
    steps = Steps.of(logits, validation.labels)
    whole = Curve.of(steps, np.ones((1, len(logits))))
    rows = max(1, CHUNK // len(logits))
    curves = (Curve.of(steps, weights[start : start + rows]) for start in range(0, len(weights), rows))
    parts = [[RULES[name].choose(curve) for name in wanted] for curve in curves]
    for name, replicates in zip(wanted, zip(*parts, strict=True), strict=True):
        value = float(RULES[name].choose(whole)[0])
        yield name, limited(weighted.percentile_interval(np.concatenate(replicates), value, level))


def limited(estimate: Estimate) -> Chosen:
    """A percentile interval made to hold its value, which a choice among few images need not lie in."""
    if np.isnan(estimate.low):
        return Chosen(estimate.value, np.nan, np.nan, "no interval: no replicate differs")
    return Chosen(estimate.value, min(estimate.low, estimate.value), max(estimate.high, estimate.value), None)


def threshold_rows(
    validations: Mapping[Detector, Validation], thresholds: Mapping[Detector, Mapping[str, Chosen]]
) -> list[dict[str, object]]:
    """Rows of THRESHOLDS."""
    rows: list[dict[str, object]] = []
    for (experiment, train_set, seed), chosen in thresholds.items():
        n_real, n_fake = validations[experiment, train_set, seed].counts()
        names: dict[str, object] = {"experiment": experiment, "train_set": train_set, "seed": seed}
        counts = {"n_real": n_real, "n_fake": n_fake}
        rows += [names | {"rule": rule} | each._asdict() | counts for rule, each in chosen.items()]
    return rows
