"""File facts of reals and fakes before and after selection and alignment."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crossgen.report.data import ReportData
from crossgen.report.style import FAKE, MUTED, PANEL, REAL, SMALL, canvas, headline, inches, plain_axes

FACTS = {"width": "width (px)", "height": "height (px)", "jpeg_quality": "JPEG quality", "format": "format"}
LABELS = {0: ("real", REAL, -0.2), 1: ("fake", FAKE, 0.2)}
BINS = 24
WIDE, HIGH, ASIDE, BETWEEN = 2.0, 1.25, 0.45, 0.75  # inches


def biases(data: ReportData, subset: str) -> Figure:
    """A row a stage, a column a fact: shares of reals and of fakes, on axes shared down a column."""
    stages = stages_of(data, subset)
    figure = canvas(0.55 + len(FACTS) * (WIDE + ASIDE), 0.75 + len(stages) * (HIGH + BETWEEN))
    headline(
        figure,
        f"What training files look like: subset {subset}",
        "Share of the images of each label (%), added up over train sets",
    )
    for row, (stage, frame) in enumerate(stages.items()):
        counts = ", ".join(f"{(frame.label == label).sum():,} {LABELS[label][0]}" for label in LABELS)
        for column, fact in enumerate(FACTS):
            axes = inches(figure, 0.5 + column * (WIDE + ASIDE), 0.95 + row * (HIGH + BETWEEN), WIDE, HIGH)
            _panel(axes, frame, fact, list(stages.values()))
            if column == 0:
                axes.set_title(f"{stage} ({counts})", size=PANEL, weight="bold", loc="left")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="upper right", frameon=False, ncols=2, fontsize=SMALL, bbox_to_anchor=(0.99, 0.99)
    )
    return figure


def stages_of(data: ReportData, subset: str) -> dict[str, pd.DataFrame]:
    """What there is before selection, then each stage of the subset's selections; rows repeat per train set."""
    pools = set(data.selections["pool"]) or set(data.facts["pool"])
    facts = data.facts[data.facts.split.isin(["train", "val"]) & data.facts.quarantine.isna()]
    chosen = data.selections[data.selections.subset == subset]
    after = {str(stage).replace("_", " "): frame for stage, frame in chosen.groupby("stage", sort=False)}
    return {"before selection": facts[facts.pool.isin(pools)], **after}


def _panel(axes: Axes, frame: pd.DataFrame, fact: str, stages: list[pd.DataFrame]) -> None:
    every = pd.concat([stage[fact] for stage in stages])
    draw = _categories if fact == "format" else _numbers
    draw(axes, frame, fact, every)
    axes.set_xlabel(FACTS[fact], size=SMALL, labelpad=1)
    axes.set_ylim(0, None)
    axes.margins(y=0.08)
    plain_axes(axes)


def _categories(axes: Axes, frame: pd.DataFrame, fact: str, every: "pd.Series[str]") -> None:
    names = sorted(every.dropna().unique())
    for label, (title, colour, shift) in LABELS.items():
        shares = frame[frame.label == label][fact].value_counts(normalize=True)
        heights = [100 * shares.get(name, 0.0) for name in names]
        axes.bar(np.arange(len(names)) + shift, heights, 0.4, color=colour, label=title)
    axes.set_xticks(range(len(names)), names)
    axes.set_xlim(-0.6, len(names) - 0.4)


def _numbers(axes: Axes, frame: pd.DataFrame, fact: str, every: "pd.Series[float]") -> None:
    """Outlined histograms; images without the fact (a PNG has no JPEG quality) stand apart as `none`."""
    edges = edges_of(every.dropna().to_numpy(dtype=float), 1 if fact == "jpeg_quality" else 0)
    none = edges[0] - 0.22 * (edges[-1] - edges[0])
    apart = 0.03 * (edges[-1] - edges[0])
    for label, (title, colour, shift) in LABELS.items():
        values = frame[frame.label == label][fact].to_numpy(dtype=float)
        known = np.clip(values[~np.isnan(values)], edges[0], edges[-1])
        shares = 100 * np.histogram(known, edges)[0] / max(1, len(values))
        axes.stairs(shares, edges, fill=True, color=colour, alpha=0.35, label=title)
        axes.stairs(shares, edges, color=colour, linewidth=0.9)
        if every.isna().any():
            share = 100 * np.isnan(values).mean() if len(values) else 0.0
            axes.bar(none + 5 * shift * apart, share, 2 * apart, color=colour)
    _ticks(axes, edges, none if every.isna().any() else None)


def edges_of(values: np.ndarray, step: float) -> np.ndarray:
    """Bins over what is there; the rare giants of a web crawl join the last bin."""
    if not len(values):
        return np.array([0.0, 1.0])
    low, high = np.floor(values.min()), np.ceil(np.percentile(values, 99.5))
    step = step or max(1.0, np.ceil((high - low) / BINS))
    return np.arange(low - 0.5, high + 0.5 + step, step)


def _ticks(axes: Axes, edges: np.ndarray, none: float | None) -> None:
    low, high = edges[0] + 0.5, edges[-1] - 0.5
    if none is None:
        axes.set_xlim(edges[0] - 0.05 * (edges[-1] - edges[0]), edges[-1] + 0.05 * (edges[-1] - edges[0]))
        return
    middle = round((low + high) / 2)
    marks = sorted({round(low), middle, round(high)}) if high - low > 4 else [round(high)]
    axes.set_xticks([none, *marks], ["none", *map(str, marks)])
    axes.axvline((none + edges[0]) / 2, color=MUTED, linewidth=0.5, linestyle=":")
