"""Learning curves: losses and ROC-AUC over the epochs of every detector of an experiment."""

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from crossgen.report.data import ReportData
from crossgen.report.style import COLOURS, LABEL, MUTED, PANEL, SMALL, canvas, headline, inches, plain_axes

WIDE, HIGH = 1.95, 1.05  # inches of a panel, the width at least
ACROSS = 4  # train sets in a row
GAP, BETWEEN = 0.16, 0.62  # inches between a train set's two panels, and between rows of them
LEFT, TOP = 0.62, 0.95
#: What is drawn of a history in each panel: column, label, colour, line.
LOSSES = (("train_loss", "training", MUTED, "--"), ("val_loss", "validation", "#000000", "-"))
AREAS = (("val_roc_auc", "validation", "#000000", "-"),)
#: Of the train sets that are watched; black is the detector's own.
WATCHED = tuple(colour for colour in COLOURS if colour != "#000000")


def learning(data: ReportData, experiment: str) -> Figure:
    """Two panels a train set, a line a seed: losses, and ROC-AUC of validation images with those that are watched."""
    histories = data.histories[data.histories["experiment"] == experiment]
    watched = data.watched[data.watched["experiment"] == experiment]
    present = set(histories["trained_on"])
    names = [name for name in data.train_sets if name in present]
    rows, columns = ceil(len(names) / ACROSS), min(len(names), ACROSS)
    entries = 2 + watched["train_set"].nunique()
    below = 0.5 + 0.2 * ceil(entries / (2 * columns))
    down = TOP + rows * (2 * HIGH + GAP) + (rows - 1) * BETWEEN + below
    wide = max(WIDE, 5.0 / columns - 0.25)
    figure = canvas(LEFT + columns * (wide + 0.25), down)
    headline(figure, f"How {experiment} was learned", _subtitle(watched))
    limits = _limits(histories, watched)
    for index, name in enumerate(names):
        left = LEFT + index % ACROSS * (wide + 0.25)
        top = TOP + index // ACROSS * (2 * HIGH + GAP + BETWEEN)
        upper = inches(figure, left, top, wide, HIGH)
        lower = inches(figure, left, top + HIGH + GAP, wide, HIGH)
        _pair(upper, lower, histories[histories["trained_on"] == name], watched[watched["trained_on"] == name], data)
        upper.set(title="", ylim=limits[0])
        upper.set_title(name, size=PANEL, weight="bold", loc="left")
        lower.set(ylim=limits[1])
        for axes, label in ((upper, "loss"), (lower, "ROC-AUC (%)")):
            axes.tick_params(labelleft=index % ACROSS == 0)
            axes.set_ylabel(label if index % ACROSS == 0 else "", size=LABEL)
        lower.set_xlabel("epoch, from 0", size=SMALL)
    _legend(figure, columns, data.train_sets)
    return figure


def _subtitle(watched: pd.DataFrame) -> str:
    told = "Black: validation images of the own train set; ring: the epoch kept"
    return told if watched.empty else f"{told}.\nThin: those of other train sets, for the eye: never used to choose"


def _limits(histories: pd.DataFrame, watched: pd.DataFrame) -> tuple[tuple[float, float], tuple[float, float]]:
    """Common bounds of the losses, a rare outlier left out, and of the areas in percent."""
    losses = histories[[column for column, *_ in LOSSES]].to_numpy(float)
    areas = np.concatenate([histories["val_roc_auc"].to_numpy(float), watched["roc_auc"].to_numpy(float)])
    losses, areas = losses[np.isfinite(losses)], areas[np.isfinite(areas)]
    highest = float(np.quantile(losses, 0.99)) if len(losses) else 1.0
    lowest = 100 * float(areas.min()) if len(areas) else 50.0
    return (0.0, 1.08 * highest), (float(min(47, 5 * np.floor(lowest / 5))), 102.0)


def _pair(upper: Axes, lower: Axes, histories: pd.DataFrame, watched: pd.DataFrame, data: ReportData) -> None:
    for (train_set, _), rows in watched.groupby(["train_set", "seed"], sort=True):
        index = data.train_sets.index(str(train_set))
        style = ("-", "--", ":")[index // len(WATCHED) % 3]
        told: dict[str, Any] = {
            "color": WATCHED[index % len(WATCHED)],
            "linestyle": style,
            "linewidth": 0.7,
            "label": str(train_set),
        }
        lower.plot(rows["epoch"], 100 * rows["roc_auc"], marker=".", markersize=2, zorder=3, **told)
    for _, rows in histories.groupby("seed", sort=True):
        for axes, lines, factor in ((upper, LOSSES, 1), (lower, AREAS, 100)):
            _lines(axes, rows, lines, factor)
    lower.axhline(50, color=MUTED, linewidth=0.8, linestyle=":", zorder=0)
    last = max(1, int(histories["epoch"].max()))
    for axes in (upper, lower):
        axes.set_xlim(-0.04 * last, 1.04 * last)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
        axes.grid(axis="y", color="#e3e3e3", linewidth=0.6)
        plain_axes(axes)
    upper.tick_params(labelbottom=False)


def _lines(axes: Axes, rows: pd.DataFrame, lines: tuple[tuple[str, str, str, str], ...], factor: int) -> None:
    kept = rows["kept"].astype(bool)
    for column, label, colour, style in lines:
        there = np.isfinite(rows[column].astype(float))  # not every epoch is validated
        told: dict[str, Any] = {"color": colour, "linestyle": style, "linewidth": 1.2, "label": label}
        marker = "." if there.sum() < 12 else ""
        axes.plot(rows["epoch"][there], factor * rows[column][there], marker=marker, markersize=3.5, **told)
        if label == "validation":
            axes.plot(
                rows["epoch"][kept], factor * rows[column][kept], marker="o", markersize=5.5, fillstyle="none",
                color=colour, markeredgewidth=0.9, linestyle="none",
            )  # fmt: skip


def _legend(figure: Figure, columns: int, train_sets: Sequence[str]) -> None:
    drawn: dict[str, Artist] = {}
    for axes in figure.axes:
        handles, labels = axes.get_legend_handles_labels()
        drawn |= dict(zip(labels, handles, strict=True))
    named = [name for name in ("training", "validation", *train_sets) if name in drawn]
    figure.legend(
        [drawn[name] for name in named], named, ncols=max(2, 2 * columns), loc="lower left", frameon=False,
        fontsize=SMALL, bbox_to_anchor=(0.3 / figure.get_figwidth(), 0.0), handlelength=2.2, columnspacing=1.2,
    )  # fmt: skip
