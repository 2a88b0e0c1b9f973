"""Published tables as heat maps: what the field knows, before anything is trained."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from crossgen.literature.reading import PublishedTable
from crossgen.report.printing import GAP, minus
from crossgen.report.style import LABEL, MUTED, PANEL, SMALL, TITLE, canvas, inches, text_width

WIDE, HIGH = 0.52, 0.3  # inches of a cell
TURNED = 0.72  # of a text's length, what it takes downwards at 45 degrees
LINE = 0.17  # inches of a line of the headline
KEY = 0.75  # inches below for the colour bars
BAR = 2.4  # inches across of one


@dataclass(frozen=True)
class Colours:
    """Of cells; `signed` where every number is a difference in points."""

    palette: Colormap
    limit: Normalize
    signed: bool
    label: str


@dataclass(frozen=True)
class Panel:
    """One heat map: values in percent or points; which of them are differences, printed in grey italics, outlined."""

    name: str
    values: pd.DataFrame
    differences: pd.DataFrame
    colours: Colours
    muted: pd.DataFrame | None = None
    outlined: pd.DataFrame | None = None


def heat_map(table: PublishedTable) -> Figure:
    """Every panel of a published table below the other; numbers to a tenth, in percent or, signed, in points.

    Hatched cells were not published. The colour scale of shares runs from 0 to 100 in every figure; a difference among
    shares has no colour.
    """
    differences = table.panels("difference")
    metrics = [name.replace("_", " ") for name in dict.fromkeys(table.numbers["metric"])]
    signed = bool(table.numbers["difference"].all())
    colours = points(table.numbers["value"]) if signed else shares(f"{metrics[0]} (%)" if metrics[1:] == [] else "%")
    panels = [Panel(name, panel, differences[name], colours) for name, panel in table.panels().items()]
    gaps = any(panel.values.isna().any(axis=None) for panel in panels)
    return stacked((table.entry.title, _origin(table)), panels, ["hatched: not published"] if gaps else [])


def shares(label: str) -> Colours:
    """Percent, from 0 to 100."""
    return Colours(colormaps["viridis"], Normalize(0, 100), signed=False, label=label)


def points(values: pd.Series) -> Colours:
    """Differences in points, as far as the largest on both sides of 0."""
    limit = 5 * np.ceil(max(1.0, values.abs().max()) / 5)
    return Colours(colormaps["PuOr_r"], Normalize(-limit, limit), signed=True, label="points")


def stacked(words: tuple[str, str], panels: Sequence[Panel], marks: Sequence[str]) -> Figure:
    """Heat maps below one another under a title and a line of words; `marks` explain what is beside the colour bars."""
    left = 0.3 + text_width([row for panel in panels for row in panel.values.index])
    below = 0.2 + TURNED * text_width([name for panel in panels for name in panel.values.columns])
    scales = list({panel.colours.label: panel.colours for panel in panels}.values())
    least = 0.4 + BAR * len(scales) + text_width(marks, SMALL)
    width = max(left + WIDE * max(panel.values.shape[1] for panel in panels) + 0.4, least, 5.6)
    title, more = textwrap.wrap(words[0], int(width * 10.5)), textwrap.wrap(words[1], int(width * 15))
    top = 0.35 + LINE * (len(title) + len(more))
    figure = canvas(width, top + sum(0.3 + HIGH * len(panel.values) + below for panel in panels) + KEY)
    _headline(figure, title, more)
    for panel in panels:
        axes = inches(figure, left, top + 0.3, WIDE * panel.values.shape[1], HIGH * len(panel.values))
        _draw(axes, panel)
        axes.set_title(panel.name, size=PANEL, weight="bold", loc="left", pad=4)
        top += 0.3 + HIGH * len(panel.values) + below
    _keys(figure, scales, marks)
    return figure


def _origin(table: PublishedTable) -> str:
    if len(table.sources) > 2:
        return f"{len(table.sources)} sources: crossgen published {table.entry.name}"
    return "; ".join(source.citation for source in table.sources)


def _headline(figure: Figure, title: list[str], words: list[str]) -> None:
    across, down = figure.get_size_inches()
    figure.text(0.12 / across, 1 - 0.12 / down, "\n".join(title), size=TITLE, weight="bold", va="top")
    lower = 0.18 + LINE * len(title)
    figure.text(0.12 / across, 1 - lower / down, "\n".join(words), size=SMALL, color=MUTED, va="top")


def _draw(axes: Axes, panel: Panel) -> None:
    values = panel.values
    for place, value in np.ndenumerate(values.to_numpy(float)):
        difference = panel.differences.iloc[place] is True or panel.differences.iloc[place] == np.True_
        muted = panel.muted is not None and bool(panel.muted.iloc[place])
        _cell(axes, place[::-1], float(value), (difference, muted), panel.colours)
        if panel.outlined is not None and bool(panel.outlined.iloc[place]):
            corner = (place[1] + 0.04, place[0] + 0.06)
            axes.add_patch(Rectangle(corner, 0.92, 0.88, fill=False, edgecolor="black", linewidth=1.4))
    axes.set(xlim=(0, values.shape[1]), ylim=(len(values), 0))
    axes.set_xticks(np.arange(values.shape[1]) + 0.6, list(values.columns))
    axes.set_yticks(np.arange(len(values)) + 0.5, list(values.index))
    axes.tick_params(length=0, labelsize=LABEL, pad=2)
    for label in axes.get_xticklabels():
        label.set(rotation=45, ha="right", va="top", rotation_mode="anchor")
    axes.spines[:].set_visible(False)


def _cell(axes: Axes, corner: tuple[int, ...], value: float, kind: tuple[bool, bool], colours: Colours) -> None:
    """`kind`: is it a difference, is it muted?"""
    x, y = corner
    difference, muted = kind
    face, hatch = colours.palette(colours.limit(value)), ""
    if np.isnan(value):
        face, hatch = (0.93, 0.93, 0.93, 1.0), "////"
    elif difference and not colours.signed:
        face = (1.0, 1.0, 1.0, 1.0)
    axes.add_patch(Rectangle((x, y), 1, 1, facecolor=face, edgecolor="white", hatch=hatch, linewidth=0.8))
    text = GAP if np.isnan(value) else minus(f"{value:+.1f}") if difference else f"{value:.1f}"
    dark = 0.299 * face[0] + 0.587 * face[1] + 0.114 * face[2] < 0.5
    ink = ("#d6d6d6" if dark else "#6b6b6b") if muted else "white" if dark else "black"
    style = "italic" if muted else "normal"
    axes.text(x + 0.5, y + 0.5, text, size=LABEL, color=ink, style=style, ha="center", va="center_baseline")


def _keys(figure: Figure, scales: Sequence[Colours], marks: Sequence[str]) -> None:
    across, down = figure.get_size_inches()
    for place, colours in enumerate(scales):
        axes = inches(figure, 0.25 + BAR * place, down - 0.5, 2.0, 0.1)
        bar = figure.colorbar(ScalarMappable(colours.limit, colours.palette), cax=axes, orientation="horizontal")
        bar.set_label(colours.label, size=SMALL, labelpad=2)
        bar.outline.set_visible(False)
        axes.tick_params(length=2, labelsize=SMALL, pad=1)
    left = (0.2 + BAR * len(scales)) / across
    figure.text(left, 0.58 / down, "\n".join(marks), size=SMALL, color=MUTED, va="top", linespacing=1.4)
