"""The oracle: the best balanced accuracy that a threshold chosen on the test images themselves would have reached.

No threshold that may not see them reaches it, and it is too good by as much as it fits the chance in these images: its
bias, which the bootstrap estimates.
"""

from typing import NamedTuple

import numpy as np

from crossgen.evaluation.statistics import Weights
from crossgen.intervals import Codes, Mask, Numbers

#: Shares of so many images x replicates are walked by NumPy.
SMALL = 1_000_000


class Walk(NamedTuple):
    """Images in rising order of the logit: their places [n], and whether no equal logit follows [n]."""

    order: Codes
    last: Mask

    @classmethod
    def of(cls, logits: Numbers) -> "Walk":
        """Of logits [n]."""
        order = np.argsort(logits, kind="stable")
        rising = logits[order]
        return cls(order, np.append(rising[1:] != rising[:-1], True))


def signed_shares(weights: Weights, labels: Codes) -> Weights:
    """What passing an image changes in tnr + tpr, in each replicate [n, b]: its share of its label, fakes negative.

    `weights` [b, n], both labels present.
    """
    shares = np.ascontiguousarray(weights.T, dtype=np.float32)
    for label, sign in ((0, 1.0), (1, -1.0)):
        sums = weights[:, labels == label].sum(axis=1, dtype=np.float64)
        shares[labels == label] *= (sign / sums).astype(np.float32)
    return shares


def accuracies(shares: Weights, walk: Walk, passed: Codes) -> tuple[Numbers, Numbers]:
    """Balanced accuracy of the best threshold [b], and of thresholds with so many (`passed` [k]) logits at or below
    them [k, b]. `shares`: see `signed_shares`."""
    best, at = _walked(shares, walk.order, walk.last, np.sort(passed))
    return (1 + best) / 2, (1 + at[np.argsort(np.argsort(passed, kind="stable"), kind="stable")]) / 2


def walked(shares: Weights, order: Codes, last: Mask, passed: Codes) -> tuple[Numbers, Numbers]:
    """The highest sum so far at the end of equal logits [b], and the sums after so many images [k, b]."""
    sums = np.zeros((len(order) + 1, shares.shape[1]))
    np.cumsum(shares[order], axis=0, dtype=np.float64, out=sums[1:])
    return np.maximum(sums[1:][last].max(axis=0, initial=0.0), 0.0), sums[passed]


def _walked(shares: Weights, order: Codes, last: Mask, passed: Codes) -> tuple[Numbers, Numbers]:
    """`walked`, bit by bit the same, compiled where that is worth the seconds it takes."""
    if shares.size < SMALL:
        return walked(shares, order, last, passed)
    from crossgen.evaluation.oracle_kernel import walked as compiled

    best, at = compiled(shares, order, last, passed)
    return best, at
