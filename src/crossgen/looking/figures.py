"""Figures of what a detector looks at: maps, the plane of its features, drift under JPEG."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from crossgen.looking.maps import Maps
from crossgen.report import style

#: Purple speaks for real, orange for fake, white for neither.
MAP_COLOURS = "PuOr_r"


def draw_maps(
    captions: Sequence[str], maps: Maps, crops: npt.NDArray[np.uint8] | None, title: str, subtitle: str
) -> Figure:
    """Maps [n, h, w] with captions, four a row, each beside its crop [n, h, w, 3] where crops may be shown."""
    wide, across = (1.3 if crops is None else 2.6), 4
    down = -(-len(captions) // across)
    figure = style.canvas(0.2 + across * (wide + 0.15), 0.75 + down * 1.75)
    style.headline(figure, title, subtitle)
    for place, caption in enumerate(captions):
        left, top = 0.15 + place % across * (wide + 0.15), 0.75 + place // across * 1.75
        axes = [style.inches(figure, left + wide - 1.3, top + 0.3, 1.27, 1.27)]
        axes[0].imshow(maps[place], cmap=MAP_COLOURS, vmin=-1, vmax=1)
        if crops is not None:
            axes.append(style.inches(figure, left, top + 0.3, 1.27, 1.27))
            axes[1].imshow(crops[place])
        for each in axes:
            each.set_xticks([])
            each.set_yticks([])
        axes[-1].set_title(caption, size=style.SMALL, loc="left", pad=3)
    return figure


def draw_plane(
    points: npt.NDArray[np.float64], pools: npt.NDArray[np.object_], labels: npt.NDArray[np.int64], title: str, sub: str
) -> Figure:
    """Coordinates [n, 2], coloured and marked by pool; reals are hollow."""
    figure = style.canvas(6.4, 4.4)
    style.headline(figure, title, sub)
    axes = style.inches(figure, 0.2, 0.7, 4.4, 3.5)
    for place, pool in enumerate(dict.fromkeys(pools.tolist())):
        rows = pools == pool
        colour, marker = style.look(place)
        real = labels[rows][0] == 0
        axes.scatter(
            points[rows, 0],
            points[rows, 1],
            s=13,
            marker=marker,
            linewidths=0.7,
            alpha=0.8,
            facecolors="none" if real else colour,
            edgecolors=colour,
            label=f"{pool} ({'real' if real else 'fake'})",
        )
    style.plain_axes(axes)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=style.SMALL)
    return figure


def draw_drift(rows: Sequence[dict[str, Any]], title: str, subtitle: str) -> Figure:
    """Drift in distances by quality with intervals; rows of the drift table."""
    figure = style.canvas(5.0, 3.6)
    style.headline(figure, title, subtitle)
    axes = style.inches(figure, 0.65, 0.75, 4.1, 2.35)
    for label, (name, colour) in enumerate((("reals", style.REAL), ("fakes", style.FAKE))):
        found = sorted((r["quality"], r) for r in rows if r["measure"] == "distance" and r["label"] == label)
        x, values = [quality for quality, _ in found], np.array([r["value"] for _, r in found])
        limits = np.abs(np.array([[r["low"], r["high"]] for _, r in found]).T - values)
        axes.errorbar(x, values, limits, color=colour, marker=style.MARKERS[label], ms=4, lw=1.2, capsize=2, label=name)
    axes.axhline(1, color=style.MUTED, lw=0.7, ls="--")
    axes.set_ylim(bottom=0)
    axes.invert_xaxis()
    axes.set_xlabel("JPEG quality")
    axes.set_ylabel("drift (fakes from reals = 1)")
    style.plain_axes(axes)
    axes.legend(frameon=False, fontsize=style.SMALL)
    return figure
