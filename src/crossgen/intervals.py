"""Estimates with intervals that know which images belong together.

Several images of one photograph are no independent witnesses: intervals by image cover far less than they promise.
So every variance here is one of groups, within strata (linearised, as survey statistics does it; with singleton groups
and one stratum it is the textbook's). This module knows numbers only; the evaluation and the audit both stand on it.

Sources: Wilson (1927); effective n as in Korn and Graubard (1998); MOVER: Zou and Donner (2008); AUC: DeLong (1988),
for groups Obuchowski (1997), on the logit scale.
"""

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, ndtri, stdtrit

Numbers = NDArray[np.float64]
Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Estimate(NamedTuple):
    """A value with the limits of its interval, and the interval's kind (NaN limits: none could be had)."""

    value: float
    low: float
    high: float
    interval: str


@dataclass(frozen=True)
class Clusters:
    """Which group each image belongs to (`group`, codes [n]) and which stratum each group (`stratum`, codes [g])."""

    group: Codes
    stratum: Codes

    @classmethod
    def of(cls, groups: NDArray[Any], labels: ArrayLike, strata: NDArray[Any]) -> "Clusters":
        """Clusters of n images. A stratum holds groups of the same source and the same labels.

        A group that has both labels (a real and its reconstruction) is not torn: such groups are strata of their own.
        """
        labels = np.asarray(labels)
        names, group = np.unique(groups, return_inverse=True)
        sources, source = np.unique(strata, return_inverse=True)
        first = np.full(len(names), len(sources))
        np.minimum.at(first, group, source)
        has_real, has_fake = (np.bincount(group[labels == label], minlength=len(names)) > 0 for label in (0, 1))
        _, stratum = np.unique(first * 4 + has_real + 2 * has_fake, return_inverse=True)
        return cls(group, stratum)

    def covariance(self, first: Numbers, second: Numbers) -> float:
        """Covariance of two sums over the sample, from the residuals [n] that each image contributes to them."""
        return float(self.spread(first) @ self.spread(second))

    def sizes(self, members: Mask) -> Codes:
        """Images of each group among `members` [n]; only groups that have any."""
        counts = np.bincount(self.group[members], minlength=len(self.stratum))
        return counts[counts > 0]

    def effective_groups(self, members: Mask) -> float:
        """Kish's effective number of groups: n if no two images share a group, fewer if sizes differ."""
        sizes = self.sizes(members).astype(np.float64)
        return float(sizes.sum() ** 2 / (sizes**2).sum())

    def degrees(self, members: Mask) -> int:
        """Degrees of freedom of a variance: groups less strata, of those that have any spread; at least 1."""
        present = np.bincount(self.group[members], minlength=len(self.stratum)) > 0
        per_stratum = np.bincount(self.stratum[present])
        return max(1, int(present.sum() - (per_stratum > 1).sum()))

    def spread(self, residuals: Numbers) -> Numbers:
        """Deviations [g] of the groups' sums of `residuals` [n] from their stratum's mean.

        A lonely group has no mean but its own: it is measured from zero, which is the mean of all residuals.
        """
        sums = np.bincount(self.group, residuals, len(self.stratum))
        count, scale = self._sharing
        mean = np.where(count > 1, np.bincount(self.stratum, sums) / count, 0.0)
        return np.asarray((sums - mean[self.stratum]) * scale)

    @cached_property
    def _sharing(self) -> tuple[Codes, Numbers]:
        """Groups of each stratum, and of each group the factor of a variance of so many."""
        count = np.bincount(self.stratum)
        scale = np.sqrt(np.where(count > 1, count / np.maximum(count - 1, 1), 1.0))
        return count, np.asarray(scale[self.stratum])


def rate(hits: Mask, members: Mask, clusters: Clusters, level: float) -> Estimate:
    """Share of the `members` [n] that `hits` [n], in [0, 1]; Wilson's interval with effective n, never of width zero.

    At 0 and 1 nothing is known of the variance: there the worst case holds, that a group's images all share one
    outcome. A first error must not narrow the interval, so the lower limit is at most that of a 1, the upper at least
    that of a 0. Raises ValueError if there are no members.
    """
    n = int(members.sum())
    if not n:
        raise ValueError("a rate of no images is undefined")
    value = float(hits[members].mean())
    groups = clusters.effective_groups(members)
    # Korn and Graubard: few groups know their own variance badly; with singleton groups the factor is 1
    factor = (_student(n - 1, level) / _student(clusters.degrees(members), level)) ** 2 if n > 1 else 1.0
    low, high = wilson(value, factor * n / _design_effect(hits, members, clusters), level)
    unseen = wilson(0.0, factor * groups, level)[1]
    return Estimate(value, min(low, 1 - unseen), max(high, unseen), "wilson_cluster")


def _design_effect(hits: Mask, members: Mask, clusters: Clusters) -> float:
    """How many images of these groups tell as much as one independent image; at least 1."""
    n = int(members.sum())
    share = float(hits[members].mean())
    if share in (0, 1) or len(clusters.sizes(members)) < 2:
        return n / clusters.effective_groups(members)
    residuals = _rate_residuals(hits, members)
    return max(1.0, clusters.covariance(residuals, residuals) * (n - 1) / (share * (1 - share)))


def _rate_residuals(hits: Mask, members: Mask) -> Numbers:
    return np.asarray(np.where(members, hits - hits[members].mean(), 0.0) / members.sum())


