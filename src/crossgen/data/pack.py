"""Packed training crops: a uint8 array, memory-mapped, and an index with the facts of what was decoded.

Each image is decoded once. What is cut: the subset's crop (if it has one) from the whole image, then the recipe's
frames from that. Halves of pairs that a recipe synchronises are first cut to the box that they share, and their places
are drawn by the pair's name. A train set is packed in shards, none of which is ever held in memory;
`crossgen.data.gather` joins their indexes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from crossgen.config import Crop, Frame
from crossgen.data import frames
from crossgen.data.frames import Region
from crossgen.data.images import Pixels, Unusable, decode
from crossgen.data.names import located
from crossgen.data.packed import Crops, Growing
from crossgen.data.parallel import ordered
from crossgen.data.unfinished import Journal
from crossgen.progress import track
from crossgen.records import FILES, LOSSES, MANIFEST

#: Raised when packed pixels change.
VERSION = 1

CHECKPOINT = 500  # images between two entries of the journal: so many at most are cut again after a kill

#: What alignment knows better than the selection: the file and its facts. Split, label and group are the selection's.
REWRITTEN = ["path", *(name for name in MANIFEST.columns if name not in FILES.columns)]


@dataclass(frozen=True)
class Packing:
    """What is cut from every image: the subset's `crop`, then `crops_per_image` regions of the recipe's `frame`."""

    frame: Frame
    crops_per_image: int = 1
    crop: Crop | None = None


class Source(NamedTuple):
    """One image to cut from. `quarantine`: why alignment could not read it, or None.

    Of halves of pairs that are cut alike: `key`, their name in the draw of places, and the `box` that they share.
    """

    image_id: str
    file: Path
    quarantine: str | None
    key: str
    box: Region | None = None


class Cut(NamedTuple):
    """What became of an image: its crops [size, size, 3] and their places (x, y), or the reason why it has none."""

    crops: list[Crops]
    places: list[tuple[int, int]]
    reason: str | None


@dataclass(frozen=True)
class Sources:
    """Selected rows, with the facts of the files that are read instead where alignment wrote some; and these files."""

    rows: pd.DataFrame
    files: list[Path] = field(repr=False)

    @classmethod
    def of(cls, selection: pd.DataFrame, aligned: pd.DataFrame, folders: Mapping[str, Path]) -> "Sources":
        """`aligned` holds the rows that alignment wrote; `folders` says where a row's `path` begins, by `<pool>` or
        `aligned/<pool>/<shard>`."""
        rows = selection.assign(source_width=selection["width"], source_height=selection["height"])
        again = rows["image_id"].isin(aligned["image_id"]).to_numpy(bool)
        _refuse_unaligned(rows[~again], folders)
        keys = np.where(again, "aligned/" + rows["pool"] + "/" + rows["shard"].astype(str), rows["pool"])
        if again.any():
            facts = aligned.set_index("image_id")[REWRITTEN].reindex(rows["image_id"]).astype(object)
            for name in REWRITTEN:
                rows[name] = np.where(again, facts[name], rows[name].astype(object))
        files = [located(folders[key], str(path)) for key, path in zip(keys, rows["path"], strict=True)]
        return cls(rows, files)

    def from_place(self, place: int) -> list[Source]:
        """The images from the `place`-th on."""
        reasons = self.rows["quarantine"].astype(object).where(self.rows["quarantine"].notna(), None)
        ids = self.rows["image_id"]
        paired = "pair_key" in self.rows
        keys = self.rows["pair_key"].where(self.rows["pair_key"].notna(), ids) if paired else ids
        boxes = boxes_of(self.rows) if paired else [None] * len(ids)
        told = zip(ids, self.files, reasons, keys, boxes, strict=True)
        return [Source(*each) for each in list(told)[place:]]


def boxes_of(rows: pd.DataFrame) -> list[Region | None]:
    """The box that each row shares with its other half (see `crossgen.data.pairs.boxed`); None of what has no pair."""
    names = ["box_x", "box_y", "box_width", "box_height"]
    paired = rows["pair_key"].notna()
    told = rows[names].where(paired, 0).astype(np.int64).itertuples(index=False, name=None)
    return [Region(*box) if whole else None for box, whole in zip(told, paired, strict=True)]


def _refuse_unaligned(rows: pd.DataFrame, folders: Mapping[str, Path]) -> None:
    """An image that alignment should have written must not be read as it was."""
    for image_id, pool, shard in zip(rows["image_id"], rows["pool"], rows["shard"], strict=True):
        folder = folders.get(f"aligned/{pool}/{shard}")
        if folder is not None:
            raise ValueError(f"{folder} lacks the selected image {image_id}: align that shard again.")


def pack(sources: Sources, packing: Packing, place: Path, threads: int = 1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Decode each image once and write its crops to `crops.npy` in the folder `place`, going on with what is there.

    The array is uint8 [n, size, size, 3]. Returns CROPS rows, whose `row` counts along it, and rows of LOSSES (but
    `lost_for`) of the images that have no crop; all the same for any number of threads.

    Raises OSError for a file that can no longer be read: a fault of the disk, not to be remembered as the image's.
    """
    journal, size = Journal(place), packing.frame.size
    told: list[dict[str, Any]] = [json.loads(line) for line in journal.lines]
    kept = sum(len(each["places"]) for each in told)
    with Growing(place / "crops.npy", (size, size, 3), kept) as array:
        if array.rows < kept:  # the array of these entries is gone
            journal.forget()
            told = []
        waiting = sources.from_place(len(told))
        for cut in track(ordered(partial(_cut, packing=packing), waiting, threads), "pack_crops", len(waiting)):
            array.append(cut.crops)
            told.append({"places": cut.places, "reason": cut.reason})
            if len(told) % CHECKPOINT == 0:
                array.sync()
                journal.append([json.dumps(each) for each in told[len(journal.lines) :]])
    return _index(sources.rows, told, size), _losses(sources.rows, told)


