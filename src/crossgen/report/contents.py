"""Trained on some contents, tested on others: the content-class matrix as a table and a figure."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from crossgen.report.contents_table import GAP, KINDS, LEARNED, NOT, PLACES, cell, learned_of
from crossgen.report.data import ReportData
from crossgen.report.literature import Panel, points, shares, stacked


def figure(data: ReportData) -> Figure:
    """Balanced accuracy by group of content classes, plain condition: a panel a place, a row an experiment.

    Outlined cells are groups that the experiment learned from.
    """
    columns = [*data.class_groups, KINDS[LEARNED], KINDS[NOT]]
    panels = list(_panels(data, columns))
    level = round(100 * data.level)
    words = f"Means over train sets, {data.plain}. Intervals ({level} %): table class_matrix."
    marks = ["outlined: learned", "hatched: nothing to compare", "points: grey italics include 0"]
    return stacked(("Trained on some contents, tested on others", words), panels, marks)


def _panels(data: ReportData, columns: list[str]) -> Iterator[Panel]:
    names = [name for name in data.experiments if learned_of(data, name)]
    keys = [*data.class_groups, LEARNED, NOT]
    for place, title in PLACES.items():
        values = _frame([[cell(data, name, place, key) for key in keys] for name in names], names, columns)
        learned = [[key in learned_of(data, name) for key in keys] for name in names]
        outlined = pd.DataFrame(learned, index=names, columns=columns)
        yield Panel(title, values, _all(values, False), shares("balanced accuracy (%)"), outlined=outlined)
    gaps = [[cell(data, name, place, GAP) for place in PLACES] for name in names]
    values = _frame(gaps, names, list(PLACES.values()))
    muted = pd.DataFrame([[not each.separated for each in row] for row in gaps], index=names, columns=values.columns)
    limit = points(pd.Series(values.to_numpy(float).ravel()).fillna(0))
    yield Panel("learned − not learned", values, _all(values, True), limit, muted=muted)


def _frame(cells: list[list[Any]], index: list[str], columns: list[str]) -> pd.DataFrame:
    return pd.DataFrame([[100 * each.value for each in row] for row in cells], index=index, columns=columns)


def _all(values: pd.DataFrame, signed: bool) -> pd.DataFrame:
    return pd.DataFrame(signed, index=values.index, columns=values.columns)
