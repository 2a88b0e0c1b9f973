"""Tables of thresholds, of what they come to, and of calibration."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from crossgen.report.data import MEAN, OFF_DIAGONAL, OWN, ReportData
from crossgen.report.estimates import SHARE, Estimate, pool, pool_seeds
from crossgen.report.printing import Gaps, Table, minus
from crossgen.report.seeds import seeds_text

#: Rule -> column of the table of thresholds.
RULES = {
    "best_balanced_accuracy": "Best balanced accuracy",
    "equal_error_rate": "Equal error rate",
    "fpr_1": "FPR 1 %",
    "fpr_5": "FPR 5 %",
    "fpr_10": "FPR 10 %",
    "temperature": "Temperature",
}
#: Means that are shown: over cells on the own generator, and off it.
KINDS = (OWN, OFF_DIAGONAL)
#: Fewer images of a label than these choose badly.
ENOUGH = 100
FEW = f"fewer than {ENOUGH} of a label: uncertain, compare with 0.5"

#: What a number can be that is no share.
LIMITS = {"nll": (0.0, float("inf")), "oracle_gap": (-1.0, 1.0)}

#: (experiment, which mean, condition, rule, metric) -> the mean over generators and seeds.
Cells = Mapping[tuple[Any, ...], Estimate]


def thresholds(data: ReportData) -> Table:
    """A row a detector: what its validation images chose."""
    gaps, rows = Gaps(), []
    detectors = data.thresholds.groupby(["experiment", "train_set", "seed"], sort=False)
    several = data.thresholds["seed"].nunique() > 1
    for (experiment, train_set, seed), found in detectors:
        by_rule = {row["rule"]: row for row in found.to_dict("records")}
        chosen = {title: _logit(gaps, by_rule[rule]) for rule, title in RULES.items() if rule in by_rule}
        counts = [int(found[name].iloc[0]) for name in ("n_real", "n_fake")]
        names = {"Experiment": experiment, "Trained on": train_set} | ({"Seed": str(seed)} if several else {})
        images = {"Reals": f"{counts[0]:,}", "Fakes": f"{counts[1]:,}", "0.5": "0.00"}
        rows.append(names | images | chosen | {"Note": FEW if min(counts) < ENOUGH else ""})
    caption = (
        "Thresholds of the logit (above it an image is called fake; P(fake) 0.5 is 0) and temperature, chosen on each"
        f" detector's own validation images, with {data.level:.0%} intervals over groups in brackets. No test image is"
        f" seen. {seeds_text(data)}"
    )
    return Table(caption.replace("%", " %"), pd.DataFrame(rows), data.thresholds, gaps.notes)


def _logit(gaps: Gaps, row: Mapping[Any, Any]) -> str:
    estimate = pool([row])
    return _number(estimate, 2) if estimate.defined else gaps.mark(estimate.reason)


def _number(estimate: Estimate, digits: int) -> str:
    """`0.31 [0.12, 0.58]`, not in percent; over several seeds with their standard deviation."""
    value, low, high = (
        minus(f"{each:.{digits}f}") for each in (estimate.value, estimate.low, estimate.high)
    )  # fmt: skip
    told = f"{value} ± {estimate.sd:.{digits}f}" if estimate.has_sd else value
    return f"{told} [{low}, {high}]" if estimate.has_interval else told


def operating_points(data: ReportData) -> Table:
    """A row an experiment and condition: means over generators at the thresholds, and what the oracle would add."""
    gaps = Gaps()
    of = _percent(gaps)
    shown: dict[str, tuple[Callable[[Estimate], str], str, str]] = {
        "At 0.5": (of, "fixed", "balanced_accuracy"),
        "At the threshold": (of, "best_balanced_accuracy", "balanced_accuracy"),
        "Oracle gap of 0.5": (of, "fixed", "oracle_gap"),
        "Oracle gap": (of, "best_balanced_accuracy", "oracle_gap"),
        "Oracle's bias": (of, "oracle", "bias"),
        **{
            f"{name} at FPR {n} %": (of, f"fpr_{n}", metric)
            for n in (1, 5, 10)
            for name, metric in (("TPR", "tpr"), ("FPR met", "fpr"))
        },
    }
    caption = (
        "Balanced accuracy at the logit 0 and at the threshold that the validation images chose; oracle gap: the points"
        " that a threshold chosen on the test images themselves would add (its bias: how much of that chance alone"
        " brings). TPR at thresholds for a false-positive rate on validation reals, and the rate that test reals met."
        f" Means over train sets. {_percents(data)}"
    )
    return _means(data, gaps, shown, caption)


def calibration(data: ReportData) -> Table:
    """A row an experiment and condition: errors of P(fake), as it is and after temperature scaling."""
    gaps = Gaps()
    of, plain = _percent(gaps), _plain(gaps)
    measures = (("NLL", plain, "nll"), ("Brier", plain, "brier"), ("ECE", of, "ece"))
    shown = {
        f"{title}{after}": (printed, rule, metric)
        for title, printed, metric in measures
        for rule, after in (("fixed", ""), ("temperature", " after"))
    }
    caption = (
        "Errors of P(fake), lower is better, both labels weighing the same: negative log-likelihood (0.693 is a coin),"
        " Brier score (0.250 is a coin), expected calibration error over 15 bins of equal width in percent; as it is,"
        f" and after the temperature that validation images chose. Means over train sets. {_percents(data)}"
    )
    return _means(data, gaps, shown, caption)


def _percents(data: ReportData) -> str:
    return f"Brackets: {data.level:.0%} intervals over generators. {seeds_text(data)}".replace("%", " %")


def _percent(gaps: Gaps) -> Callable[[Estimate], str]:
    return gaps.percent


def _plain(gaps: Gaps) -> Callable[[Estimate], str]:
    return lambda estimate: _number(estimate, 3) if estimate.defined else gaps.mark(estimate.reason)


def _means(
    data: ReportData, gaps: Gaps, shown: Mapping[str, tuple[Callable[[Estimate], str], str, str]], caption: str
) -> Table:
    frame = data.operating_points
    wanted = {(rule, metric) for _, rule, metric in shown.values()}
    chosen = (frame["train_set"] == MEAN) & frame["test_generator"].isin(KINDS)
    chosen &= pd.Series(list(zip(frame["rule"], frame["metric"], strict=True)), frame.index).isin(wanted)
    cells = _cells(frame[chosen], data.level)
    rows = [
        {"Mean": data.title(kind), "Experiment": experiment, "Condition": condition.name}
        | {
            title: printed(cells.get((experiment, kind, condition.name, rule, metric), Estimate()))
            for title, (printed, rule, metric) in shown.items()
        }
        for kind in KINDS
        for experiment in data.experiments
        for condition in data.conditions
        if len(frame)
    ]
    return Table(caption, pd.DataFrame(rows), frame[chosen].reset_index(drop=True), gaps.notes, blocks=1)


def _cells(frame: pd.DataFrame, level: float) -> Cells:
    found: dict[tuple[Any, ...], list[dict[Any, Any]]] = {}
    for row in frame.to_dict("records"):
        key = tuple(row[name] for name in ("experiment", "test_generator", "condition", "rule", "metric"))
        found.setdefault(key, []).append(row)
    return {key: pool_seeds(rows, level, LIMITS.get(key[-1], SHARE)) for key, rows in found.items()}
