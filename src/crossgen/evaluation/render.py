"""Test pixels: every image decoded once, put through all missing conditions in that pass, cut by the frame."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from crossgen import records
from crossgen.config import Condition, Frame, Step
from crossgen.data import frames
from crossgen.data.images import Unusable, decode
from crossgen.data.names import located
from crossgen.data.parallel import AHEAD, ordered
from crossgen.evaluation import cells, conditions, operation_table
from crossgen.progress import Meter

#: Images rendered or scored at a time; of whole images, which may be large, fewer.
CHUNK, WHOLE_CHUNK = 256, 16

Pixels = npt.NDArray[np.uint8]
#: Pictures of a chunk: uint8 [m, size, size, 3]; of whole images, whose sizes differ, a list of [height, width, 3].
Pictures = Pixels | list[Pixels]
Steps = tuple[Step, ...]
#: Pixel cell to the rows that hold no image, with the reason.
Failed = dict[str, dict[int, str]]


@dataclass(frozen=True)
class Images:
    """The usable test images of a pool's shard, ordered by image_id: the order of every cell's rows."""

    ids: tuple[str, ...]
    paths: tuple[Path, ...]
    digest: str
    label: int

    def __len__(self) -> int:
        return len(self.ids)


def tested_images(manifest: pa.Table, root: Path) -> Images:
    """The images that are tested, with a digest of who they are and what their files hold (or how many bytes)."""
    tested = pc.and_(pc.equal(manifest["split"], "test"), pc.is_null(manifest["quarantine"]))
    rows = manifest.filter(tested).sort_by("image_id")
    labels = set(rows["label"].to_pylist())
    if len(labels) > 1:
        raise ValueError(f"A pool holds one label, this manifest holds {sorted(labels)}: cut it into two pools.")
    return Images(
        tuple(rows["image_id"].to_pylist()),
        tuple(located(root, path) for path in rows["path"].to_pylist()),
        images_digest(rows),
        labels.pop() if labels else 0,
    )


def images_digest(rows: pa.Table) -> str:
    """Digest of image_id, blake3 and bytes of a manifest's rows, ordered by image_id: who they are, what they hold."""
    names = ("image_id", "blake3", "bytes")
    ids, digests, sizes = (rows[name].to_pylist() for name in names)
    # without digests (`hash: false`) the number of bytes must stand for what a file holds
    held = [digest or size for digest, size in zip(digests, sizes, strict=True)]
    return cells.key(images=list(zip(ids, held, strict=True)))


def shard_images(manifest: Path, shard: int, root: Path) -> Images:
    """The test images of one shard of a pool's manifest file."""
    rows = records.read(manifest, records.MANIFEST)
    return tested_images(rows.filter(pc.equal(rows["shard"], shard)), root)


def effective_steps(condition: Condition, label: int, known: Sequence[Condition]) -> Steps:
    """The steps that images of a label really go through: its base's first, none if it is for the other label."""
    by_name = {item.name: item for item in known}
    before = effective_steps(by_name[condition.base], label, known) if condition.base else ()
    concerned = condition.to == "all" or condition.to == ("fake" if label else "real")
    return before + (condition.steps if concerned else ())


def pixel_key(images: Images, frame: Frame, steps: Steps) -> str:
    """Name of the pixel cell: the images, the frame's geometry, the steps they really go through, our VERSION."""
    # what a step does not say (`filter_up`) leaves its name as it was before one could say it
    told = [step.model_dump(mode="json", exclude_none=True) | _read(step) for step in steps]
    return cells.key(images=images.digest, frame=frames.key(frame), steps=told, version=conditions.VERSION)


def _read(step: Step) -> dict[str, str]:
    """What a step reads besides its keys: a table, by what it says and not by where it lies."""
    return {"table": operation_table.digest(step.table)} if step.step == "operations" else {}


