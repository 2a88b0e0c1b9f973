"""The grid of 8 x 8 blocks that JPEG leaves, and any other pattern of period 2, 4 or 8.

The difference across a block's edge is read by the cross difference |a - b - c + d| of four neighbouring pixels, which
straight edges of the picture do not raise (Chen and Hsu, IEEE TIFS 2011). Phase p means that blocks begin at columns
(or rows) p, p + 8, ... of the file: an undisturbed JPEG has phase 0, a crop of one any phase.
"""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
BLOCK = 8


def block_map(grey: NDArray[np.floating]) -> Numbers:
    """Mean cross difference [8, 8] of grey values [s, s] by the phase of its lower right pixel, over the mean of all.

    The square must begin at a multiple of 8. Ones for a picture without any.
    """
    values = np.asarray(grey, np.float64)
    cross = np.abs(values[:-1, :-1] - values[:-1, 1:] - values[1:, :-1] + values[1:, 1:])
    sums = _folded(np.pad(cross, ((1, 0), (1, 0)))) / _folded(np.pad(np.ones_like(cross), ((1, 0), (1, 0))))
    mean = sums.mean()
    return np.asarray(sums / mean) if mean > 0 else np.ones((BLOCK, BLOCK))


def _folded(values: Numbers) -> Numbers:
    down, across = values.shape[0] // BLOCK, values.shape[1] // BLOCK
    return np.asarray(values.reshape(down, BLOCK, across, BLOCK).sum(axis=(0, 2)))


def excesses(found: Numbers) -> tuple[Numbers, Numbers]:
    """By phase, how much larger differences are before that row [8] (column [8]) than before the others: 0 is alike.

    `found` [8, 8]: see `block_map`.
    """
    return _excess(found.mean(axis=1)), _excess(found.mean(axis=0))


def _excess(lines: Numbers) -> Numbers:
    others = (lines.sum() - lines) / (len(lines) - 1)
    return np.asarray(np.divide(lines, others, out=np.ones_like(lines), where=others > 0) - 1)
