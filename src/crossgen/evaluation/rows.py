"""Rows of the tables of numbers: what metrics and differences have in common."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from crossgen import records
from crossgen.evaluation.judged import Judge, Judged
from crossgen.evaluation.means import Mean
from crossgen.intervals import Codes

Row = dict[str, object]
REAL, FAKE = 0, 1


def by_experiment(judged: Judged) -> dict[tuple[str, int], list[str]]:
    """Train sets of each (experiment, seed)."""
    found: dict[tuple[str, int], list[str]] = {}
    for experiment, train_set, seed in judged.detectors():
        found.setdefault((experiment, seed), []).append(train_set)
    return found


def counts(labels: Codes) -> Row:
    """How many reals and fakes."""
    return {"n_real": int((labels == REAL).sum()), "n_fake": int((labels == FAKE).sum())}


def counted_images(judged: Judged, judges: Sequence[Judge], tests: Sequence[str]) -> Row:
    """Distinct images of `tests` that all `judges` scored, and their share of all there."""
    if not tests:
        return {"n_real": 0, "n_fake": 0, "coverage": np.nan}
    rows, coverage = judged.scored(judges, tests)
    return counts(judged.labels[rows]) | {"coverage": coverage}


def mean_row(mean: Mean) -> Row:
    """A mean's names and numbers."""
    names = {"train_set": mean.train_set, "test_generator": mean.test_generator}
    return names | mean.estimate._asdict() | {"reason": mean.reason}


def table_of(rows: Sequence[Row], schema: records.Schema) -> pd.DataFrame:
    """Rows as a table with the schema's columns; absent text stays None."""
    table = pd.DataFrame(list(rows), columns=list(schema.columns))
    texts = [name for name in schema.optional if name in table]
    return table.astype(dict.fromkeys(texts, object)).where(lambda t: t.notna() | ~t.columns.isin(texts), None)
