"""Dots with intervals: controls called fake, and what file facts alone reveal."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crossgen.report.curves import MANY, THICK, error_bars, thick, thick_text
from crossgen.report.data import MEAN, MEAN_UNSEEN, OFF_DIAGONAL, OWN, SHOWN_METRICS, ReportData
from crossgen.report.estimates import Estimate, pool
from crossgen.report.seeds import short_text
from crossgen.report.style import MUTED, PANEL, SMALL, canvas, headline, inches, look, plain_axes, text_width

WIDE = 2.6
#: Panel title to series name to row name to number.
Panels = Mapping[str, Mapping[str, Mapping[str, Estimate]]]
#: What the audit's groups of attributes are, in a few words.
PROBED = {
    "header": "file header",
    "header_and_geometry": "header and size",
    "detector_reads": "what the detector reads",
    "geometry": "size of the source image",
    "content": "bytes per pixel",
}


def controls(data: ReportData) -> Figure:
    """A panel a control: share of its images called fake by each train set's detector, a colour an experiment."""
    panels = {
        control: {
            experiment: {
                name: data.called_fake(experiment, name, control) for name in (*data.train_sets_of(experiment), MEAN)
            }
            for experiment in data.experiments
        }
        for control in data.controls
    }
    rows = (*data.train_sets, MEAN)
    cells = [cell for series in panels.values() for row in series.values() for cell in row.values()]
    n = sorted({cell.n_real + cell.n_fake for cell in cells} - {0})
    counts = f"{n[0]:,}–{n[-1]:,}" if len(n) > 1 else f"{sum(n):,}"
    bars = f"{round(100 * data.level)} % intervals{thick_text(data)}"
    subtitle = f"n per control: {counts}; {short_text(data)}; bars: {bars}; rows: trained on"
    return _figure(panels, rows, (f"Control images called fake, {data.plain}", subtitle, "called fake (%)"))


def experiments(data: ReportData) -> Figure:
    """A panel a metric: means of every experiment under the plain condition, a colour a mean."""
    kinds = (OWN, OFF_DIAGONAL, *([MEAN_UNSEEN] if data.unseen else []))
    panels = {
        data.title(metric): {
            data.title(kind): {name: data.cell(name, MEAN, kind, data.plain, metric) for name in data.experiments}
            for kind in kinds
        }
        for metric in SHOWN_METRICS
    }
    bars = f"{round(100 * data.level)} % intervals{thick_text(data)}"
    subtitle = f"Over train sets: {short_text(data)}; bars: {bars}; dotted: chance"
    figure = _figure(panels, data.experiments, (f"Experiments side by side, {data.plain}", subtitle, "%"))
    for axes in figure.axes:
        axes.axvline(50, color=MUTED, linewidth=0.8, linestyle=":", zorder=0)
    return figure


def probes(data: ReportData, subset: str) -> Figure:
    """A panel a group of attributes: balanced accuracy of a small tree on file facts, a colour a stage."""
    frame = data.probes[data.probes.subset == subset]
    panels: dict[str, dict[str, dict[str, Estimate]]] = {}
    for row in frame.to_dict("records"):
        stages = panels.setdefault(PROBED.get(row["group"], row["group"]), {})
        cell = pool([{**row, "value": row["balanced_accuracy"]}])
        stages.setdefault(row["stage"].replace("_", " "), {})[row["test_generator"]] = cell
    present = list(dict.fromkeys(frame.test_generator))
    rows = tuple(sorted(present, key=lambda name: data.generators.index(name) if name in data.generators else 10**6))
    subtitle = f"A small tree on file facts, no pictures; bars: {round(100 * data.level)} % intervals; dotted: chance"
    figure = _figure(panels, rows, (f"Real or fake without looking: {subset}", subtitle, "balanced accuracy (%)"))
    for axes in figure.axes:
        axes.axvline(50, color=MUTED, linewidth=0.8, linestyle=":", zorder=0)
    return figure


def _figure(panels: Panels, rows: tuple[str, ...], words: tuple[str, str, str]) -> Figure:
    """`words`: title, subtitle, label of the x axis."""
    names = list(dict.fromkeys(name for series in panels.values() for name in series))
    high = max(1.0, len(rows) * max(0.22, (0.12 if len(names) <= MANY else 0.1) * len(names)))
    left = 0.3 + text_width(rows, SMALL)
    across = max(left + max(1, len(panels)) * (WIDE + 0.3), 5.6)
    figure = canvas(across, 0.95 + high + 0.42 + 0.18 * len(names))
    headline(figure, *words[:2])
    for index, (title, series) in enumerate(panels.items()):
        axes = inches(figure, left + index * (WIDE + 0.3), 0.9, WIDE, high)
        _panel(axes, series, (rows, names))
        axes.set_title(title, size=PANEL, weight="bold", loc="left")
        axes.set_xlabel(words[2], size=SMALL)
        axes.tick_params(labelleft=index == 0)
    if figure.axes:
        drawn: dict[str, Artist] = {}
        for axes in figure.axes:  # a panel need not show every series
            handles, labels = axes.get_legend_handles_labels()
            drawn |= dict(zip(labels, handles, strict=True))
        named = [name for name in names if name in drawn]
        figure.legend(
            [drawn[name] for name in named], named, loc="lower left", frameon=False, fontsize=SMALL,
            bbox_to_anchor=(left / across, 0.0), borderaxespad=0.2,
        )  # fmt: skip
    return figure


def _panel(axes: Axes, series: Mapping[str, Mapping[str, Estimate]], order: tuple[Sequence[str], list[str]]) -> None:
    rows, names = order
    reach = 0.25 if len(names) <= MANY else 0.36
    dodge = np.linspace(-reach, reach, len(names)) if len(names) > 1 else [0.0]
    for name, cells in series.items():
        index = names.index(name)
        colour, marker = look(index)
        known = [(y, cells[row]) for y, row in enumerate(rows) if row in cells and cells[row].defined]
        axes.errorbar(
            [100 * cell.value for _, cell in known], [y + dodge[index] for y, _ in known],
            xerr=error_bars([cell for _, cell in known]) if known else None, linestyle="none",
            color=colour, marker=marker, markersize=4, elinewidth=0.9, label=name,
        )  # fmt: skip
        for y, cell in known:
            if cell.has_sd:
                ends = [y + dodge[index]] * 2
                axes.plot(thick(cell), ends, color=colour, linewidth=THICK, alpha=0.55)
    lost = [
        y for y, row in enumerate(rows) if not any(row in cells and cells[row].defined for cells in series.values())
    ]
    for y in lost:
        axes.text(50, y, "–", ha="center", va="center", color=MUTED)
    axes.set_yticks(range(len(rows)), rows)
    axes.set(ylim=(len(rows) - 0.4, -0.6), xlim=(-2, 102))
    axes.grid(axis="both", color="#e8e8e8", linewidth=0.6)
    plain_axes(axes)
