"""How well logits tell fakes from reals: weighted rates at the threshold 0, and the area under the ROC curve.

As in `evaluation.statistics`, which adds what only tests show: `logits` [n] (higher = more fake), `labels` [n] (1
fake, 0 real) and `weights` [..., n] give [...] values in [0, 1], NaN where a label has no weight. Training goes by
them, on its validation images.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from crossgen.intervals import Codes, Numbers

Weights = NDArray[np.float32]

#: Numbers held at once by one step of a kernel (8 bytes each).
CHUNK = 2_000_000


def ratio(part: Numbers, whole: Numbers) -> Numbers:
    """`part / whole`, NaN where the whole is 0."""
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)


def tpr(logits: Numbers, labels: Codes, weights: Numbers | Weights) -> Numbers:
    """Share of the fakes called fake."""
    return _share(logits > 0, labels == 1, weights)


def tnr(logits: Numbers, labels: Codes, weights: Numbers | Weights) -> Numbers:
    """Share of the reals called real."""
    return _share(logits <= 0, labels == 0, weights)


def accuracy(logits: Numbers, labels: Codes, weights: Numbers | Weights) -> Numbers:
    """Share of all images rightly called."""
    return _share((logits > 0) == (labels == 1), np.ones(len(labels), dtype=bool), weights)


def balanced_accuracy(logits: Numbers, labels: Codes, weights: Numbers | Weights) -> Numbers:
    """Mean of `tpr` and `tnr`."""
    return (tpr(logits, labels, weights) + tnr(logits, labels, weights)) / 2


def _share(hits: NDArray[np.bool_], members: NDArray[np.bool_], weights: Numbers | Weights) -> Numbers:
    weights = np.asarray(weights, dtype=np.float64)
    return ratio(np.asarray(weights @ (hits & members)), np.asarray(weights @ members))


def roc_auc(logits: Numbers, labels: Codes, weights: Numbers | Weights) -> Numbers:
    """Area under the ROC curve: the chance that a fake has the higher logit than a real."""
    reals, fakes = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)
    reals = reals[np.argsort(logits[reals], kind="stable")]
    below = np.searchsorted(logits[reals], logits[fakes], "left")
    level = np.searchsorted(logits[reals], logits[fakes], "right")

    def kernel(part: Numbers) -> Numbers:
        total = np.zeros((len(part), len(reals) + 1))
        np.cumsum(part[:, reals], axis=1, out=total[:, 1:])
        beaten = (total[:, below] + total[:, level]) / 2
        return ratio((part[:, fakes] * beaten).sum(axis=1), part[:, fakes].sum(axis=1) * total[:, -1])

    return in_chunks(kernel, weights)


def in_chunks(kernel: Callable[[Numbers], Numbers], weights: Numbers | Weights) -> Numbers:
    """Apply `kernel` to slices of the rows of `weights` [..., n], few enough at once for memory; NaN without images."""
    if not np.shape(weights)[-1]:
        return np.full(np.shape(weights)[:-1], np.nan)
    rows = np.asarray(weights).reshape(-1, np.shape(weights)[-1])
    step = max(1, CHUNK // max(1, rows.shape[1]))
    parts = [kernel(rows[start : start + step].astype(np.float64)) for start in range(0, len(rows), step)]
    return np.concatenate(parts).reshape(np.shape(weights)[:-1])
