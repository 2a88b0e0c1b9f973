"""Train x test heat maps of one condition: each experiment, then each paired difference."""

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from crossgen.report.data import MEAN, MEAN_UNSEEN, OFF_DIAGONAL, OWN, ReportData
from crossgen.report.estimates import Estimate
from crossgen.report.printing import GAP, minus
from crossgen.report.seeds import short_text
from crossgen.report.style import LABEL, MUTED, PANEL, SMALL, canvas, headline, inches, text_width

PER_ROW = 3
CELL = 0.36  # inches
SPREAD = 5.6  # points of the standard deviation under a value
BREAK = 0.35  # cells between the generators, the unseen ones and the means
SHORT = {MEAN: "mean", OFF_DIAGONAL: "off-diag.", MEAN_UNSEEN: "mean unseen"}


@dataclass(frozen=True)
class Scale:
    """Colours of one kind of panel; `signed` ones are differences in points."""

    colours: Colormap
    limit: Normalize
    label: str
    signed: bool


@dataclass(frozen=True)
class Panel:
    """One heat map: its cells by (train set, test set); `columns` are groups with a gap between them. `own`: train set
    to the columns that are outlined."""

    title: str
    rows: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    value: Callable[[str, str], Estimate]
    scale: Scale
    own: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Layout:
    """Inches, shared by all panels."""

    cell: float
    wide: float
    high: float
    left: float
    below: float
    above: float = 0.5

    def place(self, index: int) -> tuple[float, float]:
        """Left and top of a panel's cells."""
        row, column = divmod(index, PER_ROW)
        top = 0.5 + self.above + row * (self.high + self.above + self.below)
        return self.left + column * (self.wide + 0.3), top


def matrix(data: ReportData, condition: str, metric: str) -> Figure:
    """Heat maps of `metric` under `condition`: rows are train sets, columns test sets, percent or points in cells.

    A cell in grey italics is a difference whose interval includes 0; a hatched one is undefined.
    """
    panels = _panels(data, condition, metric)
    layout = _layout(panels)
    rows, columns = ceil(len(panels) / PER_ROW), min(PER_ROW, len(panels))
    width = layout.left + columns * (layout.wide + 0.3)
    figure = canvas(max(width, 5.2), layout.place((rows - 1) * PER_ROW)[1] + layout.high + layout.below + 0.85)
    headline(figure, f"{data.title(metric)}, {condition}", counts_text(data, condition, metric))
    for index, panel in enumerate(panels):
        left, top = layout.place(index)
        axes = inches(figure, left, top, layout.wide, layout.high)
        first = index % PER_ROW == 0 or panel.rows != panels[index - 1].rows
        _draw(axes, panel, first)
    _keys(figure, data, {panel.scale.signed: panel.scale for panel in panels})
    return figure


def counts_text(data: ReportData, condition: str, metric: str) -> str:
    """Images per test set and training runs, for a figure's second line."""
    cells = [
        data.cell(experiment, train_set, generator, condition, metric)
        for experiment in data.experiments
        for train_set in data.train_sets_of(experiment)
        for generator in data.generators
    ]
    n_real, n_fake = ({cell.n_real for cell in cells} - {0}, {cell.n_fake for cell in cells} - {0})
    return f"n per test set: {_span(n_real)} reals, {_span(n_fake)} fakes; {short_text(data)}"


def _span(counts: set[int]) -> str:
    if len(counts) < 2:
        return f"{next(iter(counts), 0):,}"
    return f"{min(counts):,}–{max(counts):,}"


def _panels(data: ReportData, condition: str, metric: str) -> list[Panel]:
    columns = tuple(group for group in (data.seen, data.unseen, data.means) if group)
    share = Scale(colormaps["viridis"], Normalize(0, 100), f"{data.title(metric)} (%)", signed=False)

    def shares(experiment: str) -> Callable[[str, str], Estimate]:
        return lambda train, test: data.cell(experiment, train, test, condition, metric)

    def differences(pair: tuple[str, str]) -> Callable[[str, str], Estimate]:
        return lambda train, test: data.difference(pair, train, test, condition, metric)

    own = {name: data.own_of(name) for name in data.train_sets}
    panels = [Panel(name, data.train_sets_of(name), columns, shares(name), share, own) for name in data.experiments]
    pairs = [(pair, differences(pair), data.train_sets_of(pair[0])) for pair in data.comparisons]
    values = [abs(value(row, test).value) for _, value, rows in pairs for row in rows for test in data.generators]
    limit = 5 * ceil(20 * np.nanmax([0.05, *values]))
    points = Scale(colormaps["PuOr_r"], Normalize(-limit, limit), "Difference (points)", signed=True)
    return panels + [Panel(f"{pair[0]} − {pair[1]}", rows, columns, value, points, own) for pair, value, rows in pairs]


def _layout(panels: list[Panel]) -> Layout:
    rows = max(len(panel.rows) for panel in panels)
    across = max(_positions(panels[0].columns).values()) + 1
    cell = max(CELL, 2.0 / across)  # two generators: titles still need their room
    columns = [SHORT.get(name, name) for group in panels[0].columns for name in group]
    below = 0.15 + 0.75 * text_width(columns)
    left = 0.45 + text_width([*columns, *(name for panel in panels for name in panel.rows)])
    return Layout(cell, cell * across, min(cell, 0.5) * (rows + BREAK + 1), left, below)


