"""Does a detector know the contents that it did not learn? Numbers by group of content classes.

A detector has learned a group if it learned from any image of it. Beside the groups stand all that it learned together
(`learned`), all others (`not_learned`) and the first less the second (`learned_minus_not`): for a detector that has
learned some and not all. An image shows one class, so that the two hold different photographs: their intervals are
joined as those of independent samples (MOVER). Means over train sets are Student's t over them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan, sqrt
from typing import Any

import numpy as np
import pandas as pd

from crossgen import intervals
from crossgen.config.breakdowns import ClassOrRange
from crossgen.data.content import of_classes
from crossgen.evaluation.answers import Answers
from crossgen.evaluation.judged import Judge
from crossgen.intervals import Codes, Estimate
from crossgen.progress import track
from crossgen.records import CONTENTS

OWN, OTHERS = "own", "others"
LEARNED, NOT, GAP = "learned", "not_learned", "learned_minus_not"
METRICS = ("balanced_accuracy", "roc_auc")
MEAN = "mean"

Groups = Mapping[str, Sequence[ClassOrRange]]
Row = dict[str, Any]
#: (experiment, train set) to the training images of each group.
Learned = Mapping[tuple[str, str], Mapping[str, int]]
#: A place's name, its images, and the group of every image.
Where = tuple[str, Codes, Codes]


@dataclass(frozen=True)
class Number:
    """A number with its interval and counts, or the reason why there is none."""

    value: float = nan
    low: float = nan
    high: float = nan
    n_real: int = 0
    n_fake: int = 0
    interval: str | None = None
    reason: str | None = None


def codes_of(facts: pd.DataFrame, groups: Groups) -> Codes:
    """The group [n] of each image: its place in `groups`, -1 for none.

    Raises ValueError where a group shows in no image, and where a class stands in two.
    """
    codes = np.full(len(facts), -1, dtype=np.int64)
    for place, (name, entries) in enumerate(groups.items()):
        mask = of_classes(facts, entries)
        twice = mask & (codes >= 0)
        if twice.any():
            one = facts[twice].iloc[0]
            raise ValueError(
                f"Class {one['class_name']!r} is in two of breakdowns.class_groups, {list(groups)[codes[twice][0]]} and"
                f" {name}: a class belongs to one"
            )
        codes[mask] = place
    empty = [name for place, name in enumerate(groups) if not (codes == place).any()]
    if empty:
        known = sorted({str(name) for name in facts["class_name"].dropna()})[:20]
        raise ValueError(
            f"No test image shows a class of breakdowns.class_groups {', '.join(empty)}: known are"
            f" {', '.join(known) or 'none'}; numbers are class indices, texts synsets or names"
        )
    return codes


def contents(answers: Answers, learned: Learned, groups: Groups, level: float) -> pd.DataFrame:
    """The columns of CONTENTS; no rows without groups.

    Every detector, condition, place (own generators; others of the matrix) and group; then means over train sets.
    `learned`: by (experiment, train set) the training images of each group.
    """
    if not groups:
        return pd.DataFrame(columns=list(CONTENTS.columns))
    codes = codes_of(answers.facts, groups)
    rows: list[Row] = []
    for judge in track(list(answers.logits), "contents", len(answers.logits), "detectors"):
        counts = learned.get(judge[:2], {})
        for place, images in _places(answers, judge.train_set):
            rows += _of_place(answers, judge, (place, images, codes), (counts, tuple(groups), level))
    return pd.DataFrame([*rows, *_means(rows, level)], columns=list(CONTENTS.columns))


def _places(answers: Answers, train_set: str) -> Iterator[tuple[str, Codes]]:
    """Images of a detector's own test sets, and of the others of the matrix."""
    own = [item for item in answers.test_sets if item.pair and item.is_seen_by(train_set)]
    others = [item for item in answers.seen if not item.is_seen_by(train_set)]
    for name, chosen in ((OWN, own), (OTHERS, others)):
        if chosen:
            yield name, answers.rows(chosen)


