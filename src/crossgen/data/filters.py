"""The conditions of a subset's filters: each a mask over manifest rows, so that what it removes can be counted."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from crossgen.config import Filter

Mask = npt.NDArray[np.bool_]

#: `quality_estimate` to the manifest's column.
QUALITIES = {"exact": "jpeg_quality", "imagemagick": "jpeg_quality_estimate", "published": "published_quality"}


class Condition(NamedTuple):
    """One declared condition: key and value as in the config, and the rows that meet it."""

    key: str
    setting: str
    mask: Mask


def columns(wanted: Filter) -> set[str]:
    """Columns of the manifest that the conditions look at."""
    sized = wanted.width or wanted.height or wanted.sides or wanted.relative_sides or wanted.aspect
    found = {"width", "height"} if sized else set()
    found |= {"format"} if wanted.formats else set()
    found |= {"chroma_subsampling"} if wanted.chroma_subsampling else set()
    return found | ({QUALITIES[wanted.quality_estimate]} if wanted.jpeg_quality else set())


def conditions(rows: pd.DataFrame, wanted: Filter, sizes: Sequence[float] = ()) -> Iterator[Condition]:
    """The declared conditions, in the order of the keys; `lists` apart. `sizes`: S of relative_sides, in pixels.

    Both ends of a range are kept; a row without the fact is not.
    """
    if wanted.formats is not None:
        yield Condition("formats", _told(wanted.formats), rows["format"].isin(list(wanted.formats)).to_numpy())
    if wanted.jpeg_quality is not None:
        column = QUALITIES[wanted.quality_estimate]
        ends = (wanted.jpeg_quality,) * 2 if isinstance(wanted.jpeg_quality, int) else wanted.jpeg_quality
        known = "" if rows[column].notna().any() else " (not known of any image)"
        setting = f"{_told(ends)}, {wanted.quality_estimate}{known}"
        yield Condition("jpeg_quality", setting, _between(rows[column], *ends))
    if wanted.chroma_subsampling is not None:
        kept = rows["chroma_subsampling"].isin(list(wanted.chroma_subsampling)).to_numpy()
        yield Condition("chroma_subsampling", _told(wanted.chroma_subsampling), kept)
    yield from _sizes(rows, wanted, sizes)


def _sizes(rows: pd.DataFrame, wanted: Filter, sizes: Sequence[float]) -> Iterator[Condition]:
    if wanted.width is not None:
        yield Condition("width", _told(wanted.width), _between(rows["width"], *wanted.width))
    if wanted.height is not None:
        yield Condition("height", _told(wanted.height), _between(rows["height"], *wanted.height))
    if wanted.sides is not None:
        yield Condition("sides", _told(wanted.sides), _both(rows, *wanted.sides))
    if wanted.relative_sides is not None:
        low, high = wanted.relative_sides
        near = [_both(rows, low * size, high * size) for size in sizes]
        setting = f"{_told(wanted.relative_sides)} x {_told([f'{size:g}' for size in sizes])} px"
        none = np.zeros(len(rows), bool)
        yield Condition("relative_sides", setting, np.logical_or.reduce([none, *near]))
    if wanted.aspect is not None:
        ratio = rows["width"] / rows["height"]
        yield Condition("aspect", _told(wanted.aspect), _between(ratio, *wanted.aspect))


def fake_sizes(rows: pd.DataFrame, among: Mask) -> list[float]:
    """S of each fake pool, in pixels: the median side of its training images of `among`."""
    fakes = rows.loc[among & rows["label"].eq(1) & rows["split"].eq("train"), ["pool", "width", "height"]]
    sides = fakes[["width", "height"]].min(axis=1)
    return sorted(float(size) for size in set(sides.groupby(fakes["pool"]).median()))


def _both(rows: pd.DataFrame, low: float, high: float) -> Mask:
    return _between(rows["width"], low, high) & _between(rows["height"], low, high)


def _between(column: "pd.Series[float]", low: float, high: float) -> Mask:
    values = pd.to_numeric(column).to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray((values >= low) & (values <= high))


def _told(values: Sequence[object]) -> str:
    return f"[{', '.join(str(value) for value in values)}]"
