"""Which bin an image lies in: by content class, by the JPEG quality of its file, by its short side.

Bins are of the file as it is stored, whatever a condition does to it afterwards.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crossgen.config import Breakdowns
from crossgen.intervals import Codes, Numbers

#: Formats that keep every pixel; whatever else is no JPEG file may or may not.
LOSSLESS = ("PNG", "BMP", "TIFF", "GIF", "PPM")
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Sorted:
    """Images [n] in bins: `codes` [n], names in their order, and the numbers that a bin begins and ends at (NaN: no
    numbers)."""

    codes: Codes
    names: tuple[str, ...]
    lower: Numbers
    upper: Numbers

    def __bool__(self) -> bool:
        return bool(self.names)


def by_class(facts: pd.DataFrame, config: Breakdowns, side: float) -> Sorted:
    """By content class, in the order of the alphabet; no bins at all where no image has one."""
    if facts["class_name"].isna().all():
        return _named(np.zeros(len(facts), np.int64), ())
    codes, names = pd.factorize(facts["class_name"], sort=True)
    there = [str(name) for name in names]
    return _named(np.where(codes < 0, len(there), codes), (*there, *([UNKNOWN] if (codes < 0).any() else [])))


def by_quality(facts: pd.DataFrame, config: Breakdowns, side: float) -> Sorted:
    """By the stored JPEG quality; `lossless` files and those of `unknown` quality stand behind."""
    edges = config.quality_edges
    quality = _numbers(facts["jpeg_quality"])
    names = tuple(_whole(low, high) for low, high in _spans(edges, 101))
    codes = np.digitize(quality, edges)
    lossless = facts["format"].isin(LOSSLESS).to_numpy()
    codes = np.where(np.isnan(quality), np.where(lossless, len(names), len(names) + 1), codes)
    return _bounded(codes, (*names, "lossless", UNKNOWN), edges)


def by_size(facts: pd.DataFrame, config: Breakdowns, side: float) -> Sorted:
    """By the short side in pixels."""
    short, edges = _short_side(facts), config.size_edges
    names = tuple(_whole(low, high) for low, high in _spans(edges, np.inf))
    return _bounded(np.where(np.isnan(short), len(names), np.digitize(short, edges)), (*names, UNKNOWN), edges)


def by_relative_size(facts: pd.DataFrame, config: Breakdowns, side: float) -> Sorted:
    """By the short side in multiples of `side`; no bins where that is NaN."""
    if np.isnan(side):
        return _named(np.zeros(len(facts), np.int64), ())
    short, edges = _short_side(facts) / side, config.relative_edges
    names = tuple(_span(low, high) for low, high in _spans(edges, np.inf))
    return _bounded(np.where(np.isnan(short), len(names), np.digitize(short, edges)), (*names, UNKNOWN), edges)


#: What results are broken down by.
BY: Mapping[str, Callable[[pd.DataFrame, Breakdowns, float], Sorted]] = {
    "class": by_class,
    "quality": by_quality,
    "size": by_size,
    "relative_size": by_relative_size,
}


def median_side(fakes: pd.DataFrame) -> float:
    """S: the median short side of training fakes (columns width and height), in pixels; NaN if there are none."""
    return float(_short_side(fakes).median()) if len(fakes) else float("nan")


def _short_side(facts: pd.DataFrame) -> "pd.Series[float]":
    return pd.Series(np.minimum(_numbers(facts["width"]), _numbers(facts["height"])), index=facts.index)


def _numbers(column: "pd.Series[float]") -> Numbers:
    return pd.to_numeric(column).to_numpy(dtype=np.float64, na_value=np.nan)


def _spans(edges: Sequence[float], end: float) -> list[tuple[float, float]]:
    return list(zip([-np.inf, *edges], [*edges, end], strict=True))


def _whole(low: float, high: float) -> str:
    """Whole numbers from `low` to below `high`."""
    if np.isinf(low):
        return f"<{high:g}"
    last = np.ceil(high) - 1
    return f"{low:g}+" if np.isinf(high) else f"{low:g}" if last <= low else f"{low:g}–{last:g}"


def _span(low: float, high: float) -> str:
    if np.isinf(low):
        return f"<{high:g}"
    return f"{low:g}+" if np.isinf(high) else f"{low:g}–<{high:g}"


def _named(codes: Codes, names: tuple[str, ...]) -> Sorted:
    nothing = np.full(len(names), np.nan)
    return Sorted(codes.astype(np.int64), names, nothing, nothing)


def _bounded(codes: Codes, names: tuple[str, ...], edges: Sequence[float]) -> Sorted:
    """Bins between edges, and behind them those without numbers."""
    without = [np.nan] * (len(names) - len(edges) - 1)
    lower, upper = [np.nan, *edges, *without], [*edges, np.nan, *without]
    return Sorted(codes.astype(np.int64), names, np.array(lower), np.array(upper))