def _of_place(
    answers: Answers, judge: Judge, where: Where, how: tuple[Mapping[str, int], tuple[str, ...], float]
) -> list[Row]:
    """Every group of one place, and what was learned against what was not."""
    place, images, codes = where
    counts, names, level = how
    scored = images[answers.scored([judge], images)]
    known = [position for position, name in enumerate(names) if counts.get(name, 0)]
    rest = [position for position in range(len(names)) if position not in known]
    parts = {name: ([position], counts.get(name, 0)) for position, name in enumerate(names)}
    if known and rest:
        parts |= {LEARNED: (known, sum(counts.values())), NOT: (rest, 0)}
    rows: list[Row] = []
    for metric in METRICS:
        found = {}
        for name, (members, n) in parts.items():
            found[name] = _number(answers, judge, scored[np.isin(codes[scored], members)], (metric, level))
            rows.append(_row(judge, (place, name, metric), n, found[name]))
        if LEARNED in found:
            gap = difference(found[LEARNED], found[NOT])
            rows.append(_row(judge, (place, GAP, metric), parts[LEARNED][1], gap))
    return rows


def _number(answers: Answers, judge: Judge, rows: Codes, how: tuple[str, float]) -> Number:
    metric, level = how
    labels = answers.labels[rows]
    counted = Number(n_real=int((labels == 0).sum()), n_fake=int((labels == 1).sum()))
    if not (counted.n_real and counted.n_fake):
        lacking = " and ".join(name for name, n in (("reals", counted.n_real), ("fakes", counted.n_fake)) if not n)
        return replace(counted, reason=f"no scored {lacking} of these classes")
    logits = answers.logits[judge][rows].astype(np.float64)
    clusters = answers.clusters(rows)
    if metric == "roc_auc":
        estimate: Estimate = intervals.roc_auc(logits, labels, clusters, level)
    else:
        right = np.asarray((logits > 0) == (labels == 1))
        estimate = intervals.mean_of_rates(right, labels, clusters, level)
    return _with(counted, estimate)


def _with(counted: Number, estimate: Estimate) -> Number:
    return replace(counted, value=estimate.value, low=estimate.low, high=estimate.high, interval=estimate.interval)


def difference(first: Number, second: Number) -> Number:
    """First less second, of different images; the interval by MOVER."""
    counted = Number(n_real=first.n_real + second.n_real, n_fake=first.n_fake + second.n_fake)
    if first.reason or second.reason:
        return replace(counted, reason=first.reason or second.reason)
    value = first.value - second.value
    below = sqrt((first.value - first.low) ** 2 + (second.high - second.value) ** 2)
    above = sqrt((first.high - first.value) ** 2 + (second.value - second.low) ** 2)
    return _with(counted, Estimate(value, max(-1.0, value - below), min(1.0, value + above), "mover"))


def _row(judge: Judge, what: tuple[str, str, str], learned: int, number: Number) -> Row:
    place, name, metric = what
    told = {"place": place, "class_group": name, "metric": metric, "learned": learned}
    return {**judge._asdict(), **told, **vars(number)}


def _means(rows: Sequence[Row], level: float) -> Iterator[Row]:
    """Over the train sets of an experiment, of one seed, where all of them have the number."""
    kept: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        key = tuple(row[name] for name in ("experiment", "seed", "condition", "place", "class_group", "metric"))
        kept.setdefault(key, []).append(row)
    for found in kept.values():
        yield {
            **found[0],
            "train_set": MEAN,
            "learned": sum(row["learned"] for row in found),
            **vars(_mean(found, level)),
        }


def _mean(found: Sequence[Row], level: float) -> Number:
    counted = Number(n_real=sum(row["n_real"] for row in found), n_fake=sum(row["n_fake"] for row in found))
    lost = [row["train_set"] for row in found if row["reason"]]
    if lost:
        return replace(counted, reason=f"undefined for {', '.join(lost)}")
    if len(found) == 1:
        return _with(counted, Estimate(*(found[0][name] for name in ("value", "low", "high", "interval"))))
    limits = (-1.0, 1.0) if found[0]["class_group"] == GAP else (0.0, 1.0)
    estimate = intervals.student_t([row["value"] for row in found], level, limits)
    return _with(counted, estimate)


def learned_groups(
    selections: Mapping[tuple[str, str], pd.DataFrame], groups: Groups
) -> dict[tuple[str, str], dict[str, int]]:
    """Training images of each group in what each (experiment, train set) learned from."""
    return {
        key: {name: int(of_classes(rows, entries).sum()) for name, entries in groups.items()}
        for key, rows in selections.items()
    }
