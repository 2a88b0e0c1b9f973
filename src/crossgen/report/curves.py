"""Degradation curves: own and off-diagonal means of every experiment, family by family."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crossgen.report.data import MEAN, OFF_DIAGONAL, OWN, ReportData
from crossgen.report.estimates import Estimate
from crossgen.report.heatmaps import counts_text
from crossgen.report.style import COLOURS, LABEL, MUTED, PANEL, SMALL, canvas, headline, inches, plain_axes, text_width

STEP = 0.62  # inches between conditions
HEIGHT = 2.6
THICK = 3.2  # points of the bar of a standard deviation over seeds
KINDS = {OWN: ("-", "full"), OFF_DIAGONAL: ("--", "none")}


def degradation(data: ReportData, metric: str) -> Figure:
    """A panel a degradation, beginning at the plain condition, and one of the other conditions, not joined."""
    panels = {family: ((data.plain, *names), True) for family, names in data.families.items()}
    panels["other conditions" if panels else "no degradation"] = (data.undegraded, False)
    widths = [max(1.3, STEP * len(names)) for names, _ in panels.values()]
    step = max(STEP, 0.12 * len(data.experiments) * 2)  # room for every series' error bar
    widths = [width * step / STEP for width in widths]
    below = 0.15 + 0.7 * text_width([condition.name for condition in data.conditions], SMALL)
    legend = 0.2 * len(data.experiments) + 0.15
    figure = canvas(max(0.7 + sum(widths) + 0.25 * len(widths), 5.2), 0.95 + HEIGHT + below + legend)
    headline(figure, f"{data.title(metric)} by condition", _subtitle(data, metric))
    bottom = _bottom(data, metric)
    left = 0.6
    for index, (title, (names, joined)) in enumerate(panels.items()):
        axes = inches(figure, left, 0.9, widths[index], HEIGHT)
        _panel(axes, data, (metric, names, joined), title)
        axes.set_ylim(bottom, 102)
        axes.tick_params(labelleft=index == 0)
        left += widths[index] + 0.25
    figure.axes[0].set_ylabel(f"{data.title(metric)} (%)", size=LABEL)
    _legend(figure, figure.axes[0])
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


def _panel(axes: Axes, data: ReportData, what: tuple[str, tuple[str, ...], bool], title: str) -> None:
    metric, names, joined = what
    series = [(experiment, kind) for experiment in data.experiments for kind in KINDS]
    reach = min(0.24, 0.08 * (len(series) - 1))
    dodge = np.linspace(-reach, reach, len(series))
    for index, (experiment, kind) in enumerate(series):
        cells = [data.cell(experiment, MEAN, kind, name, metric) for name in names]
        line, fill = KINDS[kind]
        colour = COLOURS[data.experiments.index(experiment) % len(COLOURS)]
        axes.errorbar(
            np.arange(len(names)) + dodge[index], [100 * cell.value for cell in cells], yerr=error_bars(cells),
            color=colour, linestyle=line if joined else "none", marker="o", markersize=4.2, fillstyle=fill,
            markerfacecolor=colour if fill == "full" else "white",
            linewidth=1.2, elinewidth=0.9, label=f"{experiment}, {data.title(kind)}",
        )  # fmt: skip
        for x, cell in zip(np.arange(len(names)) + dodge[index], cells, strict=True):
            if cell.has_sd:
                axes.plot([x, x], thick(cell), color=colour, linewidth=THICK, solid_capstyle="butt", alpha=0.55)
    axes.axhline(50, color=MUTED, linewidth=0.8, linestyle=":", zorder=0)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_title(title, size=PANEL, weight="bold", loc="left")
    axes.grid(axis="y", color="#e3e3e3", linewidth=0.6)
    plain_axes(axes)


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


def _legend(figure: Figure, axes: Axes) -> None:
    """Below the axes, a row an experiment: own and off-diagonal side by side."""
    handles, labels = axes.get_legend_handles_labels()
    order = [*range(0, len(handles), 2), *range(1, len(handles), 2)]  # legends fill columns first
    figure.legend(
        [handles[i] for i in order], [labels[i] for i in order], ncols=2, loc="lower left", frameon=False,
        fontsize=SMALL, bbox_to_anchor=(0.3 / figure.get_figwidth(), 0.0), handlelength=2.6,
    )  # fmt: skip
