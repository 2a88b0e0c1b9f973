"""Figures of ablations: means of experiments along the axes that they differ in."""

from collections.abc import Mapping
from math import ceil
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from crossgen.config.axes import Ablation, Place
from crossgen.report.ablation_table import ordered, plain, said, title, word
from crossgen.report.curves import KINDS, THICK, error_bars, thick, thick_text
from crossgen.report.data import MEAN, SHOWN_METRICS, ReportData
from crossgen.report.estimates import Estimate
from crossgen.report.seeds import short_text
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

WIDTH, HEIGHT = 3.0, 2.3  # inches of a panel
#: Largest number of an axis by its smallest, from which it is drawn by its logarithm.
LOGARITHM = 8.0
#: Where the dots of single seeds stand, from one mark (0) to the next (1).
ASIDE = 0.35

Series = Mapping[tuple[Place, ...], Mapping[Place, str]]  # places on the other axes to place on the first to experiment


def figure(data: ReportData, name: str) -> Figure:
    """A row of panels a metric, a panel a matrix condition: along the first axis, a colour a place on the others."""
    (ablation,) = (each for each in data.ablations if each.name == name)
    series = _series(ablation)
    conditions = data.matrix_conditions
    words = [word(place) for place in ablation.places(0)]
    width = max(WIDTH, 0.3 * len(words) + 0.8)
    below = 0.55 + (0 if ablation.is_number(0) else 0.7 * text_width(words, SMALL))
    legend = [_label(data, ablation, rest, kind) for rest in series for kind in KINDS]
    columns = max(1, int((len(conditions) * (width + 0.25)) / (0.6 + text_width(legend, SMALL))))
    keys = 0.2 + 0.2 * ceil(len(legend) / columns)
    across = max(0.7 + len(conditions) * (width + 0.25), 5.2)
    down = 0.75 + len(SHOWN_METRICS) * (HEIGHT + below + 0.3) + keys
    drawn = canvas(across, down)
    seeds = ", dots: each seed" if thick_text(data) else ""
    bars = f"bars: {round(100 * data.level)} % intervals{thick_text(data)}{seeds}"
    headline(
        drawn, f"Ablation: {title(ablation)}", f"Means over train sets: {short_text(data)}; {bars}; dotted: chance"
    )
    for row, metric in enumerate(SHOWN_METRICS):
        bottom = _bottom(data, ablation, metric)
        for column, condition in enumerate(conditions):
            top = 0.9 + row * (HEIGHT + below + 0.3)
            axes = inches(drawn, 0.6 + column * (width + 0.25), top, width, HEIGHT)
            _panel(axes, data, ablation, (condition, metric))
            axes.set_ylim(bottom, 102)
            axes.tick_params(labelleft=column == 0)
            axes.set_ylabel(f"{data.title(metric)} (%)" if column == 0 else "", size=LABEL)
            axes.set_title(condition, size=PANEL, weight="bold", loc="left")
    handles = [Line2D([], [], **_style(place, kind)) for place in range(len(series)) for kind in KINDS]
    drawn.legend(
        handles, legend, ncols=columns, loc="lower left", frameon=False, fontsize=SMALL,
        bbox_to_anchor=(0.3 / across, 0.0), handlelength=2.6,
    )  # fmt: skip
    return drawn


def _series(ablation: Ablation) -> Series:
    found: dict[tuple[Place, ...], dict[Place, str]] = {}
    ranks = {name: rank for rank, (_, name) in enumerate(ordered(ablation))}
    for experiment, point in sorted(ablation.points.items(), key=lambda item: ranks[item[0]]):
        found.setdefault(point[1:], {})[point[0]] = experiment
    return found


def _label(data: ReportData, ablation: Ablation, rest: tuple[Place, ...], kind: str) -> str:
    others = said(ablation.axes[1:], rest)
    return f"{others}, {data.title(kind)}" if others else data.title(kind)


def _panel(axes: Axes, data: ReportData, ablation: Ablation, what: tuple[str, str]) -> None:
    series = _series(ablation)
    scaled = ablation.is_number(0)
    order: dict[Place, Any] = {place: place if scaled else rank for rank, place in enumerate(ablation.places(0))}
    ends = (min(order.values()), max(order.values()))
    logarithmic = scaled and ends[0] > 0 and ends[1] / ends[0] >= LOGARITHM
    dodge = np.linspace(-1, 1, 2 * len(series))
    lines = [(rest, kind) for rest in series for kind in KINDS]
    for index, (rest, kind) in enumerate(lines):
        cells = [data.cell(name, MEAN, kind, *what) for name in series[rest].values()]
        places = [_beside(order[place], dodge[index], ends, (scaled, logarithmic)) for place in series[rest]]
        style = _style(list(series).index(rest), kind) | ({} if scaled else {"linestyle": "none"})
        axes.errorbar(places, [100 * cell.value for cell in cells], yerr=error_bars(cells), elinewidth=0.9, **style)
        aside = dodge[index] + ASIDE * (dodge[1] - dodge[0])
        for x, place, cell in zip(places, series[rest], cells, strict=True):
            if cell.has_sd:
                axes.plot([x, x], thick(cell), color=style["color"], linewidth=THICK, solid_capstyle="butt", alpha=0.55)
                _dots(axes, _beside(order[place], aside, ends, (scaled, logarithmic)), cell, style["color"])
    axes.axhline(50, color=MUTED, linewidth=0.8, linestyle=":", zorder=0)
    if logarithmic:
        axes.set_xscale("log")
        axes.minorticks_off()
    words = [word(place) for place in order]
    turned: dict[str, Any] = {} if scaled else {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(list(order.values()), words, **turned)
    if not scaled:
        axes.set_xlim(-0.5, len(words) - 0.5)
    axes.set_xlabel(plain(ablation.axes[0]), size=LABEL)
    axes.grid(axis="y", color="#e3e3e3", linewidth=0.6)
    plain_axes(axes)


def _dots(axes: Axes, place: float, cell: Estimate, colour: str) -> None:
    """A dot for each training seed."""
    values = [100 * value for _, value in cell.by_seed]
    axes.plot([place] * len(values), values, ".", color=colour, markersize=2.6, alpha=0.8)


def _beside(place: float, dodge: float, ends: tuple[float, float], scale: tuple[bool, bool]) -> float:
    """A place moved aside by `dodge` (-1 to 1), so that bars do not hide one another: a hundredth of the axis."""
    scaled, logarithmic = scale
    if logarithmic:
        return float(place * (ends[1] / ends[0]) ** (0.01 * dodge))
    return place + dodge * (0.01 * (ends[1] - ends[0]) if scaled else 0.12)


def _style(place: int, kind: str) -> dict[str, Any]:
    colour, marker = look(place)
    line, fill = KINDS[kind]
    return {
        "color": colour, "linestyle": line, "marker": marker, "markersize": 4.2, "fillstyle": fill, "linewidth": 1.2,
        "markerfacecolor": colour if fill == "full" else "white",
    }  # fmt: skip


def _bottom(data: ReportData, ablation: Ablation, metric: str) -> float:
    """A common floor of a row of panels: below chance, and below every interval."""
    cells = [
        data.cell(name, MEAN, kind, condition, metric)
        for name in ablation.points
        for kind in KINDS
        for condition in data.matrix_conditions
    ]
    lows = [100 * min(cell.low if cell.has_interval else cell.value, cell.value) for cell in cells if cell.defined]
    return float(max(0, 5 * np.floor(min([47, *lows]) / 5)))
