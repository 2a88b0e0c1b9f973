"""The report's tables: each a pure function of the report's data."""

from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd

from crossgen.report import ablation_table, breakdowns, contents_table, looked
from crossgen.report.beside_table import beside
from crossgen.report.comparisons import comparisons
from crossgen.report.data import MEAN, OWN, SHOWN_METRICS, WORST_OFF, ReportData
from crossgen.report.estimates import Estimate, pool
from crossgen.report.pools import duplicates, losses, pools, waterfall
from crossgen.report.printing import Gaps, Table
from crossgen.report.seeds import seeds_text, with_seeds
from crossgen.report.spectra import spectra
from crossgen.report.summary import summary
from crossgen.report.thresholds import calibration, operating_points, thresholds
from crossgen.report.trained import detectors

#: Of the audit: nothing in it varies with a training seed.
UNTRAINED = "No detector is in it: it is the same for every training seed."
INTERVALS = "Percent, with {level:.0%} intervals in brackets."


def intervals(data: ReportData) -> str:
    """The sentence of a caption that says what the brackets hold."""
    return INTERVALS.format(level=data.level).replace("%", " %")


def matrix(data: ReportData) -> Table:
    """Every experiment, matrix condition and shown metric: a row a train set, a column a test set."""
    gaps = Gaps()
    rows = [
        {"Experiment": experiment, "Condition": condition, "Metric": data.title(metric)}
        | _matrix_row(data, gaps, (experiment, train_set), condition, metric)
        for experiment in data.experiments
        for condition in data.matrix_conditions
        for metric in SHOWN_METRICS
        for train_set in (*data.train_sets_of(experiment), MEAN)
    ]
    caption = f"Trained on a row's generator, tested on a column's. {intervals(data)} {seeds_text(data)}"
    chosen = data.metrics.condition.isin(data.matrix_conditions) & data.metrics.metric.isin(SHOWN_METRICS)
    return Table(caption, pd.DataFrame(rows), with_seeds(data.metrics[chosen]), gaps.notes, blocks=3)


def _matrix_row(data: ReportData, gaps: Gaps, model: tuple[str, str], condition: str, metric: str) -> dict[str, str]:
    columns = (*data.seen, *data.unseen, *data.means)
    cells = {data.title(name): gaps.percent(data.cell(*model, name, condition, metric)) for name in columns}
    worst = {data.title(WORST_OFF): worst_text(data, gaps, model, condition, metric)} if data.knows_worst else {}
    return {"Trained on": model[1], **cells, **worst}


def worst_text(data: ReportData, gaps: Gaps, model: tuple[str, str], condition: str, metric: str) -> str:
    """`61.2 [55.0, 66.1] (sd14)`: the lowest number off the diagonal, and the generator that has it in each seed."""
    estimate, names = data.worst((*model, WORST_OFF, condition, metric))
    return " ".join([gaps.percent(estimate), *([f"({', '.join(names)})"] if names else [])])


def degraded(data: ReportData) -> Table:
    """Every experiment and condition: means over the generators."""
    gaps = Gaps()
    columns = (OWN, *data.means)
    rows = [
        {"Metric": data.title(metric), "Experiment": experiment, "Condition": condition.name}
        | {data.title(c): gaps.percent(data.cell(experiment, MEAN, c, condition.name, metric)) for c in columns}
        for metric in SHOWN_METRICS
        for experiment in data.experiments
        for condition in data.conditions
    ]
    metrics = data.metrics
    chosen = (metrics.train_set == MEAN) & metrics.test_generator.isin(columns) & metrics.metric.isin(SHOWN_METRICS)
    caption = f"Means over train sets on degraded test images. {intervals(data)} {seeds_text(data)}"
    return Table(caption, pd.DataFrame(rows), with_seeds(metrics[chosen]), gaps.notes, blocks=1)


def controls(data: ReportData) -> Table:
    """Share of each control's images that every detector calls fake, under the plain condition."""
    gaps = Gaps()
    models = [(e, t) for e in data.experiments for t in (*data.train_sets_of(e), MEAN)]
    rows = [
        {"Experiment": experiment, "Trained on": train_set}
        | {name: gaps.percent(data.called_fake(experiment, train_set, name)) for name in data.controls}
        for experiment, train_set in models
    ]
    metrics = data.metrics
    chosen = metrics.test_generator.isin(data.controls) & (metrics.condition == data.plain)
    chosen &= metrics.metric.isin(["fpr", "tpr"])
    caption = f"Share of control images called fake ({data.plain}). {intervals(data)} {seeds_text(data)}"
    return Table(caption, pd.DataFrame(rows), with_seeds(metrics[chosen]), gaps.notes)


def biases(data: ReportData) -> Table:
    """What a small tree makes of header facts or geometry alone, per stage, with its rules in words."""
    gaps = Gaps()
    rows = [
        {
            **_place(row),
            "Attributes": row["group"],
            "Balanced accuracy": gaps.percent(estimate),
            "Rules": "; ".join(str(row["rules"]).splitlines()) if isinstance(row["rules"], str) else "",
        }
        for row, estimate in estimates(data.probes, "balanced_accuracy")
    ]
    caption = f"Real or fake told from file facts alone, without a picture: 50 is chance. {intervals(data)} {UNTRAINED}"
    return Table(caption, pd.DataFrame(rows), data.probes, gaps.notes)


def attributes(data: ReportData) -> Table:
    """How well each attribute alone tells real from fake: ROC-AUC, a column an attribute."""
    gaps = Gaps()
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    for row, estimate in estimates(data.biases, "auc"):
        place = _place(row)
        rows.setdefault(tuple(place.values()), place)[row["attribute"]] = gaps.percent(estimate)
    caption = f"ROC-AUC of single attributes, real against fake: 50 is chance. {intervals(data)} {UNTRAINED}"
    return Table(caption, pd.DataFrame(list(rows.values())).fillna(""), data.biases, gaps.notes, blocks=1)


def _place(row: dict[Any, Any]) -> dict[str, str]:
    return {"Subset": row["subset"], "Stage": row["stage"].replace("_", " "), "Test set": row["test_generator"]}


def estimates(frame: pd.DataFrame, column: str) -> Iterator[tuple[dict[Any, Any], Estimate]]:
    """Each row of an audit table as a dictionary, and its number as an estimate."""
    for row in frame.to_dict("records"):
        yield row, pool([{**row, "value": row[column]}])


TABLES: dict[str, Callable[[ReportData], Table]] = {
    "summary": summary,
    "matrix": matrix,
    "degraded": degraded,
    "comparisons": comparisons,
    "ablation": ablation_table.table,
    "published": beside,
    "detectors": detectors,
    "controls": controls,
    "biases": biases,
    "attributes": attributes,
    "data": pools,
    "losses": losses,
    "waterfall": waterfall,
    "duplicates": duplicates,
    "breakdown_quality": breakdowns.quality,
    "breakdown_size": breakdowns.size,
    "classes": breakdowns.classes,
    "class_matrix": contents_table.table,
    "correlation": breakdowns.correlation,
    "disagreement": breakdowns.disagreement,
    "hardest": breakdowns.hardest,
    "thresholds": thresholds,
    "operating_points": operating_points,
    "calibration": calibration,
    "spectra": spectra,
    "looking": looked.table,
}
