"""Figures of spectra: average spectra, radial power, block edges, combs and autocorrelation, a panel a pool."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, SymLogNorm
from matplotlib.figure import Figure

from crossgen.intervals import Estimate
from crossgen.report.data import ReportData
from crossgen.report.spectra import average, images_of, options, peaks_of, pools, real_of
from crossgen.report.style import FAKE, LABEL, MUTED, PANEL, REAL, SMALL, canvas, headline, inches, plain_axes
from crossgen.spectra.averages import BAND, BANDS
from crossgen.spectra.comb import QUALITIES
from crossgen.spectra.comparing import column, difference

PER_ROW = 7
LEFT, TOP, RIGHT, BELOW = 0.5, 0.75, 0.75, 0.25
#: Share of the values that colours run over: single frequencies may stand far above all others.
SHOWN = (0.5, 99.8)
LAGS = 16  # pixels of the autocorrelation that are drawn, each way
ORDERS = {
    "mean_then_fft": "Mean of the residuals, then Fourier: what stands in the same place in every image",
    "log_then_mean": "Mean of each residual's own spectrum: what repeats in an image, wherever it begins",
}

REPEATS = {
    "autocorrelation": "Autocorrelation of the residuals, every image with the same weight",
    "repetition": "The same of single frequencies that stand out of those around: what repeats",
}


@dataclass(frozen=True)
class Grid:
    """Panels in rows of at most PER_ROW, of `side` inches with gaps, `top` inches from the figure's top."""

    side: float
    wide: float
    high: float

    def height(self, n: int) -> float:
        """Inches that n panels take."""
        return self.high * -(-n // PER_ROW)

    def panels(self, figure: Figure, names: Sequence[str], top: float) -> Iterator[tuple[str, Axes, bool, bool]]:
        """(name, axes, whether leftmost, whether lowest of its column)."""
        for place, name in enumerate(names):
            row, across = divmod(place, PER_ROW)
            axes = inches(figure, LEFT + across * self.wide, top + row * self.high, self.side, self.side)
            yield name, axes, across == 0, place + PER_ROW >= len(names)


def _canvas(grid: Grid, n: int, blocks: int = 1, between: float = 0.0) -> Figure:
    wide = LEFT + min(PER_ROW, max(n, 4)) * grid.wide + RIGHT
    return canvas(wide, TOP + blocks * (grid.height(n) + between) + BELOW)


def _title(axes: Axes, data: ReportData, pool: str) -> None:
    rows = data.spectra[data.spectra["pool"] == pool].iloc[0]
    axes.set_title(pool, size=LABEL, loc="left", pad=3, color=FAKE if rows["label"] else REAL)
    if not rows["n"]:
        axes.text(0.5, 0.5, "no image\nlarge enough", size=SMALL, color=MUTED, ha="center", transform=axes.transAxes)


def _about(data: ReportData) -> str:
    told, counts = options(data), data.spectra.drop_duplicates("pool")["n"]
    some = f"{counts.min():,}" if counts.min() == counts.max() else f"{counts.min():,} to {counts.max():,}"
    taken = {"none": "mean taken away", "median_5": "median of 5 x 5 taken away"}
    residual = taken.get(told["residual"], f"residual {told['residual']}")
    return (
        f"{some} images a pool ({', '.join(told['splits'])}), squares of {told['side']} pixels, {residual}; blue: reals"
    )


def _colours(figure: Figure, place: tuple[float, float], scale: ScalarMappable, label: str) -> None:
    """A colour bar of 1.2 inches at inches from the left and from the top."""
    bar = figure.colorbar(scale, cax=inches(figure, *place, 0.1, 1.2))
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=SMALL, length=2)
    bar.set_label(label, size=SMALL)


def _images(figure: Figure, data: ReportData, told: tuple[Grid, str, float], scale: ScalarMappable, label: str) -> None:
    """A block of pictures of one kind, all in the same colours."""
    grid, kind, top = told
    for name, axes, _, _ in grid.panels(figure, pools(data), top):
        _title(axes, data, name)
        values = _cut(average(data, name, kind), kind)
        if values.size:
            shown = axes.imshow(values, cmap=scale.cmap, interpolation="none")
            shown.set_norm(scale.norm)
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set_visible(False)
    _colours(figure, (figure.get_figwidth() - RIGHT + 0.02, top), scale, label)


def _cut(values: np.ndarray, kind: str) -> np.ndarray:
    """Of an autocorrelation its middle."""
    if kind not in REPEATS or not values.size:
        return values
    middle = len(values) // 2
    return values[middle - LAGS : middle + LAGS + 1, middle - LAGS : middle + LAGS + 1]


def _heading(figure: Figure, grid: Grid, n: int, place: int, text: str) -> float:
    """Write the heading of a block of n panels; where its panels begin, in inches from the top."""
    top = TOP + place * (grid.height(n) + 0.35) + 0.3
    figure.text(LEFT / figure.get_figwidth(), 1 - (top - 0.27) / figure.get_figheight(), text, size=PANEL)
    return top


def averages(data: ReportData) -> Figure:
    """Average spectra of all pools, in both orders, each order in colours of its own."""
    names, grid = pools(data), Grid(1.05, 1.15, 1.3)
    figure = _canvas(grid, len(names), 2, 0.35)
    headline(figure, "Average spectra of residuals", f"{_about(data)}; frequency zero in the middle")
    for place, (kind, text) in enumerate(ORDERS.items()):
        top = _heading(figure, grid, len(names), place, text)
        every = np.concatenate([average(data, name, kind).ravel() for name in names])
        low, high = np.percentile(every, SHOWN) if every.size else (0, 1)
        _images(figure, data, (grid, kind, top), ScalarMappable(Normalize(low, high), "magma"), "power (dB)")
    return figure


