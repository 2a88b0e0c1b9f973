"""Logits: several detectors in one process, only what is missing, pixels from cells or rendered on the way."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from crossgen import records
from crossgen.config import Frame
from crossgen.data.parallel import one_ahead
from crossgen.evaluation import cells
from crossgen.evaluation.render import CHUNK, Failed, Images, Pictures, Pixels, Steps, failures, render
from crossgen.progress import Meter

#: Raised when the logits of the same weights and pixels change.
VERSION = 2

#: Whole images of one size are judged together up to so many pixels: a detector's maps of them are large.
BATCH_PIXELS = 2**20


class Judge(NamedTuple):
    """A detector that is ready to judge, and what it computes on and in: each cell tells so of its logits."""

    logits: Callable[[Pixels], npt.NDArray[np.float32]]  # pictures of one size, uint8 [n, height, width, 3] -> [n]
    device: str  # a GPU's name, or cpu
    precision: str  # fp32, bf16

    @property
    def how(self) -> dict[str, str]:
        """`device` and `precision`."""
        return {"device": self.device, "precision": self.precision}


#: What `render` yields: the first row, pictures and failures by pixel cell.
Chunk = tuple[int, dict[str, Pictures], Failed]


@dataclass(frozen=True)
class Task:
    """A pixel cell that some detectors have not seen: `missing` holds (place of the detector, logit cell)."""

    images: Images
    frame: Frame
    steps: Steps
    pixels: str
    missing: tuple[tuple[int, str], ...]


def logit_key(weights: str, pixels: str) -> str:
    """Name of a logit cell: digest of the weights, name of the pixels, our VERSION."""
    return cells.key(weights=weights, pixels=pixels, version=VERSION)


@dataclass(frozen=True)
class Stores:
    """Where pixels are, if they are kept, and where logits go."""

    pixels: cells.Store
    logits: cells.Store


def score(tasks: Sequence[Task], judges: Sequence[Judge], stores: Stores, threads: int = 1) -> None:
    """Compute the missing logit cells: float32 [n] in the order of the images, NaN where there is no picture.

    With several threads, pixels that are not stored are rendered by so many, and while some are judged the next are
    made: no logit depends on it.
    """
    groups = _groups(tasks, stores.pixels)
    total = sum(len(task.images) * len(task.missing) for task in tasks)
    with Meter("score_images", total, "logits") as meter:
        for group in groups:
            chunks = _chunks(group, stores.pixels, threads=threads)
            values, failed = _judged(group, judges, one_ahead(chunks) if threads > 1 else chunks, meter)
            for task in group:
                for judge, name in task.missing:
                    told = {"pixels": task.pixels, "failed": failed[task.pixels], "judged": judges[judge].how}
                    stores.logits.write(name, values[name], told)


def _judged(
    group: Sequence[Task], judges: Sequence[Judge], chunks: Iterable[Chunk], meter: Meter
) -> tuple[dict[str, npt.NDArray[np.float32]], Failed]:
    """Logits [n] by the name of their cell, and the rows of each pixel cell that hold no image."""
    n = len(group[0].images)
    values = {name: np.full(n, np.nan, np.float32) for task in group for _, name in task.missing}
    failed: Failed = {task.pixels: {} for task in group}
    for start, arrays, faults in chunks:
        for task in group:
            failed[task.pixels] |= faults[task.pixels]
            crops = arrays[task.pixels]
            usable = np.flatnonzero([start + row not in faults[task.pixels] for row in range(len(crops))])
            for judge, name in task.missing:
                for rows, alike in _alike(crops, usable):
                    values[name][start + rows] = judges[judge].logits(alike)
                meter.advance(len(crops))
    return values, failed


def _alike(pictures: Pictures, rows: npt.NDArray[np.int64]) -> Iterator[tuple[npt.NDArray[np.int64], Pixels]]:
    """The pictures of these rows in arrays of one size, not too large."""
    if isinstance(pictures, np.ndarray):
        yield rows, pictures if len(rows) == len(pictures) else pictures[rows]
        return
    sizes: dict[tuple[int, ...], list[int]] = {}
    for row in rows.tolist():
        sizes.setdefault(pictures[row].shape, []).append(row)
    for (height, width, _), found in sizes.items():
        n = max(1, BATCH_PIXELS // (height * width))
        for start in range(0, len(found), n):
            part = found[start : start + n]
            yield np.array(part, np.int64), np.stack([pictures[row] for row in part])


def _groups(tasks: Sequence[Task], store: cells.Store) -> list[list[Task]]:
    """Stored cells one by one; what must be rendered on the way together, so that an image is decoded once."""
    stored = [[task] for task in tasks if store.whole(task.pixels)]
    streamed: dict[tuple[str, Frame], list[Task]] = {}
    for task in tasks:
        if not store.whole(task.pixels):
            streamed.setdefault((task.images.digest, task.frame), []).append(task)
    return [*stored, *streamed.values()]


def _chunks(group: Sequence[Task], store: cells.Store, chunk: int = CHUNK, threads: int = 1) -> Iterator[Chunk]:
    """What `render` yields, from the cell if it is there."""
    first = group[0]
    if not store.whole(first.pixels):
        yield from render(first.images, first.frame, {t.pixels: t.steps for t in group}, chunk, threads)
        return
    crops = store.read(first.pixels, verify=True)
    missing = failures(store, first.pixels)
    for start in range(0, len(crops), chunk):
        part = np.asarray(crops[start : start + chunk])
        here = missing.keys() & set(range(start, start + len(part)))
        yield start, {first.pixels: part}, {first.pixels: {row: missing[row] for row in here}}


def score_rows(keys: Mapping[str, object], images: Images, logits: npt.NDArray[np.float32]) -> pa.Table:
    """SCORES rows of a logit cell float32 [n]: of the images that were judged, NaN marks those without a picture."""
    judged = np.flatnonzero(~np.isnan(logits))
    columns = {name: pa.array([value] * len(judged), records.SCORES.columns[name]) for name, value in keys.items()}
    columns["image_id"] = pa.array([images.ids[place] for place in judged], pa.string())
    columns["label"] = pa.array([images.label] * len(judged), pa.int64())
    return pa.table({**columns, "logit": pa.array(logits[judged], pa.float32())})
