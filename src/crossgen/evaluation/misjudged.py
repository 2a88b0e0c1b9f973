"""What a detector gets wrong on a test set: its worst content classes, and the images that it is most wrong about.

Over all seeds of a detector together, of every matrix condition and every test set of both labels.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from crossgen.config import Breakdowns, TestSet
from crossgen.evaluation.answers import Answers
from crossgen.evaluation.bins import by_class
from crossgen.evaluation.hardest import margin, thumbnail
from crossgen.evaluation.judged import Judge
from crossgen.evaluation.rates import Bins
from crossgen.intervals import Codes
from crossgen.progress import track
from crossgen.records import MISJUDGED

#: Classes of a cell, and images of each label, that are kept; small pictures of a report.
CLASSES, IMAGES, PICTURES = 5, 2, 200
CLASS, IMAGE = "class", "image"
SHOWN = ("image_id", "pool", "class_name", "width", "height", "format", "jpeg_quality")

Row = dict[str, Any]


def misjudged(answers: Answers, config: Breakdowns, level: float) -> pd.DataFrame:
    """The columns of MISJUDGED, without pictures, and `path` in the pool."""
    detectors: dict[tuple[str, str, str], list[Judge]] = {}
    for judge in answers.logits:
        detectors.setdefault((judge.experiment, judge.train_set, judge.condition), []).append(judge)
    names = by_class(answers.facts, config, np.nan)
    rows = [
        {"experiment": key[0], "train_set": key[1], "condition": key[2], "test_generator": test.name} | row
        for key, judges in track(list(detectors.items()), "misjudged", len(detectors), "detectors")
        for test in answers.test_sets
        if test.pair
        for row in (*_classes(answers, judges, test, names.codes, names.names, level), *_images(answers, judges, test))
    ]
    return pd.DataFrame(rows, columns=[*MISJUDGED.columns, "path"]).assign(thumbnail=None)


def _classes(
    answers: Answers, judges: Sequence[Judge], test: TestSet, codes: Codes, names: Sequence[str], level: float
) -> Iterator[Row]:
    """The classes whose error is surely the highest: ranked by the lower limit of the share of wrong judgements."""
    found: list[Row] = []
    if not names:
        return
    rows = answers.rows([test])
    rows = rows[answers.scored(judges, rows)]
    for label in (0, 1):
        members = rows[answers.labels[rows] == label]
        if not len(members):
            continue
        wrong = [(answers.logits[judge][members] > 0) != (label == 1) for judge in judges]
        several = np.tile(members, len(judges))  # an image's judgements by several seeds are of one group
        bins = Bins.of(codes[several], answers.groups[several], answers.strata[several], len(names))
        rates = bins.rates(np.concatenate(wrong), level)
        found += [
            {"kind": CLASS, "label": label, "name": names[at], "n": int(bins.images[at]), "value": rates.value[at],
             "wrong": round(rates.value[at] * bins.images[at]), "low": rates.low[at], "high": rates.high[at]}
            for at in np.flatnonzero(rates.value > 0).tolist()
        ]  # fmt: skip
    found.sort(key=lambda row: (-row["low"], -row["value"], row["name"]))
    for rank, row in enumerate(found[:CLASSES], 1):
        yield row | {"rank": rank}


def _images(answers: Answers, judges: Sequence[Judge], test: TestSet) -> Iterator[Row]:
    """Of each label the images that are wrong by the widest margin, in standard deviations of each seed's logits."""
    rows = answers.rows([test])
    rows = rows[answers.scored(judges, rows)]
    fake = answers.labels[rows] == 1
    margins = [margin(answers.logits[judge][rows].astype(np.float64), fake) for judge in judges]
    if not len(rows):
        return
    mean, wrong = np.mean(margins, axis=0), np.sum([each <= 0 for each in margins], axis=0)
    rank = 0
    for label in (0, 1):
        mine = np.flatnonzero((fake == (label == 1)) & (mean < 0))
        for at in mine[np.argsort(mean[mine], kind="stable")][:IMAGES]:
            rank += 1
            facts = answers.facts.iloc[rows[at]]
            yield {
                "kind": IMAGE, "rank": rank, "label": label, "name": facts["image_id"], "n": len(judges),
                "wrong": int(wrong[at]), "value": float(mean[at]), "low": np.nan, "high": np.nan,
                **{name: facts[name] for name in SHOWN[1:]}, "path": facts["path"],
            }  # fmt: skip


def pictured(table: pd.DataFrame, roots: Mapping[str, Path]) -> pd.DataFrame:
    """The same with small JPEG files of the PICTURES images that most cells of the first condition have."""
    first = (
        table[(table["kind"] == IMAGE) & (table["condition"] == table["condition"].iloc[0])] if len(table) else table
    )
    counts = first.groupby(["pool", "path"], sort=True).size().sort_values(ascending=False, kind="stable")
    held = {(pool, path): thumbnail(roots.get(pool), path) for pool, path in counts.index[:PICTURES]}
    chosen = [
        held.get((pool, path)) if condition == table["condition"].iloc[0] else None
        for pool, path, condition in zip(table["pool"], table["path"], table["condition"], strict=True)
    ]
    return table.assign(thumbnail=pd.Series(chosen, index=table.index, dtype=object))


def pictured_as(table: pd.DataFrame, earlier: pd.DataFrame) -> pd.DataFrame:
    """The same with the pictures of an earlier table, where no images are at hand."""
    places = [*MISJUDGED.key, "name"]
    pictures = table[places].merge(earlier[[*places, "thumbnail"]], on=places, how="left")["thumbnail"]
    return table.assign(thumbnail=pictures.astype(object).where(pictures.notna(), None).to_numpy())
