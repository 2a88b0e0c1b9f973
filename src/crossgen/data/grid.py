"""Traces of JPEG compression in pixels: on which 8 x 8 grid, if any, a picture was compressed, and whether twice.

Grid: a block that was compressed has DCT coefficients that were rounded to 0; seen from a grid that is shifted against
it, it has fewer. Each cell of the picture votes for the one of 64 shifts at which most coefficients vanish (the idea of
ZERO: Nikoukhah, Anger, Colom, Morel and Grompone von Gioi, 2021). Without a grid the votes scatter; a shift is found
where they cannot have met by chance.

Twice on one grid: the coefficients of a JPEG are multiples of its own steps. If they were multiples of coarser steps
before, some multiples are never met: the histogram of a low frequency has gaps (Lukas and Fridrich, 2003).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

Floats = NDArray[np.float32]

#: Side in pixels of the middle of a picture that is looked at.
SIDE = 384
#: Below this many voting cells nothing is said (a picture of about 100 x 100 pixels).
FEWEST = 100
#: Expected number of false shifts a picture, and a shift's votes over those of the next (more for an older grid).
ALARMS, LEAD = 1e-5, 1.5
#: Low frequencies whose histograms are looked at: (vertical, horizontal).
MULTIPLES = 16
MODES = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1), (0, 3), (3, 0))

_COSINES = np.array(
    [[np.sqrt((1 if k == 0 else 2) / 8) * np.cos((2 * x + 1) * k * np.pi / 16) for x in range(8)] for k in range(8)],
    dtype=np.float32,
)


Shift = tuple[int, int]


@dataclass(frozen=True)
class Traces:
    """`shift`: (x, y) in 0..7 of the plainest grid. Of a JPEG only: `second`, the shift of a grid beside its own, and
    `gaps`, whether its histograms tell of a harder compression on its own grid. `cells`: how many voted."""

    shift: Shift | None
    second: Shift | None
    gaps: bool | None
    cells: int

    @property
    def is_known(self) -> bool:
        """Whether there was enough to look at."""
        return self.cells >= FEWEST


def luma(pixels: NDArray[np.uint8]) -> Floats:
    """Luminance, in 0..255 but not rounded, of uint8 [H, W, 3] RGB."""
    return (pixels @ np.array([0.299, 0.587, 0.114], dtype=np.float32)).astype(np.float32)


def traces(pixels: NDArray[np.uint8], tables: Mapping[int, Any] | None = None) -> Traces:
    """Traces in uint8 [H, W, 3] RGB. `tables`: the quantisation tables if the file is a JPEG, as Pillow gives them."""
    grey = _middle(luma(pixels))
    votes = shift_votes(grey)
    cells = int(votes.sum())
    if cells < FEWEST:
        return Traces(None, None, None, cells)
    if not tables:
        return Traces(_found(votes, LEAD), None, None, cells)
    steps = np.array(tables[0]).reshape(8, 8)
    # what the JPEG's own rounding leaves of an older zero lies within its steps
    older = shift_votes(grey, below=float(0.6 * np.sqrt(steps.mean())), apart=(0, 0))
    return Traces(_found(votes, LEAD), _found(older, 1.4 * LEAD), has_gaps(grey, steps), cells)


def _middle(grey: Floats) -> Floats:
    """At most SIDE pixels a side, cut at multiples of 8: the shifts stay those of the picture."""
    top, left = (max(0, (side - SIDE) // 16 * 8) for side in grey.shape)
    return grey[top : top + SIDE, left : left + SIDE]


def shift_votes(grey: Floats, below: float = 0.5, apart: Shift | None = None) -> NDArray[np.int64]:
    """Votes [8, 8] for each shift (y, x) of luminance [H, W]; cells in which two shifts are best do not vote.

    Coefficients vanish `below` this; the shift `apart` is no candidate.
    """
    rows, columns = ((side - 7) // 8 for side in grey.shape)
    if rows < 1 or columns < 1:
        return np.zeros((8, 8), np.int64)
    zeros = _zeros(grey, below)[: 8 * rows, : 8 * columns]
    by_cell = zeros.reshape(rows, 8, columns, 8).transpose(0, 2, 1, 3).reshape(-1, 64)
    if apart:
        by_cell[:, 8 * apart[1] + apart[0]] = -1
    best = by_cell.max(axis=1, keepdims=True)
    sole = (by_cell == best).sum(axis=1) == 1
    return np.bincount(by_cell[sole].argmax(axis=1), minlength=64).reshape(8, 8)


def _zeros(grey: Floats, below: float) -> NDArray[np.int64]:
    """How many of the 63 frequencies vanish in the block that begins at each pixel, [H - 7, W - 7]."""
    across = np.lib.stride_tricks.sliding_window_view(grey, 8, axis=1) @ _COSINES.T
    count = np.zeros((grey.shape[0] - 7, grey.shape[1] - 7), np.int64)
    for frequency in range(8):  # one at a time: 64 numbers a pixel would be most of the memory
        down = np.lib.stride_tricks.sliding_window_view(across[..., frequency], 8, axis=0) @ _COSINES.T
        vanish = np.abs(down) < below
        count += vanish[..., 1:].sum(axis=-1) if frequency == 0 else vanish.sum(axis=-1)
    return count


def _found(votes: NDArray[np.int64], lead: float) -> Shift | None:
    """The shift (x, y) with the most votes, if it has more than chance gives and `lead` times those of the next."""
    flat = votes.ravel()
    first, second = np.argsort(-flat, kind="stable")[:2]
    chance = 64 * binom.sf(flat[first] - 1, int(flat.sum()), 1 / 64)
    if chance >= ALARMS or flat[first] < lead * flat[second]:
        return None
    return int(first % 8), int(first // 8)


def has_gaps(grey: Floats, steps: NDArray[np.int64]) -> bool:
    """Whether the coefficients of a JPEG's luminance [H, W] (its grid begins at 0) leave multiples of its steps out."""
    rows, columns = (side // 8 for side in grey.shape)
    blocks = (grey[: 8 * rows, : 8 * columns] - 128).reshape(rows, 8, columns, 8).transpose(0, 2, 1, 3)
    frequencies = _COSINES @ blocks @ _COSINES.T
    told = [_gaps(np.rint(frequencies[..., y, x] / steps[y, x]).astype(int).ravel()) for y, x in MODES]
    expected, missing = np.sum(told, axis=0)
    return bool(missing >= 3 and missing > 0.1 * expected)


def _gaps(values: NDArray[np.int64]) -> tuple[int, int]:
    """Of the small multiples before a well-met one: how many there are, and how many are met much less than it.

    Of a picture that was compressed once the larger multiples are the rarer ones.
    """
    counts = np.bincount(np.abs(values), minlength=MULTIPLES + 1)[1 : MULTIPLES + 1]
    later = np.maximum.accumulate(counts[::-1])[::-1][1:]
    asked = later >= 12
    return int(asked.sum()), int((counts[:-1][asked] < 0.3 * later[asked]).sum())
