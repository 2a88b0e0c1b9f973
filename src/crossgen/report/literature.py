"""Published tables as heat maps: what the field knows, before anything is trained."""

import textwrap
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
KEY = 0.75  # inches below for the colour bar


@dataclass(frozen=True)
class Colours:
    """Of cells; `signed` where every number is a difference in points."""

    palette: Colormap
    limit: Normalize
    signed: bool
    label: str


def heat_map(table: PublishedTable) -> Figure:
    """Every panel of a published table below the other; numbers to a tenth, in percent or, signed, in points.

    Hatched cells were not published. The colour scale of shares runs from 0 to 100 in every figure; a difference among
    shares has no colour.
    """
    panels = table.panels()
    left = 0.3 + text_width([row for panel in panels.values() for row in panel.index])
    below = 0.2 + TURNED * text_width([name for panel in panels.values() for name in panel.columns])
    width = max(left + WIDE * max(panel.shape[1] for panel in panels.values()) + 0.4, 5.6)
    title, words = textwrap.wrap(table.title, int(width * 10.5)), textwrap.wrap(_origin(table), int(width * 15))
    top = 0.35 + LINE * (len(title) + len(words))
    figure = canvas(width, top + sum(0.3 + HIGH * len(panel) + below for panel in panels.values()) + KEY)
    _headline(figure, title, words)
    colours, differences = _colours(table), table.panels("difference")
    for name, panel in panels.items():
        axes = inches(figure, left, top + 0.3, WIDE * panel.shape[1], HIGH * len(panel))
        _draw(axes, panel, differences[name] == True, colours)  # noqa: E712 - NaN is no difference
        axes.set_title(name, size=PANEL, weight="bold", loc="left", pad=4)
        top += 0.3 + HIGH * len(panel) + below
    _key(figure, colours, any(panel.isna().any(axis=None) for panel in panels.values()))
    return figure


def _origin(table: PublishedTable) -> str:
    if len(table.sources) > 2:
        return f"{len(table.sources)} sources: crossgen published {table.name}"
    return "; ".join(source.citation for source in table.sources)


def _headline(figure: Figure, title: list[str], words: list[str]) -> None:
    across, down = figure.get_size_inches()
    figure.text(0.12 / across, 1 - 0.12 / down, "\n".join(title), size=TITLE, weight="bold", va="top")
    lower = 0.18 + LINE * len(title)
    figure.text(0.12 / across, 1 - lower / down, "\n".join(words), size=SMALL, color=MUTED, va="top")


def _colours(table: PublishedTable) -> Colours:
    metrics = [name.replace("_", " ") for name in dict.fromkeys(table.numbers["metric"])]
    if not table.numbers["difference"].all():
        label = f"{metrics[0]} (%)" if len(metrics) == 1 else "percent"
        return Colours(colormaps["viridis"], Normalize(0, 100), signed=False, label=label)
    limit = 5 * np.ceil(table.numbers["value"].abs().max() / 5)
    return Colours(colormaps["PuOr_r"], Normalize(-limit, limit), signed=True, label="points")


def _draw(axes: Axes, panel: pd.DataFrame, differences: pd.DataFrame, colours: Colours) -> None:
    for (y, x), value in np.ndenumerate(panel.to_numpy(float)):
        _cell(axes, (x, y), value, bool(differences.iloc[y, x]), colours)
    axes.set(xlim=(0, panel.shape[1]), ylim=(len(panel), 0))
    axes.set_xticks(np.arange(panel.shape[1]) + 0.6, list(panel.columns))
    axes.set_yticks(np.arange(len(panel)) + 0.5, list(panel.index))
    axes.tick_params(length=0, labelsize=LABEL, pad=2)
    for label in axes.get_xticklabels():
        label.set(rotation=45, ha="right", va="top", rotation_mode="anchor")
    axes.spines[:].set_visible(False)


def _cell(axes: Axes, corner: tuple[int, int], value: float, difference: bool, colours: Colours) -> None:
    face, hatch = colours.palette(colours.limit(value)), ""
    if np.isnan(value):
        face, hatch = (0.93, 0.93, 0.93, 1.0), "////"
    elif difference and not colours.signed:
        face = (1.0, 1.0, 1.0, 1.0)
    box = Rectangle(corner, 1, 1, facecolor=face, edgecolor="white", hatch=hatch, linewidth=0.8)
    axes.add_patch(box)
    text = GAP if np.isnan(value) else minus(f"{value:+.1f}") if difference else f"{value:.1f}"
    dark = 0.299 * face[0] + 0.587 * face[1] + 0.114 * face[2] < 0.5
    middle, ink = (corner[0] + 0.5, corner[1] + 0.5), "white" if dark else "black"
    axes.text(*middle, text, size=LABEL, color=ink, ha="center", va="center_baseline")


def _key(figure: Figure, colours: Colours, gaps: bool) -> None:
    axes = inches(figure, 0.25, figure.get_figheight() - 0.5, 2.1, 0.1)
    bar = figure.colorbar(ScalarMappable(colours.limit, colours.palette), cax=axes, orientation="horizontal")
    bar.set_label(colours.label, size=SMALL, labelpad=2)
    bar.outline.set_visible(False)
    axes.tick_params(length=2, labelsize=SMALL, pad=1)
    if gaps:
        place = (2.6 / figure.get_figwidth(), 0.55 / figure.get_figheight())
        figure.text(*place, "hatched: not published", size=SMALL, color=MUTED, va="top")
