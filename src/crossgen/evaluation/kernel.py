"""All metrics of one cell for a block of replicates in one pass over its sorted images, compiled.

The same numbers as `statistics`, which is the reference. Apart, because importing numba takes more than half a second:
only `resampling` imports this, and only for work that pays for it.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from crossgen.intervals import Codes, Mask, Numbers

Block = NDArray[np.float32]

Function = TypeVar("Function", bound=Callable[..., None])

#: Keeps what it compiled; releases the interpreter's lock; divides as NumPy does.
compiled: Callable[[Function], Function] = njit(cache=True, nogil=True, error_model="numpy")

#: What a row of the kernel's answer is.
FOUND = ("roc_auc", "average_precision", "tpr", "tnr")


class Sorted(NamedTuple):
    """The m scored images of a cell from the highest logit to the lowest."""

    rows: Codes  # [m], their places in the weights
    fake: Mask  # [m]
    ends: Mask  # [m], whether the next logit is another
    called: int  # how many have a logit above 0


def in_order(logits: Numbers, labels: Codes) -> Sorted:
    """A cell's images sorted; those whose logit is NaN were not scored and are left out."""
    order = np.argsort(-logits, kind="stable")[: len(logits) - int(np.isnan(logits).sum())]
    descending = logits[order]
    ends = np.append(descending[1:] != descending[:-1], True)[: len(order)]
    return Sorted(order.astype(np.int64), labels[order] == 1, ends, int((descending > 0).sum()))


def totals(weights: Block, cell: Sorted) -> Numbers:
    """Weight of the reals and of the fakes [2, replicates]; `weights` [n, replicates]."""
    sums = np.zeros((2, weights.shape[1]))
    _totals(weights, cell.rows, cell.fake, sums)
    return sums


def metrics(weights: Block, cell: Sorted, sums: Numbers) -> Numbers:
    """FOUND [4, replicates] of one cell; `weights` [n, replicates], C order; `sums`: see `totals`.

    NaN where a label has no weight. Other threads run meanwhile, so that cells can be counted side by side.
    """
    found = np.empty((len(FOUND), weights.shape[1]))
    _metrics(weights, cell, sums, found)
    return found


@compiled
def _totals(weights: Block, rows: Codes, fake: Mask, sums: Numbers) -> None:
    for place in range(len(rows)):
        _add(weights[rows[place]], sums[1 if fake[place] else 0])


@compiled
def _add(row: Block, sums: Numbers) -> None:
    for b in range(len(row)):
        sums[b] += row[b]


@compiled
def _metrics(weights: Block, cell: Sorted, sums: Numbers, found: Numbers) -> None:
    """Going down, a real is beaten by the fakes above it, and a fake has the precision of all that is above it.

    `running`: weight of the reals and of the fakes so far, pairs won, and fakes times precision.
    """
    running, tied = np.zeros((4, weights.shape[1])), np.zeros((2, weights.shape[1]))
    found[2:] = 0.0
    start = 0
    for place in range(len(cell.rows)):
        if not cell.ends[place]:
            continue
        if place > start:
            tied[:] = 0.0
            for at in range(start, place + 1):
                _add(weights[cell.rows[at]], tied[1 if cell.fake[at] else 0])
            _tied(tied, sums, running)
        elif cell.fake[place]:
            _fake(weights[cell.rows[place]], sums, running)
        else:
            _real(weights[cell.rows[place]], running)
        start = place + 1
        if start == cell.called:
            found[2], found[3] = running[1], running[0]
    _finish(sums, running, found)


@compiled
def _fake(row: Block, sums: Numbers, running: Numbers) -> None:
    reals, fakes = sums[0], sums[1]
    alarm, hit, precise = running[0], running[1], running[3]
    for b in range(len(row)):
        weight = np.float64(row[b])
        hit[b] += weight
        part = hit[b] * reals[b]
        whole = part + alarm[b] * fakes[b]
        precise[b] += weight * part / whole if whole > 0 else 0.0


@compiled
def _real(row: Block, running: Numbers) -> None:
    alarm, hit, area = running[0], running[1], running[2]
    for b in range(len(row)):
        weight = np.float64(row[b])
        area[b] += weight * hit[b]
        alarm[b] += weight


@compiled
def _tied(tied: Numbers, sums: Numbers, running: Numbers) -> None:
    for b in range(tied.shape[1]):
        running[2, b] += tied[0, b] * (running[1, b] + tied[1, b] / 2)
        running[0, b] += tied[0, b]
        running[1, b] += tied[1, b]
        part = running[1, b] * sums[0, b]
        whole = part + running[0, b] * sums[1, b]
        running[3, b] += tied[1, b] * part / whole if whole > 0 else 0.0


@compiled
def _finish(sums: Numbers, running: Numbers, found: Numbers) -> None:
    for b in range(sums.shape[1]):
        reals, fakes = sums[0, b], sums[1, b]
        both = fakes > 0 and reals > 0
        found[0, b] = running[2, b] / (fakes * reals) if both else np.nan
        found[1, b] = running[3, b] / fakes if both else np.nan
        found[2, b] = found[2, b] / fakes if fakes > 0 else np.nan
        found[3, b] = 1 - found[3, b] / reals if reals > 0 else np.nan
