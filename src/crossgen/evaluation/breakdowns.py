"""TPR and TNR by what an image is: its content class, its JPEG quality, its size.

By quality and size for every test set, and for the images of all test sets of the matrix together (`pooled`) or of all
but the detector's own (`pooled_off_diagonal`), whose generators it has learned. By class, of which there may be a
thousand with six fakes each in a test set, only pooled, pooled off the diagonal and on the own test sets.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crossgen.config import Breakdowns
from crossgen.evaluation.answers import Answers
from crossgen.evaluation.bins import BY, Sorted
from crossgen.evaluation.judged import Judge
from crossgen.evaluation.rates import Bins
from crossgen.intervals import Codes, Mask
from crossgen.progress import track
from crossgen.records import BREAKDOWNS

POOLED, OFF = "pooled", "pooled_off_diagonal"
METRICS = {1: "tpr", 0: "tnr"}
NAMES = {1: "fakes", 0: "reals"}

Columns = dict[str, object]
Texts = NDArray[np.object_]


@dataclass(frozen=True)
class Place:
    """Images that a detector is broken down over: of one test set, or of several together."""

    name: str
    rows: Codes
    by: tuple[str, ...]


@dataclass
class _Known:
    """Bins that detectors share: those of the same images, by the same bins."""

    answers: Answers
    config: Breakdowns
    sorted: dict[tuple[str, float], Sorted] = field(default_factory=dict)
    bins: dict[tuple[object, ...], Bins] = field(default_factory=dict)

    def sort(self, by: str, side: float) -> Sorted:
        key = (by, side if by == "relative_size" else 0.0)
        if key not in self.sorted:
            self.sorted[key] = BY[by](self.answers.facts, self.config, side)
        return self.sorted[key]

    def of(self, by: str, side: float, rows: Codes) -> Bins:
        found = self.sort(by, side)
        key = (by, side if by == "relative_size" else 0.0, rows.tobytes())
        if key not in self.bins:
            groups, strata = self.answers.groups[rows], self.answers.strata[rows]
            self.bins[key] = Bins.of(found.codes[rows], groups, strata, len(found.names))
        return self.bins[key]


def break_down(
    answers: Answers, sides: Mapping[tuple[str, str], float], config: Breakdowns, level: float
) -> pd.DataFrame:
    """The columns of BREAKDOWNS. `sides`: S in pixels by (experiment, train set); without one, no relative sizes.

    Bins that hold no image of a place are left out; a metric of a bin without images of its label is NaN with a reason.
    """
    known = _Known(answers, config)
    blocks = [
        block
        for judge in track(list(answers.logits), "break_down", len(answers.logits), "detectors")
        for place in places(answers, judge.train_set)
        for by in place.by
        for block in _blocks(known, judge, place, (by, sides.get(judge[:2], np.nan), level))
    ]
    return _table(blocks)


def places(answers: Answers, train_set: str) -> list[Place]:
    """Where a detector of `train_set` is broken down, and by what."""
    others = tuple(item for item in answers.seen if not item.is_seen_by(train_set))
    numbers = tuple(by for by in BY if by != "class")
    found = [
        Place(item.name, answers.rows([item]), tuple(BY) if item.is_seen_by(train_set) else numbers)
        for item in answers.test_sets
    ]
    found.append(Place(POOLED, answers.rows(answers.seen), tuple(BY)))
    if 0 < len(others) < len(answers.seen):
        found.append(Place(OFF, answers.rows(others), tuple(BY)))
    return found


def _blocks(known: _Known, judge: Judge, place: Place, how: tuple[str, float, float]) -> Iterator[Columns]:
    """A block of columns a label, over the bins that hold any scored image of the place."""
    by, side, level = how
    names = known.sort(by, side)
    if not names:
        return
    answers = known.answers
    rows = place.rows[answers.scored([judge], place.rows)]
    right: Mask = (answers.logits[judge] > 0) == (answers.labels == 1)
    present = np.flatnonzero(np.bincount(names.codes[rows], minlength=len(names.names)))
    for label, metric in METRICS.items():
        members = rows[answers.labels[rows] == label]
        bins = known.of(by, side, members)
        rates = bins.rates(right[members], level)
        n = bins.images[present]
        yield judge._asdict() | {
            "test_generator": place.name, "by": by, "metric": metric, "side": side,
            "bin": np.array(names.names, dtype=object)[present], "position": present,
            "lower": names.lower[present], "upper": names.upper[present],
            "value": rates.value[present], "low": rates.low[present], "high": rates.high[present],
            "n": n, "groups": bins.groups[present],
            "interval": _texts(n > 0, "wilson_cluster"), "reason": _reasons(n, label, known.config.fewest),
        }  # fmt: skip


def _reasons(n: Codes, label: int, minimum: int) -> Texts:
    few = _texts(n < minimum, f"fewer than {minimum} images: read the interval")
    few[n == 0] = f"no scored {NAMES[label]} in this bin"
    return few


def _texts(where: Mask, text: str) -> Texts:
    """The text where it holds, else None."""
    found = np.full(len(where), None, dtype=object)
    found[where] = text
    return found


def _table(blocks: Sequence[Columns]) -> pd.DataFrame:
    """Blocks of columns as one table; what is no array holds for all rows of its block."""
    lengths = [len(np.asarray(block["bin"])) for block in blocks]
    told = list(zip(blocks, lengths, strict=True))
    held = {name: [_long(block[name], length) for block, length in told] for name in BREAKDOWNS.columns}
    return pd.DataFrame({name: np.concatenate(parts) if parts else [] for name, parts in held.items()})


def _long(value: object, length: int) -> NDArray[Any]:
    if isinstance(value, np.ndarray):
        return value
    return np.full(length, value, dtype=object if isinstance(value, str) else None)
