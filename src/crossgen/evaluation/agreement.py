"""How alike detectors are: training rows of the matrix that correlate, and verdicts on images that differ.

Correlation is that of GenImage's Fig. 3b, whose method is not described: Pearson's r of two training rows of a matrix.
A row has as few columns as there are generators, and these are no random sample: Fisher's interval says how little
that is. Disagreement is counted over images, with intervals by group.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtrit
from scipy.stats import rankdata

from crossgen import intervals
from crossgen.evaluation.answers import Answers
from crossgen.evaluation.judged import Judge
from crossgen.intervals import Clusters, Estimate, Mask, Numbers
from crossgen.progress import track
from crossgen.records import CORRELATIONS, DISAGREEMENTS

#: Metrics whose training rows are correlated.
CORRELATED = ("balanced_accuracy", "roc_auc")
FEWEST = 3  # columns without which two rows have no correlation worth a number

Row = dict[str, object]


def correlate(
    metrics: pd.DataFrame, generators: Sequence[str], conditions: Sequence[str], level: float
) -> pd.DataFrame:
    """Correlation of each two training rows over the columns `generators`: the columns of CORRELATIONS.

    `metrics` has the columns of METRICS. Columns that either row lacks are left out; fewer than FEWEST, or a row
    that is constant, have no correlation.
    """
    chosen = metrics["test_generator"].isin(generators) & metrics["metric"].isin(CORRELATED)
    chosen &= metrics["condition"].isin(conditions) & (metrics["train_set"] != "mean")
    rows: list[Row] = []
    for key, part in metrics[chosen].groupby(["experiment", "seed", "condition", "metric"], sort=False):
        trains = list(dict.fromkeys(part["train_set"]))
        matrix = part.pivot(index="train_set", columns="test_generator", values="value").reindex(index=trains)
        shared = dict(zip(("experiment", "seed", "condition", "metric"), key, strict=True))
        values = matrix.to_numpy(np.float64)
        rows += [
            shared | {"train_set": trains[i], "other": trains[j]} | correlation(values[i], values[j], level)
            for i, j in combinations(range(len(trains)), 2)
        ]
    return pd.DataFrame(rows, columns=list(CORRELATIONS.columns))


def correlation(first: Numbers, second: Numbers, level: float) -> Row:
    """Pearson's r of two rows [columns] with Fisher's interval, NaN and a reason where there is none."""
    both = ~np.isnan(first) & ~np.isnan(second)
    count = int(both.sum())
    nothing: Row = {"value": np.nan, "low": np.nan, "high": np.nan, "columns": count, "interval": None}
    if count < FEWEST:
        return nothing | {"reason": f"{count} test sets in common: fewer than {FEWEST}"}
    if min(np.ptp(first[both]), np.ptp(second[both])) < 1e-12:
        return nothing | {"reason": "a training row is constant"}
    value = float(np.clip(np.corrcoef(first[both], second[both])[0, 1], -1, 1))
    found = nothing | {"value": value, "interval": "fisher_z"}
    if count == FEWEST or abs(value) > 1 - 1e-12:
        return found | {"reason": f"no interval: {count} test sets, r = {value:.3f}"}
    half = ndtri(0.5 + level / 2) / np.sqrt(count - 3)
    low, high = np.tanh(np.arctanh(value) + np.array([-half, half]))
    return found | {"low": float(low), "high": float(high), "reason": f"rests on {count} test sets only"}


def disagree(answers: Answers, level: float) -> pd.DataFrame:
    """How far each two detectors of one experiment, and those of one train set of two experiments, disagree (same seed
    and condition), over the distinct images of the seen test sets that both scored: the columns of DISAGREEMENTS."""
    pairs = list(_pairs(list(answers.logits)))
    rows = answers.rows(answers.seen)
    known: dict[bytes, Clusters] = {}
    found: list[Row] = []
    for first, second in track(pairs, "break_down: disagreement", len(pairs), "pairs"):
        shared = {
            "experiment": first.experiment, "train_set": first.train_set, "other_experiment": second.experiment,
            "other_train_set": second.train_set, "seed": first.seed, "condition": first.condition,
        }  # fmt: skip
        seen = answers.scored([first, second], rows)
        both, key = rows[seen], seen.tobytes()
        if key not in known:
            known[key] = answers.clusters(both)
        two = (answers.logits[first][both].astype(np.float64), answers.logits[second][both].astype(np.float64))
        found += [shared | {"n": len(both)} | row for row in measures(*two, known[key], level)]
    return pd.DataFrame(found, columns=list(DISAGREEMENTS.columns))


def _pairs(judges: Sequence[Judge]) -> Iterator[tuple[Judge, Judge]]:
    for first, second in combinations(judges, 2):
        alike = first.experiment == second.experiment or first.train_set == second.train_set
        if alike and (first.seed, first.condition) == (second.seed, second.condition):
            yield first, second


def measures(first: Numbers, second: Numbers, clusters: Clusters, level: float) -> list[Row]:
    """The share of images judged differently, Cohen's kappa of the verdicts and Spearman's correlation of the logits
    ([n] each), as rows of DISAGREEMENTS."""
    if not len(first):
        reason = "no image that both have scored"
        nothing = Estimate(np.nan, np.nan, np.nan, "none")
        return [_row(name, nothing, reason) for name in ("differently_judged", "kappa", "spearman")]
    calls: tuple[Mask, Mask] = (first > 0, second > 0)
    everything = np.ones(len(first), dtype=bool)
    share = intervals.rate(calls[0] != calls[1], everything, clusters, level)
    return [
        _row("differently_judged", share, None),
        _row("kappa", *kappa(*calls, clusters, level)),
        _row("spearman", *spearman(first, second, clusters, level)),
    ]


def _row(measure: str, estimate: Estimate, reason: str | None) -> Row:
    told = estimate._asdict() | ({"interval": None} if np.isnan(estimate.low) else {})
    return {"measure": measure} | told | {"reason": reason}


def kappa(first: Mask, second: Mask, clusters: Clusters, level: float) -> tuple[Estimate, str | None]:
    """Cohen's kappa of two verdicts [n] on the same images, linearised, with Student's t over groups; and why there is
    none, or no interval."""
    agree = (first == second).astype(np.float64)
    p, q, observed = first.mean(), second.mean(), agree.mean()
    expected = p * q + (1 - p) * (1 - q)
    if expected > 1 - 1e-12:
        return Estimate(np.nan, np.nan, np.nan, "linearised_t"), "both call every image the same: chance agrees, too"
    value = float((observed - expected) / (1 - expected))
    chance = (2 * q - 1) * (first - p) + (2 * p - 1) * (second - q)
    residuals = ((agree - observed) / (1 - expected) - (1 - observed) / (1 - expected) ** 2 * chance) / len(first)
    spread = np.sqrt(clusters.covariance(residuals, residuals))
    if spread < 1e-12:
        return Estimate(value, np.nan, np.nan, "linearised_t"), "no interval: no group differs from another"
    half = _student(clusters, len(first), level) * spread
    return Estimate(value, max(-1.0, value - half), min(1.0, value + half), "linearised_t"), None


def spearman(first: Numbers, second: Numbers, clusters: Clusters, level: float) -> tuple[Estimate, str | None]:
    """Spearman's correlation of two logits [n], ties ranked in the middle, linearised, with Student's t over groups on
    Fisher's scale; and why there is none, or no interval."""
    x, y = (_centred(values) for values in (first, second))
    scale = np.sqrt((x**2).mean() * (y**2).mean())
    nothing = Estimate(np.nan, np.nan, np.nan, "linearised_fisher_z")
    if not scale > 0:
        return nothing, "one of them gives every image the same logit"
    value = float(np.clip((x * y).mean() / scale, -1, 1))
    # an image moves the product at its own place, and the ranks of all images above it
    moved = x * y + _of_those_above(first, y) + _of_those_above(second, x)
    residuals = (moved - moved.mean()) / (scale * len(first))
    spread = np.sqrt(clusters.covariance(residuals, residuals))
    if spread < 1e-12 or abs(value) > 1 - 1e-12:
        return nothing._replace(value=value), "no interval: the order is the same in every group"
    half = _student(clusters, len(first), level) * spread / (1 - value**2)
    low, high = np.tanh(np.arctanh(value) + np.array([-half, half]))
    return Estimate(value, float(low), float(high), "linearised_fisher_z"), None


def _centred(values: Numbers) -> Numbers:
    """Ranks from -0.5 to 0.5."""
    return np.asarray((rankdata(values) - (len(values) + 1) / 2) / len(values))


def _of_those_above(values: Numbers, ranks: Numbers) -> Numbers:
    """For each image the sum of the other's `ranks` of all images above it, as a share of all images; ties half."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    until = np.concatenate([[0.0], np.cumsum(ranks[order])])
    low, high = np.searchsorted(ordered, ordered, "left"), np.searchsorted(ordered, ordered, "right")
    found = np.empty(len(values))
    found[order] = (until[-1] - (until[low] + until[high]) / 2) / len(values)
    return found


def _student(clusters: Clusters, n: int, level: float) -> float:
    return float(stdtrit(clusters.degrees(np.ones(n, dtype=bool)), 0.5 + level / 2))
