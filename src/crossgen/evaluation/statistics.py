"""Weighted metrics of logits, and the bootstrap weights of groups that make differences paired.

Every metric here takes `logits` [n] (higher = more fake), `labels` [n] (1 fake, 0 real) and `weights` [..., n] (not
negative; one row a replicate) and returns [...] values in [0, 1], NaN where a label has no weight. Called fake is a
logit above 0. Equal logits are equal: ties count half in the AUC and share one threshold in the average precision.
"""

import hashlib
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossgen.intervals import Clusters, Codes, Estimate, Mask, Numbers, bounded_logit
from crossgen.separation import accuracy as accuracy
from crossgen.separation import balanced_accuracy as balanced_accuracy
from crossgen.separation import in_chunks, ratio
from crossgen.separation import roc_auc as roc_auc
from crossgen.separation import tnr as tnr
from crossgen.separation import tpr as tpr

Weights = NDArray[np.float32]
Metric = Callable[[Numbers, Codes, Numbers | Weights], Numbers]


def average_precision(logits: Numbers, labels: Codes, weights: Numbers | Weights) -> Numbers:
    """Average precision (step-wise, not interpolated) as if half of the images were fakes: chance is 0.5."""
    order = np.argsort(-logits, kind="stable")
    fake = labels[order] == 1
    last = _last_of_ties(logits[order])

    def kernel(part: Numbers) -> Numbers:
        part = part[:, order]
        hit, alarm = np.cumsum(part * fake, axis=1), np.cumsum(part * ~fake, axis=1)
        recall, false = ratio(hit, hit[:, -1:]), ratio(alarm, alarm[:, -1:])
        # a threshold above all weight has no precision, and no weight to count it with
        precision = np.where(hit > 0, ratio(recall, recall + false), 0.0)[:, last]
        value = ratio((part * fake * precision).sum(axis=1), hit[:, -1])
        return np.where(alarm[:, -1] > 0, value, np.nan)

    return in_chunks(kernel, weights)


def _last_of_ties(descending: Numbers) -> Codes:
    """For each place of a descending array the last place with the same value."""
    return np.asarray(len(descending) - np.searchsorted(descending[::-1], descending, "left") - 1)


def average_precision_estimate(logits: Numbers, labels: Codes, clusters: Clusters, level: float) -> Estimate:
    """`average_precision` with an interval by group; both labels must be present.

    What an image adds is the derivative of the value by its weight (linearisation, infinitesimal jackknife): a fake
    adds the precision at its own threshold, and every image moves the precision at all thresholds below it.
    """
    order = np.argsort(-logits, kind="stable")
    fake, last = labels[order] == 1, _last_of_ties(logits[order])
    first = np.searchsorted(-logits[order], -logits[order], "left")
    recall, false = (np.cumsum(fake) / fake.sum())[last], (np.cumsum(~fake) / (~fake).sum())[last]
    precision = recall / (recall + false)
    gain, loss = (_sum_below(fake * part / (recall + false) ** 2)[first] for part in (false, recall))
    residuals = np.empty(len(labels))
    residuals[order] = np.where(fake, precision + gain / fake.sum(), -loss / fake.sum())
    for members in (labels == 0, labels == 1):
        residuals[members] = (residuals[members] - residuals[members].mean()) / members.sum()
    value = float(precision[fake].mean())
    return bounded_logit(value, residuals, labels, clusters, level)._replace(interval="linearised_logit_cluster")


def _sum_below(values: Numbers) -> Numbers:
    """For each place the sum from there to the end."""
    return np.asarray(np.cumsum(values[::-1])[::-1])


def bootstrap_weights(groups: ArrayLike, seed: int, replicates: int) -> Weights:
    """Exponential weights [replicates, n] of mean 1 for n images: the Bayesian bootstrap (Rubin 1981) of groups.

    A weight is a function of (seed, replicate, group) and of nothing else: neither the order of the table nor other
    groups move it, images of a group share it, and the same photograph weighs the same in every cell of a run.
    """
    blocks = weight_blocks(groups, seed, replicates, max(1, replicates))
    return next(blocks, np.empty((0, len(np.asarray(groups, dtype=object))), dtype=np.float32))


def weight_blocks(groups: ArrayLike, seed: int, replicates: int, size: int) -> Iterator[Weights]:
    """`bootstrap_weights` in blocks [at most `size`, n]: those of many images and replicates do not fit into memory."""
    names, images = np.unique(np.asarray(groups, dtype=object), return_inverse=True)
    salt = f"{seed}".encode()
    digests = [hashlib.blake2b(str(name).encode(), digest_size=8, key=salt).digest() for name in names]
    key = np.frombuffer(b"".join(digests), dtype="<u8")
    for start in range(0, replicates, size):
        weights = np.empty((min(size, replicates - start), len(images)), dtype=np.float32)
        for place in range(len(weights)):
            weights[place] = -np.log(_uniform(key, start + place))[images]
        yield weights


def _uniform(key: NDArray[np.uint64], replicate: int) -> Numbers:
    """Numbers in (0, 1], one for each key: SplitMix64 (Steele, Lea and Flood 2014) at place `replicate`."""
    step = (replicate + 1) * 0x9E3779B97F4A7C15 % 2**64
    bits = key + np.uint64(step)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    return np.asarray(((bits >> np.uint64(11)).astype(np.float64) + 1) / 2**53)


def balance_strata(weights: Weights, groups: Codes, strata: Codes) -> Weights:
    """Scale `weights` [b, n] so that in every stratum the groups' weights have mean 1: strata keep their share.

    `groups` and `strata` [n] are codes; a stratum is one label of one source package.
    """
    scaled = np.array(weights)
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        _, one_each = np.unique(groups[members], return_index=True)
        scaled[:, members] /= weights[:, members[one_each]].mean(axis=1, keepdims=True)
    return scaled


def strata_of(groups: Codes, sources: Codes, labels: Codes) -> Codes:
    """Strata [n] to balance within: one label of one source each, as codes.

    A stratum of one group would never vary, as if it were known without error: such groups of a label are put together,
    and one that is still alone is put to its label's largest stratum.
    """
    strata = sources * 2 + labels
    for label in (0, 1):
        lonely = _alone(groups, strata, labels == label)
        strata = np.where(lonely, label - 2, strata)
        if _alone(groups, strata, labels == label).any():
            rest = strata[(labels == label) & (strata >= 0)]
            strata = np.where(strata == label - 2, np.bincount(rest).argmax(), strata) if len(rest) else strata
    return np.asarray(strata)


def _alone(groups: Codes, strata: Codes, members: Mask) -> Mask:
    """Which images are in a stratum that holds one group; of the `members` alone."""
    pairs = np.unique(np.column_stack([strata[members], groups[members]]), axis=0)
    codes, counts = np.unique(pairs[:, 0], return_counts=True)
    return np.asarray(members & np.isin(strata, codes[counts == 1]))


def percentile_interval(replicates: Numbers, value: float, level: float) -> Estimate:
    """Percentile interval of a `value` from its bootstrap `replicates` [b]; NaN limits if they do not vary at all."""
    if not np.ptp(replicates) > 1e-12:
        return Estimate(value, np.nan, np.nan, "bootstrap")
    low, high = np.quantile(replicates, [0.5 - level / 2, 0.5 + level / 2])
    return Estimate(value, float(low), float(high), "bootstrap")
