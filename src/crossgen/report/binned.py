"""Shares called fake by what the file is: UnbiasedGenImage's size bias, and the same by JPEG quality."""

from collections.abc import Callable
from math import ceil, isnan
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from crossgen.report.broken import Broken, broken, count, shown_condition
from crossgen.report.curves import error_bars
from crossgen.report.data import ReportData
from crossgen.report.seeds import short_text
from crossgen.report.style import (
    FAKE,
    LABEL,
    MUTED,
    PANEL,
    REAL,
    SMALL,
    canvas,
    headline,
    inches,
    plain_axes,
    text_width,
)

PER_ROW = 4
STEP, HIGH, ASIDE, ABOVE = 0.2, 1.45, 0.3, 0.32  # inches; STEP between bins
SERIES = {"tnr": ("reals", REAL, "o", -0.14), "tpr": ("fakes", FAKE, "s", 0.14)}
#: Of many images, and of few: how a mark is filled.
FILLED: dict[bool, Callable[[str], dict[str, Any]]] = {
    True: lambda colour: {"markerfacecolor": colour},
    False: lambda colour: {"markerfacecolor": "white", "alpha": 0.55},
}


def sizes(data: ReportData, experiment: str) -> Figure:
    """A panel a train set: shares of reals and of fakes called fake by their short side; a line marks S."""
    return _figure(data, experiment, ("size", "short side (px)", "Called fake by image size"))


def qualities(data: ReportData, experiment: str) -> Figure:
    """The same by the JPEG quality of the stored file."""
    return _figure(data, experiment, ("quality", "JPEG quality of the stored file", "Called fake by JPEG quality"))


def _figure(data: ReportData, experiment: str, words: tuple[str, str, str]) -> Figure:
    """`words`: what the bins are of, its label, title."""
    found = broken(data, experiment, words[0])
    names = found.train_sets
    if not names:
        return _nothing(f"{words[2]}: {experiment}")
    wide = max(1.5, STEP * len(found.bins), 0.1 + max(text_width([name], PANEL) for name in names))
    below = 0.12 + 0.75 * text_width(found.bins, SMALL)
    columns, rows = min(PER_ROW, len(names)), ceil(len(names) / PER_ROW)
    across = max(0.65 + columns * (wide + ASIDE), 6.2)
    down = 0.55 + rows * (ABOVE + HIGH + below) + 0.6
    figure = canvas(across, down)
    headline(figure, f"{words[2]}: {experiment}, {shown_condition(data)}", _subtitle(data))
    for index, name in enumerate(names):
        row, column = divmod(index, PER_ROW)
        top = 0.55 + ABOVE + row * (HIGH + below + ABOVE)
        axes = inches(figure, 0.6 + column * (wide + ASIDE), top, wide, HIGH)
        _panel(axes, data, found, name)
        axes.tick_params(labelleft=column == 0)
        if column == 0:
            axes.set_ylabel("called fake (%)", size=SMALL)
    _legend(figure, data, found, words)
    return figure


def _subtitle(data: ReportData) -> str:
    return (
        f"Panels: trained on; all seen test sets together; {short_text(data)}; bars: {data.level * 100:g} % intervals"
    )


def _nothing(title: str) -> Figure:
    figure = canvas(5.2, 0.9)
    headline(figure, title, "Nothing to show: no scores were broken down.")
    return figure


def _panel(axes: Axes, data: ReportData, found: Broken, train_set: str) -> None:
    for metric, (_, colour, marker, shift) in SERIES.items():
        cells = [(place, found.cell(metric, name, train_set)) for place, name in enumerate(found.bins)]
        for many in (True, False):
            shown = [(x, cell) for x, cell in cells if cell.defined and (count(cell) >= data.minimum) == many]
            if shown:
                axes.errorbar(
                    [x + shift for x, _ in shown], [100 * cell.value for _, cell in shown],
                    yerr=error_bars([cell for _, cell in shown]), linestyle="none", color=colour, elinewidth=0.9,
                    marker=marker, markersize=3.6, **FILLED[many](colour),
                )  # fmt: skip
    place = _place_of(found, found.sides.get(train_set, float("nan")))
    if not isnan(place):
        axes.axvline(place, color=MUTED, linewidth=0.9, linestyle="--", zorder=0)
    axes.set_xticks(range(len(found.bins)), found.bins, rotation=90, size=SMALL)
    axes.set(xlim=(-0.6, len(found.bins) - 0.4), ylim=(-4, 104))
    axes.set_title(train_set, size=PANEL, weight="bold", loc="left", pad=4)
    axes.grid(axis="y", color="#e3e3e3", linewidth=0.6)
    plain_axes(axes)


def _place_of(found: Broken, side: float) -> float:
    """Where S lies among the bins of sizes; NaN among others, and where no bin holds it."""
    if found.bins and all(isnan(low) for low in found.lower):
        return float("nan")
    for place, (low, high) in enumerate(zip(found.lower, found.upper, strict=True)):
        if low <= side < high:
            return place - 0.5 + (side - low) / (high - low)
    return float("nan")


def _legend(figure: Figure, data: ReportData, found: Broken, words: tuple[str, str, str]) -> None:
    across, down = figure.get_size_inches()
    style: dict[str, Any] = {"linestyle": "none", "markersize": 4}
    handles: list[Artist] = [
        Line2D([], [], color=colour, marker=marker, label=label, **style)
        for label, colour, marker, _ in SERIES.values()
    ]
    few = f"fewer than {data.minimum} images"
    handles.append(Line2D([], [], color=MUTED, marker="o", markerfacecolor="white", label=few, **style))
    if words[0] == "size":
        s_text = "S: median side of its training fakes"
        handles.append(Line2D([], [], color=MUTED, linestyle="--", linewidth=0.9, label=s_text))
    figure.legend(
        handles=handles, ncols=len(handles), loc="lower left", frameon=False, fontsize=SMALL,
        bbox_to_anchor=(0.4 / across, 0.0), columnspacing=1.4, handletextpad=0.5,
    )  # fmt: skip
    ends = [axes.get_position() for axes in figure.axes]
    middle = (min(end.x0 for end in ends) + max(end.x1 for end in ends)) / 2
    figure.text(middle, 0.42 / down, words[1], size=LABEL, ha="center", va="center")
