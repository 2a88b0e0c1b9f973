"""What stands behind a cell of the matrix: its ROC curve, how sure its detector is, and how its logits lie.

Of every detector, seed and matrix condition on every test set of both labels. Points of a ROC curve are points of the
whole curve, thinned for drawing: no area is computed from them.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_curve

from crossgen.evaluation.answers import Answers
from crossgen.evaluation.calibration import Judgement, binned, equal_width
from crossgen.evaluation.judged import Judge
from crossgen.intervals import Codes, Numbers
from crossgen.progress import track
from crossgen.records import CURVES

#: Points of a ROC curve and bins of logits that are kept.
POINTS, BINS = 48, 24
ROC, CALIBRATION, SCORES = "roc", "calibration", ("scores_real", "scores_fake")

Row = dict[str, Any]


def cell_curves(answers: Answers) -> pd.DataFrame:
    """The columns of CURVES. A cell without scored images of both labels has none."""
    rows = [
        judge._asdict() | {"test_generator": test.name} | row
        for judge in track(list(answers.logits), "curves", len(answers.logits), "detectors")
        for test in answers.test_sets
        if test.pair
        for row in _of_cell(answers, judge, answers.rows([test]))
    ]
    return pd.DataFrame(rows, columns=list(CURVES.columns))


def _of_cell(answers: Answers, judge: Judge, rows: Codes) -> Iterator[Row]:
    seen = rows[answers.scored([judge], rows)]
    labels, logits = answers.labels[seen], answers.logits[judge][seen].astype(np.float64)
    if len(np.unique(labels)) < 2:
        return
    yield from _roc(labels, logits)
    yield from _calibration(labels, logits)
    yield from _histograms(labels, logits)


def _roc(labels: Codes, logits: Numbers) -> Iterator[Row]:
    """`x`: share of reals called fake; `y`: share of fakes called fake."""
    false, true, _ = roc_curve(labels, logits)
    for place, at in enumerate(_thinned(false + true)):
        yield _row(ROC, place, x=false[at], y=true[at])


def _thinned(length: Numbers) -> Codes:
    """Places of at most POINTS points, the first and the last among them, at even steps along the curve."""
    if len(length) <= POINTS:
        return np.arange(len(length))
    return np.unique(np.searchsorted(length, np.linspace(length[0], length[-1], POINTS)).clip(0, len(length) - 1))


def _calibration(labels: Codes, logits: Numbers) -> Iterator[Row]:
    """`x`: mean P(fake) of a bin; `y`: share of fakes, both labels of equal weight; `n`: images."""
    judged = Judgement.of(logits, labels)
    place = equal_width(judged)
    found, counts = binned(judged, place), np.bincount(place)
    for at in np.flatnonzero(counts):
        yield _row(CALIBRATION, int(at), x=found.score[at], y=found.fakes[at], n=int(counts[at]))


def _histograms(labels: Codes, logits: Numbers) -> Iterator[Row]:
    """`x` up to `upper`: logits; `y`: share of the images of a label, of which `n` lie there."""
    low, high = float(logits.min()), float(logits.max())
    edges = np.linspace(low, high if high > low else low + 1.0, BINS + 1)
    for label, name in enumerate(SCORES):
        counts = np.histogram(logits[labels == label], edges)[0]
        for at, count in enumerate(counts):
            yield _row(name, at, x=edges[at], upper=edges[at + 1], y=count / counts.sum(), n=int(count))


def _row(curve: str, position: int, x: float, y: float, upper: float = np.nan, n: int | None = None) -> Row:
    return {"curve": curve, "position": position, "x": float(x), "upper": float(upper), "y": float(y), "n": n}