def wilson(value: float, n: float, level: float) -> tuple[float, float]:
    """Wilson's limits for a share `value` of `n` independent images (n may be fractional)."""
    z2 = float(ndtri(0.5 + level / 2)) ** 2
    centre = (value + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * (value * (1 - value) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    return float(min(value, max(0.0, centre - half))), float(max(value, min(1.0, centre + half)))


def mean_of_rates(hits: Mask, labels: Codes, clusters: Clusters, level: float, share: float = 0.5) -> Estimate:
    """`share` x rate of the fakes + (1 - share) x rate of the reals; 0.5 gives balanced accuracy.

    The two Wilson intervals are combined by MOVER (square and add), with the correlation that groups with both labels
    bring. `hits` [n]: rightly judged; `labels` [n]: 1 fake, 0 real, both present.
    """
    fake, real = labels == 1, labels == 0
    first, second = rate(hits, fake, clusters, level), rate(hits, real, clusters, level)
    together = _correlation(_rate_residuals(hits, fake), _rate_residuals(hits, real), clusters)
    value = share * first.value + (1 - share) * second.value
    below = _add(share * (first.value - first.low), (1 - share) * (second.value - second.low), together)
    above = _add(share * (first.high - first.value), (1 - share) * (second.high - second.value), together)
    return Estimate(value, max(0.0, value - below), min(1.0, value + above), "mover")


def _correlation(first: Numbers, second: Numbers, clusters: Clusters) -> float:
    scale = clusters.covariance(first, first) * clusters.covariance(second, second)
    return float(np.clip(clusters.covariance(first, second) / np.sqrt(scale), -1, 1)) if scale > 0 else 0.0


def _add(first: float, second: float, correlation: float) -> float:
    return float(np.sqrt(max(0.0, first**2 + second**2 + 2 * correlation * first * second)))


def roc_auc(scores: Numbers, labels: Codes, clusters: Clusters, level: float, blocks: Codes | None = None) -> Estimate:
    """Area under the ROC curve, ties counted half, with the logit-DeLong interval of groups (see `bounded_logit`).

    With `blocks` [n] fakes are compared with reals of the same block only (scores of different cross-fitting folds
    are not comparable); both labels must meet in at least one.
    """
    blocks = np.zeros(len(labels), dtype=np.int64) if blocks is None else blocks
    both = [block for block in np.unique(blocks) if len(np.unique(labels[blocks == block])) == 2]
    pairs = {block: _count(labels, blocks, block, 1) * _count(labels, blocks, block, 0) for block in both}
    value, residuals = 0.0, np.zeros(len(labels))
    for block in both:
        fake, real = (
            np.flatnonzero((blocks == block) & (labels == 1)),
            np.flatnonzero((blocks == block) & (labels == 0)),
        )
        above, below = placements(scores[fake], scores[real])
        part = pairs[block] / sum(pairs.values())
        value += part * float(above.mean())
        residuals[fake] = part * (above - above.mean()) / len(fake)
        residuals[real] = part * (below - below.mean()) / len(real)
    return bounded_logit(value, residuals, labels, clusters, level)._replace(interval="delong_logit_cluster")


def _count(labels: Codes, blocks: Codes, block: int, label: int) -> int:
    return int(((blocks == block) & (labels == label)).sum())


def placements(fakes: Numbers, reals: Numbers) -> tuple[Numbers, Numbers]:
    """For each fake the share of reals below it, for each real the share of fakes above it; ties count half."""
    low, high = np.sort(reals), np.sort(fakes)
    above = (np.searchsorted(low, fakes, "left") + np.searchsorted(low, fakes, "right")) / (2 * len(reals))
    below = 1 - (np.searchsorted(high, reals, "left") + np.searchsorted(high, reals, "right")) / (2 * len(fakes))
    return above, below


def bounded_logit(value: float, residuals: Numbers, labels: Codes, clusters: Clusters, level: float) -> Estimate:
    """Interval of a `value` in [0, 1] on the logit scale, from what each image adds to it (`residuals` [n]).

    Never of width zero: let u be Wilson's upper limit of a share that was seen in none of the groups of the smaller
    label. Worst placed, such a share lowers a perfect 1 to 1 - u, whatever the distribution of the scores. So the lower
    limit is at most 1 - u, the upper at least u, and without any variance they are v(1 - u) and v(1 - u) + u.
    """
    fewest = min(clusters.effective_groups(labels == label) for label in (0, 1))
    unseen = wilson(0.0, fewest, level)[1]
    variance = clusters.covariance(residuals, residuals)
    if variance < 1e-18 or not 0 < value < 1:
        return Estimate(value, value * (1 - unseen), value * (1 - unseen) + unseen, "logit_cluster")
    quantile = _student(clusters.degrees(np.ones(len(labels), dtype=bool)), level)
    half = quantile * np.sqrt(variance) / (value * (1 - value))
    low, high = expit(logit(value) - half), expit(logit(value) + half)
    return Estimate(value, float(min(low, 1 - unseen)), float(max(high, unseen)), "logit_cluster")


def student_t(values: ArrayLike, level: float, limits: tuple[float, float] = (0.0, 1.0)) -> Estimate:
    """Mean of one value a generator, with Student's t of k - 1 degrees: the generators are the sample.

    The interval is cut to `limits`. NaN limits if there is one value, or no spread to speak from.
    """
    values = np.asarray(values, dtype=np.float64)
    mean = float(values.mean())
    spread = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    if not spread > 1e-12:
        return Estimate(mean, np.nan, np.nan, "student_t")
    half = _student(len(values) - 1, level) * spread / np.sqrt(len(values))
    return Estimate(mean, max(limits[0], mean - half), min(limits[1], mean + half), "student_t")


@cache
def _student(degrees: int, level: float) -> float:
    return float(stdtrit(degrees, 0.5 + level / 2))
