"""Reliability diagrams: of the images that a detector gives some P(fake), how many are fakes."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crossgen.report.data import ReportData
from crossgen.report.style import COLOURS, LABEL, MUTED, PANEL, SMALL, canvas, headline, inches, plain_axes

SIDE, STRIP = 2.9, 0.5  # inches of a diagram, and of the masses below it
LEFT, TOP, GAP = 0.62, 1.05, 0.12
#: Rule -> title of its panel.
PANELS = {"fixed": "as it is", "temperature": "after temperature scaling"}
BINS = 15
NAMES = 4  # of train sets in a row of the legend
LEAST = 0.02  # of a train set's images that a bin must hold to be drawn: shares of a few images say nothing
#: Of the train sets; black is all of them.
THIN = tuple(colour for colour in COLOURS if colour != "#000000")


def reliability(data: ReportData, experiment: str) -> Figure:
    """Two panels, before and after the temperature: a thin line a train set, a thick one for all; masses below."""
    rows, which = _rows(data, experiment)
    trains = [name for name in data.train_sets if name in set(rows["train_set"])]
    below = 0.62 + 0.2 * -(-(len(trains) + 1) // NAMES)
    figure = canvas(LEFT + 2 * (SIDE + 0.3), TOP + SIDE + GAP + STRIP + below)
    subtitle = (
        f"Test images of {which}, {data.plain}; reals and fakes weigh the same. On the dotted line\nP(fake) is the"
        f" share of fakes. Thin: a train set, where a bin holds {LEAST:.0%} of its images or more".replace("%", " %")
    )
    headline(figure, f"Is {experiment} as sure as it is right?", subtitle)
    for place, (rule, title) in enumerate(PANELS.items()):
        upper = inches(figure, LEFT + place * (SIDE + 0.3), TOP, SIDE, SIDE)
        lower = inches(figure, LEFT + place * (SIDE + 0.3), TOP + SIDE + GAP, SIDE, STRIP)
        mine = rows[rows["rule"] == rule]
        upper.set_title(title, size=PANEL, weight="bold", loc="left")
        _panel(upper, lower, mine, data)
        missing = len(trains) - mine["train_set"].nunique()
        if missing:
            text = f"{missing} of {len(trains)} train sets\nhave no temperature"
            upper.text(98, 3, text, ha="right", va="bottom", size=SMALL, color=MUTED)
        for axes, label in ((upper, "fakes among them (%)"), (lower, "images (%)")):
            axes.tick_params(labelleft=not place)
            axes.set_ylabel("" if place else label, size=LABEL)
            axes.yaxis.set_label_coords(-0.13, 0.5)
    highest = max(axes.get_ylim()[1] for axes in figure.axes[1::2])
    for axes in figure.axes[1::2]:
        axes.set_ylim(0, highest)
    _legend(figure)
    return figure


def _rows(data: ReportData, experiment: str) -> tuple[pd.DataFrame, str]:
    """Bins under the plain condition, on generators that a detector did not learn from; without such on its own."""
    frame = data.reliability
    rows = frame[(frame["experiment"] == experiment) & (frame["condition"] == data.plain)]
    rows = rows[rows["test_generator"].isin(data.seen)]
    learned = {(train, test) for train in data.train_sets for test in data.own_of(train)}
    other = rows[[pair not in learned for pair in zip(rows["train_set"], rows["test_generator"], strict=True)]]
    return (other, "other generators than the own") if len(other) else (rows, "the own generator")


def pooled(rows: pd.DataFrame) -> pd.DataFrame:
    """Bins of several cells as one, each cell of the same weight: index bin; mass (sums to 1), score, fakes."""
    told = rows[rows["mass"] > 0]
    sums = pd.DataFrame({name: told["mass"] * told[name] for name in ("score", "fakes")}).assign(mass=told["mass"])
    summed = sums.groupby(told["bin"]).sum()
    shares = summed[["score", "fakes"]].div(summed["mass"], axis=0)
    return shares.assign(mass=summed["mass"] / summed["mass"].sum())


def _panel(upper: Axes, lower: Axes, rows: pd.DataFrame, data: ReportData) -> None:
    upper.plot([0, 100], [0, 100], color=MUTED, linewidth=0.8, linestyle=":", zorder=0)
    for train_set, mine in rows.groupby("train_set", sort=False):
        index = data.train_sets.index(str(train_set))
        bins = pooled(mine).reindex(range(BINS))
        bins = bins.where(bins["mass"] >= LEAST)
        upper.plot(
            100 * bins["score"], 100 * bins["fakes"], color=THIN[index % len(THIN)], linewidth=0.8, marker=".",
            markersize=3, linestyle=("-", "--", ":")[index // len(THIN) % 3], label=str(train_set),
        )  # fmt: skip
    if len(rows):
        bins = pooled(rows)
        upper.plot(100 * bins["score"], 100 * bins["fakes"], color="#000000", linewidth=2.2, label="all together")
        edges = (np.asarray(bins.index, np.float64) + 0.5) * 100 / BINS
        lower.bar(edges, 100 * bins["mass"], width=0.86 * 100 / BINS, color=MUTED, alpha=0.55)
    for axes in (upper, lower):
        axes.set_xlim(-2, 102)
        axes.grid(color="#e3e3e3", linewidth=0.6)
        plain_axes(axes)
    upper.set(ylim=(-2, 102))
    upper.tick_params(labelbottom=False)
    lower.set_ylim(bottom=0)
    lower.set_xlabel("P(fake) (%)", size=SMALL)


def _legend(figure: Figure) -> None:
    handles, labels = figure.axes[0].get_legend_handles_labels()
    if handles:
        figure.legend(
            handles, labels, ncols=NAMES, loc="lower left", frameon=False, fontsize=SMALL,
            bbox_to_anchor=(0.3 / figure.get_figwidth(), 0.0), handlelength=2.2, columnspacing=1.2,
        )  # fmt: skip
