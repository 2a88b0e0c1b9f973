"""Generators that teach alike: correlation of training rows as a heat map, its rows in the order of a dendrogram."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from scipy.cluster.hierarchy import dendrogram, linkage
from scipy.spatial.distance import squareform

from crossgen.report.broken import correlations, shown_condition
from crossgen.report.data import SHOWN_METRICS, ReportData
from crossgen.report.estimates import Estimate
from crossgen.report.printing import GAP, minus
from crossgen.report.seeds import short_text
from crossgen.report.style import LABEL, MUTED, PANEL, SMALL, canvas, headline, inches, plain_axes, text_width

CELL, TREE, BETWEEN = 0.42, 1.0, 0.45  # inches
COLOURS, LIMIT = colormaps["PuOr_r"], Normalize(-1, 1)

Cell = Callable[[str, str], Estimate]


def correlation(data: ReportData, experiment: str) -> Figure:
    """A heat map a metric beside its dendrogram. A coefficient in grey italics has an interval that includes 0."""
    names = data.train_sets_of(experiment)
    side = CELL * max(len(names), 1)
    left, below = 0.3 + text_width(names), 0.2 + 0.75 * text_width(names)
    wide = left + side + TREE + BETWEEN
    figure = canvas(max(len(SHOWN_METRICS) * wide + 0.1, 6.8), 0.9 + side + below + 0.65)
    title = f"Correlation of training rows: {experiment}, {shown_condition(data)}"
    cells = {metric: correlations(data, experiment, metric) for metric in SHOWN_METRICS}
    headline(figure, title, _subtitle(data, experiment))
    for index, (metric, cell) in enumerate(cells.items()):
        order, tree = clustered(names, cell)
        axes = inches(figure, left + index * wide, 0.9, side, side)
        _draw(axes, order, cell)
        axes.set_title(data.title(metric), size=PANEL, weight="bold", loc="left", pad=5)
        if tree is not None:
            _tree(inches(figure, left + index * wide + side + 0.06, 0.9, TREE, side), tree, len(order))
    _key(figure, data)
    return figure


def _subtitle(data: ReportData, experiment: str) -> str:
    frame = data.correlations[data.correlations["experiment"] == experiment]
    counts = sorted(set(frame["columns"].astype(int)))
    if not counts:
        return "One train set, or none: nothing to correlate"
    columns = f"{counts[0]}–{counts[-1]}" if len(counts) > 1 else str(counts[0])
    return f"Pearson's r over {columns} seen test sets, no more; {short_text(data)}; trees: average linkage of 1 − r"


def clustered(names: tuple[str, ...], cell: Cell) -> tuple[tuple[str, ...], dict[str, Any] | None]:
    """Names in the order of the leaves, and the tree (scipy's coordinates); names with an undefined correlation come
    last and are not in it. Without two others there is no tree."""
    matrix = np.array([[cell(first, second).value for second in names] for first in names]).reshape(len(names), -1)
    known = _known(matrix)
    if len(known) < 2:
        return names, None
    distances = np.clip(1 - matrix[np.ix_(known, known)], 0, 2)
    np.fill_diagonal(distances, 0)
    tree = dendrogram(linkage(squareform(distances, checks=False), "average"), no_plot=True)
    order = [known[leaf] for leaf in tree["leaves"]]
    return tuple(names[place] for place in [*order, *(p for p in range(len(names)) if p not in order)]), tree


def _known(matrix: NDArray[np.float64]) -> list[int]:
    """Rows left when the one with most undefined cells is dropped until there is none."""
    known = list(range(len(matrix)))
    while known and np.isnan(part := matrix[np.ix_(known, known)]).any():
        del known[int(np.isnan(part).sum(axis=1).argmax())]
    return known


def _draw(axes: Axes, names: tuple[str, ...], cell: Cell) -> None:
    for y, first in enumerate(names):
        for x, second in enumerate(names):
            _cell(axes, (x, y), cell(first, second), first == second)
    count = len(names)
    axes.set(xlim=(0, max(count, 1)), ylim=(max(count, 1), 0))
    axes.set_xticks(np.arange(count) + 0.6, names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(np.arange(count) + 0.5, names)
    axes.tick_params(length=0, labelsize=LABEL, pad=2)
    axes.spines[:].set_visible(False)


def _cell(axes: Axes, corner: tuple[int, int], estimate: Estimate, itself: bool) -> None:
    x, y = corner
    middle: dict[str, Any] = {"ha": "center", "va": "center_baseline", "size": SMALL}
    if not estimate.defined:
        axes.add_patch(Rectangle(corner, 1, 1, facecolor="#eeeeee", edgecolor="white", hatch="////", linewidth=0.8))
        axes.text(x + 0.5, y + 0.5, GAP, color="#444444", **middle)
        return
    colour = COLOURS(LIMIT(estimate.value))
    axes.add_patch(Rectangle(corner, 1, 1, facecolor=colour, edgecolor="white", linewidth=0.8))
    dark = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] < 0.5
    ink: dict[str, Any] = {"color": "white" if dark else "black"}
    if not itself and estimate.has_interval and not estimate.separated:
        ink = {"color": "#d6d6d6" if dark else "#5b5b5b", "style": "italic"}
    axes.text(x + 0.5, y + 0.5, "1" if itself else minus(f"{estimate.value:.2f}"), **ink, **middle)


def _tree(axes: Axes, tree: dict[str, Any], rows: int) -> None:
    """The leaves beside their rows (scipy puts them at 5, 15, ...), distances to the right."""
    for places, heights in zip(tree["icoord"], tree["dcoord"], strict=True):
        axes.plot(heights, np.array(places) / 10, color=MUTED, linewidth=1.0, solid_joinstyle="miter")
    axes.set(xlim=(0, 2.02), ylim=(rows, 0))
    axes.set_xticks([0, 1, 2])
    axes.set_yticks([])
    axes.set_xlabel("1 − r", size=SMALL, labelpad=1)
    plain_axes(axes)
    axes.spines["left"].set_visible(False)


def _key(figure: Figure, data: ReportData) -> None:
    across, down = figure.get_size_inches()
    axes = inches(figure, 0.3, down - 0.5, 2.1, 0.1)
    bar = figure.colorbar(ScalarMappable(LIMIT, COLOURS), cax=axes, orientation="horizontal")
    bar.set_label("Pearson's r", size=SMALL, labelpad=2)
    bar.outline.set_visible(False)
    axes.tick_params(length=2, labelsize=SMALL, pad=1)
    marks = f"hatched: undefined\ngrey italics: {data.level * 100:g} % interval includes 0"
    figure.text(2.75 / across, 0.54 / down, marks, size=SMALL, color=MUTED, va="top", linespacing=1.4)