def render(
    images: Images, frame: Frame, wanted: Mapping[str, Steps], chunk: int = CHUNK, threads: int = 1
) -> Iterator[tuple[int, dict[str, Pictures], Failed]]:
    """Pixels in chunks: (first row, {key: pictures}, {key: {row: reason}} of images that failed).

    Rows of images that failed are zero (or empty) and named: nobody may score them. What fails under one condition
    may do under another, and a cell must not depend on what else is rendered in the same pass. Raises OSError for a
    file that can no longer be read: a fault of the disk, not to be remembered as the image's. `threads` change nothing
    but the time; besides a chunk, the pictures of a few images a thread are held.
    """
    is_whole = frame.kind == "whole"
    chunk = min(chunk, WHOLE_CHUNK) if is_whole else chunk
    work = partial(_pictures, images, frame, wanted)
    made = ordered(work, range(len(images)), threads, ahead=1 if is_whole else AHEAD)
    for start in range(0, len(images), chunk):
        rows = range(start, min(start + chunk, len(images)))
        arrays = {key: _blank(frame, len(rows)) for key in wanted}
        failed: Failed = {key: {} for key in wanted}
        for row, pictures in zip(rows, made, strict=False):  # `made` goes on in the next chunk
            for key, picture in pictures.items():
                if isinstance(picture, str):
                    failed[key][row] = picture
                else:
                    arrays[key][row - start] = picture
        yield start, arrays, failed


def _pictures(images: Images, frame: Frame, wanted: Mapping[str, Steps], row: int) -> dict[str, Pixels | str]:
    """One image under every condition: {key: picture, or the reason why there is none}."""
    found: dict[str, Pixels | str] = {}
    image = _decoded(images.paths[row])
    for key, steps in wanted.items():
        try:
            if isinstance(image, Unusable):
                raise image
            found[key] = conditions.render(image, steps, frame, images.ids[row])
        except Unusable as error:
            found[key] = error.reason
    return found


def _blank(frame: Frame, n: int) -> Pictures:
    if frame.kind == "whole":
        return [np.zeros((0, 0, 3), np.uint8)] * n
    return np.zeros((n, frame.size, frame.size, 3), np.uint8)


def _decoded(path: Path) -> Pixels | Unusable:
    try:
        return decode(path.read_bytes())
    except Unusable as error:
        return error


def store_missing(
    store: cells.Store, images: Images, frame: Frame, wanted: Mapping[str, Steps], threads: int = 1
) -> None:
    """Render into cells what the store does not hold yet, in one pass, without holding more than a chunk in memory."""
    missing = {key: steps for key, steps in wanted.items() if not store.holds(key)}
    if not missing:
        return
    shape = (len(images), frame.size, frame.size, 3)
    failed: Failed = {key: {} for key in missing}
    with store.filling(missing) as parts, Meter("render_conditions", len(images)) as meter:
        arrays = {key: store.allocate(part, shape, np.dtype(np.uint8)) for key, part in parts.items()}
        for start, pixels, faults in render(images, frame, missing, threads=threads):
            for key, values in pixels.items():
                failed[key] |= faults[key]
                arrays[key][start : start + len(values)] = values  # never of whole images: these are not stored
            meter.advance(min(CHUNK, len(images) - start))
        for key, part in parts.items():
            arrays[key].flush()
            store.finish(key, part, {"failed": failed[key], "images": images.digest})


def failures(store: cells.Store, key: str) -> dict[int, str]:
    """Rows of a pixel or logit cell that hold no image, with the reason."""
    return failed_rows(store.facts(key))


def failed_rows(facts: Mapping[str, Any]) -> dict[int, str]:
    """The same, of what the cell tells of itself."""
    return {int(row): reason for row, reason in facts.get("failed", {}).items()}


def gigabytes(images: Images, frame: Frame, n_conditions: int) -> float:
    """Size of a shard's pixels under one frame, to hold against what may be kept; infinite of whole images."""
    if frame.kind == "whole":
        return float("inf")
    return len(images) * frame.size**2 * 3 * n_conditions / 1e9


@dataclass(frozen=True)
class Means:
    """What a job may use: gigabytes of pixels to keep of each frame, and threads."""

    gigabytes: float
    threads: int = 1


def render_shard(
    store: cells.Store, images: Images, frame: Frame, conditions: Sequence[Condition], means: Means
) -> list[dict[str, object]]:
    """Fill the missing cells of one frame, unless they are too large to keep; RENDERED rows, less pool and shard."""
    steps = {item.name: effective_steps(item, images.label, conditions) for item in conditions}
    for todo in steps.values():
        operation_table.refuse_strangers(todo, images.ids)
    keys = {name: pixel_key(images, frame, todo) for name, todo in steps.items()}
    wanted = {keys[name]: todo for name, todo in steps.items()}
    stored = gigabytes(images, frame, len(wanted)) <= means.gigabytes
    if stored:
        store_missing(store, images, frame, wanted, means.threads)
    geometry = frame.model_dump_json(exclude={"mean", "std"})
    return [
        {
            "frame": geometry,
            "condition": name,
            "cell": key,
            "n": len(images),
            "missing": len(failures(store, key)) if stored else 0,
        }
        for name, key in keys.items()
    ]
