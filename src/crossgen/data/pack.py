"""Packed training crops: one uint8 array, memory-mapped, and an index with the facts of what was decoded."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from crossgen.config import Frame
from crossgen.data import frames
from crossgen.data.images import Unusable, decode
from crossgen.data.manifest import refuse_losses
from crossgen.data.names import located
from crossgen.progress import track
from crossgen.records import CROPS, LOSSES

#: Raised when packed pixels change.
VERSION = 1

Crops = npt.NDArray[np.uint8]


def pack(
    selection: pd.DataFrame, aligned: pd.DataFrame, folders: Mapping[str, Path], frame: Frame, crops_per_image: int
) -> tuple[Crops, pd.DataFrame, pd.DataFrame]:
    """Decode each selected image once and cut its crops.

    `aligned` holds the rows that alignment wrote (their facts and files replace the selection's); `folders` says where
    a row's `path` begins, by `<pool>` or `aligned/<pool>/<shard>`. Returns uint8 [n, size, size, 3], CROPS rows, whose
    `row` counts along the array, and rows of LOSSES (but `lost_for`) of the images that have no crop.

    Raises OSError for a file that can no longer be read: a fault of the disk, not to be remembered as the image's.
    """
    crops: list[Crops] = []
    rows: list[dict[Any, Any]] = []
    lost: list[dict[str, object]] = []
    for facts, folder in track(_files(selection, aligned, folders), "pack_crops", len(selection)):
        try:
            cuts = _cut(facts, folder, frame, crops_per_image)
        except Unusable as error:
            lost.append({"stage": "training", **{k: facts[k] for k in ("pool", "image_id")}, "reason": error.reason})
            continue
        for crop, (pixels, place) in enumerate(cuts):
            rows.append(facts | place | {"crop": crop, "row": len(crops), "crop_size": frame.size})
            crops.append(pixels)
    shape = (len(crops), frame.size, frame.size, 3)
    losses = pd.DataFrame(lost, columns=[name for name in LOSSES.columns if name != "lost_for"])
    index = pd.DataFrame(rows, columns=None if rows else list(CROPS.columns))
    return np.stack(crops) if crops else np.empty(shape, np.uint8), index, losses


def _files(
    selection: pd.DataFrame, aligned: pd.DataFrame, folders: Mapping[str, Path]
) -> Iterator[tuple[dict[Any, Any], Path]]:
    rewritten = {row["image_id"]: row for row in aligned.to_dict("records")}
    for row in selection.to_dict("records"):
        facts = rewritten.get(row["image_id"])
        key = row["pool"] if facts is None else f"aligned/{row['pool']}/{row['shard']}"
        source = {"source_width": row["width"], "source_height": row["height"]}
        yield (facts or row) | source, folders[key]


def _cut(facts: dict[Any, Any], folder: Path, frame: Frame, n: int) -> list[tuple[Crops, dict[Any, Any]]]:
    if facts["quarantine"] is not None and not pd.isna(facts["quarantine"]):  # by alignment
        raise Unusable(facts["quarantine"])
    image = decode(located(folder, str(facts["path"])).read_bytes())
    regions = frames.sampled(frame, image.shape[1], image.shape[0], n, str(facts["image_id"]))
    return [(frames.cut(frame, image, at), {"crop_x": at.x, "crop_y": at.y}) for at in regions]


def refuse_losses_of_pools(losses: pd.DataFrame, selection: pd.DataFrame, limits: Mapping[str, float]) -> None:
    """Raise ValueError if, of a pool's selected images, more than its `max_quarantine` do not decode.

    Images that are smaller than the frame do not count: the recipe says what becomes of them.
    """
    broken = losses[losses["reason"] != "under_frame"]
    for pool, limit in limits.items():
        mine = broken[broken["pool"] == pool]
        reasons = dict(zip(mine["image_id"], mine["reason"], strict=True))
        total = int((selection["pool"] == pool).sum())
        refuse_losses(f"Pool {pool!r}, images selected to train on", reasons, total, limit)


def refuse_unbalanced(index: pd.DataFrame, selection: pd.DataFrame, what: str) -> None:
    """Raise ValueError if so many images could not be framed that a label or split is gone."""
    for key, wanted in selection.groupby(["split", "label"])["image_id"].nunique().items():
        split, label = cast(tuple[str, int], key)
        here = index[(index["split"] == split) & (index["label"] == label)] if len(index) else index
        if not len(here):
            name = "fakes" if label else "reals"
            raise ValueError(f"{what}: none of {wanted} {split} {name} can be framed; see frame.size and frame.small.")


def save_array(path: Path, array: npt.NDArray[np.generic]) -> None:
    """Write an array to `path`, given a temporary name by the caller."""
    with open(path, "wb") as file:
        np.save(file, array)
        file.flush()
        os.fsync(file.fileno())
