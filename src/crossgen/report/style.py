"""How figures look and how they are written: one place for colours, type and bytes."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crossgen.files import write_whole

#: Okabe and Ito: told apart by colour-blind readers, too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999933")
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*")
REAL, FAKE = "#0072B2", "#D55E00"
MUTED = "#5f6368"
TITLE, PANEL, LABEL, SMALL = 10.5, 9.0, 8.0, 7.5  # points

RC = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same letters everywhere
    "font.size": LABEL,
    "axes.linewidth": 0.7,
    "axes.edgecolor": MUTED,
    "hatch.linewidth": 0.5,
    "hatch.color": "#b5b5b5",
    "svg.fonttype": "path",
    "svg.hashsalt": "crossgen",  # element ids follow from content: identical bytes on every run
}


def canvas(width: float, height: float) -> Figure:
    """A white figure of so many inches in our style (which it sets in matplotlib's rcParams), without pyplot."""
    matplotlib.rcParams.update(RC)
    return Figure(figsize=(width, height), facecolor="white")


def inches(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes placed in inches from the figure's upper left corner."""
    across, down = figure.get_size_inches()
    return figure.add_axes((left / across, 1 - (top + height) / down, width / across, height / down))


def headline(figure: Figure, title: str, subtitle: str) -> None:
    """Title and a muted second line in the upper left corner; take 0.6 inches."""
    across, down = figure.get_size_inches()
    figure.text(0.12 / across, 1 - 0.12 / down, title, size=TITLE, weight="bold", va="top")
    figure.text(0.12 / across, 1 - 0.35 / down, subtitle, size=LABEL, color=MUTED, va="top")


def plain_axes(axes: Axes) -> None:
    """No box, only a pale grid: numbers speak."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=2.5, color=MUTED, labelsize=SMALL)
    axes.set_axisbelow(True)


def text_width(texts: Sequence[str], size: float = LABEL) -> float:
    """Inches that the longest text takes, a little generously."""
    return max((len(text) for text in texts), default=0) * size * 0.62 / 72


def look(index: int) -> tuple[str, str]:
    """Colour and mark of a series; where colours begin again, the marks are others."""
    return COLOURS[index % len(COLOURS)], MARKERS[(index + index // len(COLOURS)) % len(MARKERS)]


def save(figure: Figure, stem: Path) -> tuple[Path, Path]:
    """Write `<stem>.svg` and `<stem>.png` (150 dpi), without dates or versions: the same figure, the same bytes."""
    svg, png = (stem.with_name(stem.name + suffix) for suffix in (".svg", ".png"))
    write_whole(svg, lambda part: figure.savefig(part, format="svg", metadata={"Date": None, "Creator": None}))
    write_whole(png, lambda part: figure.savefig(part, format="png", dpi=150, metadata={"Software": None}))
    return svg, png
