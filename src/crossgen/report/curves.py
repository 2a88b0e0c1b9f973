"""Degradation curves: own and off-diagonal means of every experiment, family by family."""

from math import ceil
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from crossgen.report.data import MEAN, OFF_DIAGONAL, OWN, ReportData
from crossgen.report.estimates import Estimate
from crossgen.report.heatmaps import counts_text
from crossgen.report.style import (
    LABEL,
    MUTED,
    PANEL,
    SMALL,
    canvas,
    headline,
    inches,
    look,
    plain_axes,
    text_width,
)

STEP = 0.62  # inches between conditions
HEIGHT = 2.6
GAP = 0.35  # inches between two rows of panels
MANY = 4  # experiments above which own and off-diagonal means no longer share a panel
THICK = 3.2  # points of the bar of a standard deviation over seeds
KINDS = {OWN: ("-", "full"), OFF_DIAGONAL: ("--", "none")}


def degradation(data: ReportData, metric: str) -> Figure:
    """A panel a degradation, beginning at the plain condition, and one of the other conditions, not joined.

    Own and off-diagonal means share a panel, or have a row each where the experiments are many.
    """
    panels = {family: ((data.plain, *names), True) for family, names in data.families.items()}
    panels["other conditions" if panels else "no degradation"] = (data.undegraded, False)
    rows = [tuple(KINDS)] if len(data.experiments) <= MANY else [(kind,) for kind in KINDS]
    step = max(STEP, 0.12 * len(data.experiments) * len(rows[0]))  # room for every series' error bar
    widths = [max(1.3, STEP * len(names)) * step / STEP for names, _ in panels.values()]
    below = 0.15 + 0.7 * text_width([condition.name for condition in data.conditions], SMALL)
    across = max(0.7 + sum(widths) + 0.25 * len(widths), 5.2)
    high = HEIGHT + below
    down = 0.95 + len(rows) * high + (len(rows) - 1) * GAP + _legend_height(data, across, rows[0])
    figure = canvas(across, down)
    headline(figure, f"{data.title(metric)} by condition", _subtitle(data, metric))
    bottom = _bottom(data, metric)
    for row, kinds in enumerate(rows):
        left = 0.6
        for (title, (names, joined)), width in zip(panels.items(), widths, strict=True):
            axes = inches(figure, left, 0.9 + row * (high + GAP), width, HEIGHT)
            said = title if len(rows) == 1 else f"{title}: {data.title(kinds[0])}"
            _panel(axes, data, (metric, names, joined, kinds), said)
            axes.set_ylim(bottom, 102)
            axes.tick_params(labelleft=left == 0.6)
            if left == 0.6:
                axes.set_ylabel(f"{data.title(metric)} (%)", size=LABEL)
            left += width + 0.25
    _legend(figure, data, rows[0])
    return figure


def _subtitle(data: ReportData, metric: str) -> str:
    counts = counts_text(data, data.plain, metric)
    return f"{counts}; bars: {round(100 * data.level)} % intervals{thick_text(data)}; dotted: chance"


def _bottom(data: ReportData, metric: str) -> float:
    """A common floor for all panels: below chance, and below every interval."""
    cells = [
        data.cell(experiment, MEAN, kind, condition.name, metric)
        for experiment in data.experiments
        for kind in KINDS
        for condition in data.conditions
    ]
    lows = [100 * min(cell.low if cell.has_interval else cell.value, cell.value) for cell in cells if cell.defined]
    return float(max(0, 5 * np.floor(min([47, *lows]) / 5)))


def _panel(axes: Axes, data: ReportData, what: tuple[str, tuple[str, ...], bool, tuple[str, ...]], title: str) -> None:
    metric, names, joined, kinds = what
    series = [(experiment, kind) for experiment in data.experiments for kind in kinds]
    reach = min(0.24 if len(kinds) > 1 else 0.36, 0.08 * (len(series) - 1))
    dodge = np.linspace(-reach, reach, len(series))
    for index, (experiment, kind) in enumerate(series):
        cells = [data.cell(experiment, MEAN, kind, name, metric) for name in names]
        places = np.arange(len(names)) + dodge[index]
        drawn = _style(data, experiment, kind) | ({} if joined else {"linestyle": "none"})
        axes.errorbar(places, [100 * cell.value for cell in cells], yerr=error_bars(cells), elinewidth=0.9, **drawn)
        for x, cell in zip(places, cells, strict=True):
            if cell.has_sd:
                axes.plot([x, x], thick(cell), color=drawn["color"], linewidth=THICK, solid_capstyle="butt", alpha=0.55)
    axes.axhline(50, color=MUTED, linewidth=0.8, linestyle=":", zorder=0)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_title(title, size=PANEL, weight="bold", loc="left")
    axes.grid(axis="y", color="#e3e3e3", linewidth=0.6)
    plain_axes(axes)


def _style(data: ReportData, experiment: str, kind: str) -> dict[str, Any]:
    """How a series is drawn: colour and mark of its experiment, line and filling of its mean."""
    colour, marker = look(data.experiments.index(experiment))
    line, fill = KINDS[kind]
    return {
        "color": colour, "linestyle": line, "marker": marker, "markersize": 4.2, "fillstyle": fill, "linewidth": 1.2,
        "markerfacecolor": colour if fill == "full" else "white", "label": f"{experiment}, {data.title(kind)}",
    }  # fmt: skip


def thick(cell: Estimate) -> list[float]:
    """Ends in percent of the bar of a standard deviation on either side."""
    return [100 * (cell.value - cell.sd), 100 * (cell.value + cell.sd)]


def thick_text(data: ReportData) -> str:
    """What a subtitle says of such bars, where there are any."""
    several = any(len(data.seeds_of(name)) > 1 for name in data.experiments)
    return ", thick: ± sd over seeds" if several else ""


def error_bars(cells: list[Estimate]) -> np.ndarray:
    """Distances in percent to both bounds, 2 x n; none where the interval is unknown."""
    pairs = [(cell.value - cell.low, cell.high - cell.value) if cell.has_interval else (0, 0) for cell in cells]
    bars: np.ndarray = 100 * np.clip(np.array(pairs, dtype=float).T, 0, None)
    return bars


def _legend_columns(data: ReportData, across: float, kinds: tuple[str, ...]) -> int:
    """Columns of the legend: a row an experiment where a row holds all its means, else as many as there is room for."""
    if len(kinds) > 1:
        return len(kinds)
    return max(1, int((across - 0.6) / (0.55 + text_width(data.experiments, SMALL))))


def _legend_height(data: ReportData, across: float, kinds: tuple[str, ...]) -> float:
    return 0.15 + 0.2 * ceil(len(data.experiments) * len(kinds) / _legend_columns(data, across, kinds))


def _legend(figure: Figure, data: ReportData, kinds: tuple[str, ...]) -> None:
    """Below the axes: own and off-diagonal side by side, or experiments alone where the rows tell which mean it is."""
    series = [(experiment, kind) for kind in kinds for experiment in data.experiments]  # legends fill columns first
    handles = [Line2D([], [], **_style(data, *each)) for each in series]
    labels = [str(handle.get_label()) for handle in handles] if len(kinds) > 1 else list(data.experiments)
    across = figure.get_figwidth()
    figure.legend(
        handles, labels, ncols=_legend_columns(data, across, kinds), loc="lower left", frameon=False,
        fontsize=SMALL, bbox_to_anchor=(0.3 / across, 0.0), handlelength=2.6,
    )  # fmt: skip
