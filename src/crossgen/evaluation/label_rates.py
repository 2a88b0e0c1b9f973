"""Rates of one label at many thresholds: the numbers of `crossgen.intervals`, with what thresholds share done once."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from crossgen.intervals import Clusters, Codes, Estimate, Mask, Numbers, wilson


class Rate(NamedTuple):
    """A share with its interval, and how the groups deviate from it [g]."""

    estimate: Estimate
    spread: Numbers


@dataclass(frozen=True)
class Label:
    """The images of one label (`members` [n]), and what every rate of them shares."""

    members: Mask
    clusters: Clusters
    level: float
    n: int
    groups: float
    factor: float
    lonely: bool

    @classmethod
    def of(cls, members: Mask, clusters: Clusters, level: float) -> "Label":
        """Raises ValueError if there are none."""
        n = int(members.sum())
        if not n:
            raise ValueError("a rate of no images is undefined")
        groups, quantile = clusters.effective_groups(members), 0.5 + level / 2
        factor = (stdtrit(n - 1, quantile) / stdtrit(clusters.degrees(members), quantile)) ** 2 if n > 1 else 1.0
        return cls(members, clusters, level, n, groups, float(factor), len(clusters.sizes(members)) < 2)

    def rate(self, hits: Mask) -> Rate:
        """As `intervals.rate`: the share of the images that `hits` [n]."""
        value = float(hits[self.members].mean())
        spread = self.clusters.spread(np.where(self.members, hits - value, 0.0) / self.n)
        known = value not in (0, 1) and not self.lonely
        effect = float(spread @ spread) * (self.n - 1) / (value * (1 - value)) if known else self.n / self.groups
        low, high = wilson(value, self.factor * self.n / (max(1.0, effect) if known else effect), self.level)
        unseen = wilson(0.0, self.factor * self.groups, self.level)[1]
        return Rate(Estimate(value, min(low, 1 - unseen), max(high, unseen), "wilson_cluster"), spread)


def opposite(estimate: Estimate) -> Estimate:
    """The share of those that are not hit."""
    return Estimate(1 - estimate.value, 1 - estimate.high, 1 - estimate.low, estimate.interval)


def balanced(first: Rate, second: Rate) -> Estimate:
    """As `intervals.mean_of_rates` at the share 0.5: the mean of both, their intervals combined by MOVER."""
    scale = float(first.spread @ first.spread) * float(second.spread @ second.spread)
    together = float(np.clip(first.spread @ second.spread / np.sqrt(scale), -1, 1)) if scale > 0 else 0.0
    one, other = first.estimate, second.estimate
    value = (one.value + other.value) / 2
    below = _add(one.value - one.low, other.value - other.low, together) / 2
    above = _add(one.high - one.value, other.high - other.value, together) / 2
    return Estimate(value, max(0.0, value - below), min(1.0, value + above), "mover")


def _add(first: float, second: float, correlation: float) -> float:
    return float(np.sqrt(max(0.0, first**2 + second**2 + 2 * correlation * first * second)))


def rated(logits: Numbers, threshold: float, labels: tuple[Label | None, Label | None]) -> dict[str, Estimate]:
    """tpr, tnr, fpr and balanced_accuracy at a threshold of logits [n]; of one label (reals, fakes) its own rates."""
    called: Mask = logits > threshold
    reals, fakes = labels
    passed, found = reals and reals.rate(~called), fakes and fakes.rate(called)
    estimates = {"tpr": found.estimate} if found else {}
    estimates |= {"tnr": passed.estimate, "fpr": opposite(passed.estimate)} if passed else {}
    return estimates | ({"balanced_accuracy": balanced(found, passed)} if found and passed else {})


def labels_of(labels: Codes, clusters: Clusters, level: float) -> tuple[Label | None, Label | None]:
    """Reals and fakes of labels [n]; None for a label that none has."""
    reals, fakes = (Label.of(labels == label, clusters, level) if (labels == label).any() else None for label in (0, 1))
    return reals, fakes