def _draw(axes: Axes, panel: Panel, with_names: bool) -> None:
    across = _positions(panel.columns)
    down = _positions((panel.rows, (MEAN,)))
    for row, y in down.items():
        for column, x in across.items():
            _cell(axes, (x, y), panel.value(row, column), panel.scale)
    for train_set, test_set in ((name, each) for name in panel.rows for each in panel.own[name]):
        box = (across[test_set] + 0.04, down[train_set] + 0.04)
        axes.add_patch(Rectangle(box, 0.92, 0.92, fill=False, edgecolor="black", linewidth=1.4))
    axes.set(xlim=(0, max(across.values()) + 1), ylim=(max(down.values()) + 1, 0))
    axes.set_xticks([x + 0.6 for x in across.values()], [SHORT.get(name, name) for name in across])
    axes.set_yticks([y + 0.5 for y in down.values()], list(down) if with_names else [""] * len(down))
    axes.tick_params(length=0, labelsize=LABEL, pad=2)
    for label in axes.get_xticklabels():
        label.set(rotation=45, ha="right", va="top", rotation_mode="anchor")
    axes.spines[:].set_visible(False)
    _titles(axes, panel, with_names)


def _titles(axes: Axes, panel: Panel, with_names: bool) -> None:
    width = axes.get_window_extent().width / axes.figure.dpi
    title = "\n".join(textwrap.wrap(panel.title, max(12, int(width * 72 / (PANEL * 0.66))), break_long_words=True))
    own, off = (panel.value(MEAN, name) for name in (OWN, OFF_DIAGONAL))
    form = signed_text if panel.scale.signed else share_text
    axes.set_title(title, size=PANEL, weight="bold", loc="left", pad=16)
    axes.annotate(
        f"own {form(own)} · off-diagonal {form(off)}",
        (0, 1), (0, 4), "axes fraction", "offset points", size=SMALL, color=MUTED,
    )  # fmt: skip
    if with_names:
        axes.set_ylabel("trained on", size=LABEL, color=MUTED)
    axes.set_xlabel("tested on", size=LABEL, color=MUTED)


def _positions(groups: tuple[tuple[str, ...], ...]) -> dict[str, float]:
    """Cells from the edge, with a break between groups."""
    names = [(name, number * BREAK) for number, group in enumerate(groups) for name in group]
    return {name: place + gap for place, (name, gap) in enumerate(names)}


def _cell(axes: Axes, corner: tuple[float, float], estimate: Estimate, scale: Scale) -> None:
    x, y = corner
    if not estimate.defined:
        axes.add_patch(Rectangle(corner, 1, 1, facecolor="#eeeeee", edgecolor="white", hatch="////", linewidth=0.8))
        axes.text(x + 0.5, y + 0.5, GAP, ha="center", va="center", size=LABEL, color="#444444")
        return
    colour = scale.colours(scale.limit(100 * estimate.value))
    axes.add_patch(Rectangle(corner, 1, 1, facecolor=colour, edgecolor="white", linewidth=0.8))
    text, ink = signed_text(estimate) if scale.signed else share_text(estimate), _ink(estimate, scale, colour)
    middle = y + (0.36 if estimate.has_sd else 0.5)
    axes.text(x + 0.5, middle, text, ha="center", va="center_baseline", size=LABEL, **ink)
    if estimate.has_sd:
        spread = f"±{100 * estimate.sd:.1f}"
        axes.text(x + 0.5, y + 0.76, spread, ha="center", va="center_baseline", size=SPREAD, **ink)


def _ink(estimate: Estimate, scale: Scale, colour: tuple[float, ...]) -> dict[str, Any]:
    """Text that can be read on its cell; muted italics where a difference is not separated from 0."""
    red, green, blue = colour[:3]
    dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
    if scale.signed and not estimate.separated:
        return {"color": "#d6d6d6" if dark else "#6b6b6b", "style": "italic"}
    return {"color": "white" if dark else "black"}


def share_text(estimate: Estimate) -> str:
    """Whole percent: small cells and intervals of several points leave no room for more."""
    return f"{100 * estimate.value:.0f}" if estimate.defined else GAP


def signed_text(estimate: Estimate) -> str:
    """Whole points with their sign."""
    return minus(f"{100 * estimate.value:+.0f}") if estimate.defined else GAP


def _keys(figure: Figure, data: ReportData, scales: dict[bool, Scale]) -> None:
    """Colour bars and the meaning of marks, below everything."""
    down = figure.get_figheight()
    for index, scale in enumerate(scales.values()):
        axes = inches(figure, 0.15 + index * 2.5, down - 0.62, 2.1, 0.1)
        bar = figure.colorbar(ScalarMappable(scale.limit, scale.colours), cax=axes, orientation="horizontal")
        bar.set_label(scale.label, size=SMALL, labelpad=2)
        bar.outline.set_visible(False)
        axes.tick_params(length=2, labelsize=SMALL, pad=1)
    marks = ["outlined: trained on that generator", "hatched: undefined"]
    if True in scales:
        marks.append(f"grey italics: {round(100 * data.level)} % interval includes 0")
    left = 0.15 + len(scales) * 2.5
    across = figure.get_figwidth()
    figure.text(left / across, 0.66 / down, "\n".join(marks), size=SMALL, color=MUTED, va="top", linespacing=1.4)
