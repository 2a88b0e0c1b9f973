"""The reconstructions of a shard: reals in, lossless files and a table of them out.

Images of one size share a batch, in the order of their ids. A job that was killed goes on after the last batch that its
journal names, to the same bytes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from crossgen.config import ReconstructedSource
from crossgen.data.images import Pixels, Unusable, decode
from crossgen.data.listing import shard
from crossgen.data.made_files import Made, in_batches, save
from crossgen.data.names import located
from crossgen.data.unfinished import Journal
from crossgen.reconstruction.likeness import RADIUS, psnr, ssim
from crossgen.reconstruction.makers import Maker

#: Raised when other images come out.
VERSION = 1

KEPT = ("split", "group", "class_index", "class_synset", "class_name", "stratum")


@dataclass(frozen=True)
class Box:
    """The part of a real that is reconstructed, in pixels."""

    x: int
    y: int
    width: int
    height: int


def boxed(width: int, height: int, factor: int, kind: str) -> Box | None:
    """The largest box of multiples of `factor`; None where that, or SSIM's window, does not fit."""
    sides = [side // factor * factor for side in (width, height)]
    if min(sides) < max(factor, 2 * RADIUS + 1):
        return None
    offsets = [
        (whole - side) // 2 if kind == "centre" else 0 for whole, side in zip((width, height), sides, strict=True)
    ]
    return Box(offsets[0], offsets[1], sides[0], sides[1])


def chosen(manifest: pd.DataFrame, source: ReconstructedSource, place: int, shards: int) -> pd.DataFrame:
    """The usable reals of a shard that are reconstructed, in the order of their ids.

    A shard is one of the reals. Raises ValueError where two reals would give one file.
    """
    wanted = manifest["split"].isin(source.splits) & manifest["quarantine"].isna()
    rows = manifest[wanted].sort_values("image_id")
    names = rows["path"].map(file_name)
    if names.duplicated().any():
        twice = names[names.duplicated()].iloc[0]
        paths = ", ".join(rows["path"][names == twice])
        raise ValueError(f"Pool {source.of!r}: {paths} would both become {twice}: rename one.")
    mine = [shard(name, shards) == place for name in rows["image_id"]]
    return rows[np.array(mine, bool)]


def file_name(path: str) -> str:
    """Path of a reconstruction: its real's, with the ending .png."""
    return PurePosixPath(path).with_suffix(".png").as_posix()


def batches(rows: pd.DataFrame, size: int) -> Iterator[list[dict[str, Any]]]:
    """Rows in batches of one size of image."""
    for _, alike in rows.groupby(["height", "width"], sort=True):
        told = [{str(key): value for key, value in row.items()} for row in alike.to_dict("records")]
        for start in range(0, len(told), size):
            yield told[start : start + size]


@dataclass(frozen=True)
class Work:
    """What is made from where to where, and what a killed job left."""

    source: ReconstructedSource
    root: Path
    journal: Journal


def reconstruct(rows: pd.DataFrame, work: Work, load: Callable[[], Maker], batch_size: int) -> Made:
    """Reconstruct `rows` of a manifest; the maker is loaded only if something is left to do.

    Raises OSError for a file that cannot be read or written.
    """
    loaded: list[Maker] = []

    def make(batch: Sequence[dict[str, Any]]) -> Made:
        if not loaded:
            loaded.append(load())
        return _batch(batch, work, loaded[0])

    return in_batches(list(batches(rows, batch_size)), make, Path(work.source.root), work.journal, "reconstruct")


def _batch(batch: Sequence[dict[str, Any]], work: Work, maker: Maker) -> Made:
    made, reals, kept = Made(), list[Pixels](), list[tuple[dict[str, Any], Box]]()
    for row in batch:
        box = boxed(int(row["width"]), int(row["height"]), maker.factor, work.source.box)
        if box is None:
            made.lost[row["image_id"]] = "under_frame"
            continue
        try:
            image = decode(located(work.root, row["path"]).read_bytes())
        except Unusable as error:
            made.lost[row["image_id"]] = error.reason
            continue
        reals.append(image[box.y : box.y + box.height, box.x : box.x + box.width])
        kept.append((row, box))
    if reals:
        fakes = maker.make(np.stack(reals), [row["image_id"] for row, _ in kept])
        told = zip(kept, reals, fakes, strict=True)
        made.rows = [_written(row, box, (real, fake), Path(work.source.root)) for (row, box), real, fake in told]
    return made


def _written(row: dict[str, Any], box: Box, images: tuple[Pixels, Pixels], root: Path) -> dict[str, Any]:
    """Write a reconstruction as PNG; its row of MADE."""
    real, fake = images
    file = save(fake, root, file_name(row["path"]))
    facts = {name: None if pd.isna(row[name]) else row[name] for name in KEPT}
    if facts["class_index"] is not None:
        facts["class_index"] = int(facts["class_index"])  # a float where another image of the pool has none
    likeness = {"psnr": psnr(real, fake), "ssim": ssim(real, fake)}
    return {**facts, **file, **likeness, "pair": row["image_id"], "pair_x": box.x, "pair_y": box.y}