def autocorrelation(data: ReportData) -> Figure:
    """The middle of each pool's autocorrelation, one scale of colours; found periods are ringed."""
    names, grid = pools(data), Grid(1.05, 1.15, 1.3)
    figure = _canvas(grid, len(names), 2, 0.35)
    headline(figure, "Do residuals repeat?", f"{_about(data)}; lags to {LAGS} pixels; rings: periods found")
    scale = ScalarMappable(SymLogNorm(0.01, vmin=-1, vmax=1, base=10), "RdBu_r")
    panels = {}
    for place, (kind, text) in enumerate(REPEATS.items()):
        top, before = _heading(figure, grid, len(names), place, text), len(figure.axes)
        _images(figure, data, (grid, kind, top), scale, "autocorrelation")
        panels = dict(zip(names, figure.axes[before:], strict=False))
    for name, axes in panels.items():
        for right, down, _ in peaks_of(data, name):
            if max(abs(right), abs(down)) <= LAGS:
                axes.plot(LAGS + right, LAGS + down, "o", markersize=5, markerfacecolor="none", color="#000000")
    return figure


def blocks(data: ReportData) -> Figure:
    """Differences across pixels' edges by their place in a block of 8 x 8."""
    names, grid = pools(data), Grid(1.05, 1.15, 1.3)
    figure = _canvas(grid, len(names), 1, 0.2)
    headline(figure, "Do images show blocks of 8 x 8?", f"{_about(data)}; upper left: the edge of a file's own blocks")
    every = np.concatenate([average(data, name, "blocks").ravel() for name in names])
    most = max(0.05, float(np.abs(every - 1).max())) if every.size else 0.05
    scale = ScalarMappable(Normalize(1 - most, 1 + most), "PuOr_r")
    _images(figure, data, (grid, "blocks", TOP + 0.2), scale, "difference / mean")
    return figure


def _curves(
    data: ReportData, names: Sequence[str], texts: tuple[str, str, str], draw: Callable[[Axes, str], None]
) -> Figure:
    """Small curves, a panel a pool, with shared axes; `texts`: title, what it shows, label of the upright axis."""
    grid = Grid(1.0, 1.15, 1.4)
    figure = _canvas(grid, len(names), 1, 0.45)
    headline(figure, texts[0], f"{_about(data)}\n{texts[1]}")
    for name, axes, leftmost, lowest in grid.panels(figure, names, TOP + 0.35):
        _title(axes, data, name)
        draw(axes, name)
        plain_axes(axes)
        axes.grid(color="#e3e3e3", linewidth=0.5)
        axes.tick_params(labelleft=leftmost, labelbottom=lowest)
        if leftmost:
            axes.set_ylabel(texts[2], size=SMALL)
    _shared(figure.axes)
    return figure


def _shared(panels: Sequence[Axes]) -> None:
    limits = [axes.get_ylim() for axes in panels if axes.lines]
    if limits:
        for axes in panels:
            axes.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))


def radial(data: ReportData) -> Figure:
    """Power by frequency: fakes less the reals of their test set, with intervals of groups."""
    names = [name for name in pools(data) if real_of(data, name)]
    found = {name: _against_reals(data, name) for name in names}
    frequencies = (np.arange(BANDS) + 0.5) * BAND

    def draw(axes: Axes, name: str) -> None:
        values = np.array([each[:3] for each in found[name]], np.float64).reshape(-1, 3)
        axes.axhline(0, color=REAL, linewidth=0.8)
        axes.fill_between(frequencies, values[:, 1], values[:, 2], color=FAKE, alpha=0.25, linewidth=0)
        axes.plot(frequencies, values[:, 0], color=FAKE, linewidth=1.1)
        axes.set(xlim=(0, 0.71), xticks=[0, 0.25, 0.5], xticklabels=["0", "0.25", "0.5"])

    text = (
        f"Fakes less their reals with {data.level:.0%} intervals, by frequency in cycles a pixel; 0.5 to 0.71: corners"
    )
    texts = ("How much power have fakes at each frequency?", text.replace("%", " %"), "less the reals (dB)")
    return _curves(data, names, texts, draw)


def _against_reals(data: ReportData, pool: str) -> list[Estimate]:
    mine, reals = images_of(data, pool), images_of(data, real_of(data, pool))
    if not len(mine) or not len(reals):
        return [Estimate(np.nan, np.nan, np.nan, "")] * BANDS
    return difference(mine, reals, (column(mine, "radial"), column(reals, "radial")), data.level)


def combs(data: ReportData) -> Figure:
    """How clearly DCT coefficients are multiples of a JPEG quality's steps: the mean over images, by quality."""
    names = pools(data)

    def draw(axes: Axes, name: str) -> None:
        values = average(data, name, "comb")
        axes.axhline(0, color=MUTED, linewidth=0.6)
        if values.size:
            axes.plot(QUALITIES, values[0], color=FAKE if _is_fake(data, name) else REAL, linewidth=1.0)
        axes.set(xlim=(20, 100), xticks=[25, 50, 75])

    text = "1: coefficients are multiples of that quality's steps, as after a save as JPEG; 0: they are not"
    return _curves(data, names, ("Were images saved as JPEG before?", text, "comb"), draw)


def _is_fake(data: ReportData, pool: str) -> bool:
    return bool(data.spectra.loc[data.spectra["pool"] == pool, "label"].iloc[0])


KINDS: dict[str, Callable[[ReportData], Figure]] = {
    "average": averages,
    "radial": radial,
    "blocks": blocks,
    "combs": combs,
    "autocorrelation": autocorrelation,
}


def figure(data: ReportData, kind: str) -> Figure:
    """One of KINDS."""
    return KINDS[kind](data)