def _cut(source: Source, packing: Packing) -> Cut:
    try:
        if source.quarantine is not None:
            raise Unusable(source.quarantine)
        return _regions(decode(source.file.read_bytes()), source, packing)
    except Unusable as error:
        return Cut([], [], error.reason)


def _regions(image: Pixels, source: Source, packing: Packing) -> Cut:
    """Offsets count from the whole image's corner, as the audit of the grid's phase needs them."""
    left, top = 0, 0
    if source.box is not None:
        left, top, image = source.box.x, source.box.y, source.box.of(image)
    if packing.crop is not None:
        outer = Frame(kind="crop", **packing.crop.model_dump())
        at = frames.central(outer, image.shape[1], image.shape[0])
        left, top, image = left + at.x, top + at.y, frames.cut(outer, image, at)
    regions = frames.sampled(packing.frame, image.shape[1], image.shape[0], packing.crops_per_image, source.key)
    crops = [frames.cut(packing.frame, image, region) for region in regions]
    return Cut(crops, [(left + region.x, top + region.y) for region in regions], None)


def _index(rows: pd.DataFrame, told: list[dict[str, Any]], size: int) -> pd.DataFrame:
    counts = [len(each["places"]) for each in told]
    places = np.array([at for each in told for at in each["places"]], np.int64).reshape(-1, 2)
    crops = np.concatenate([np.arange(n) for n in counts]) if counts else np.empty(0, np.int64)
    rows = rows.drop(columns=[name for name in rows if name == "pair_key" or str(name).startswith("box_")])
    index: pd.DataFrame = rows.iloc[np.repeat(np.arange(len(rows)), counts)].reset_index(drop=True)
    index = index.assign(crop=crops, row=np.arange(len(places)), crop_size=size)
    return index.assign(crop_x=places[:, 0], crop_y=places[:, 1])


def _losses(rows: pd.DataFrame, told: list[dict[str, Any]]) -> pd.DataFrame:
    lost = [
        {"stage": "training", "pool": pool, "image_id": image_id, "reason": each["reason"]}
        for pool, image_id, each in zip(rows["pool"], rows["image_id"], told, strict=True)
        if each["reason"] is not None
    ]
    return pd.DataFrame(lost, columns=[name for name in LOSSES.columns if name != "lost_for"])
