"""Test pixels: every image decoded once, put through all missing conditions in that pass, cut by the frame."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from crossgen import records
from crossgen.config import Condition, Frame, Step
from crossgen.data import frames
from crossgen.data.images import Unusable, decode
from crossgen.data.names import located
from crossgen.evaluation import cells, conditions
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
    ids, sizes = rows["image_id"].to_pylist(), rows["bytes"].to_pylist()
    # without digests (`hash: false`) the number of bytes must stand for what a file holds
    digests = [digest or size for digest, size in zip(rows["blake3"].to_pylist(), sizes, strict=True)]
    labels = set(rows["label"].to_pylist())
    if len(labels) > 1:
        raise ValueError(f"A pool holds one label, this manifest holds {sorted(labels)}: cut it into two pools.")
    return Images(
        tuple(ids),
        tuple(located(root, path) for path in rows["path"].to_pylist()),
        cells.key(images=list(zip(ids, digests, strict=True))),
        labels.pop() if labels else 0,
    )


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
    told = [step.model_dump(mode="json") for step in steps]
    return cells.key(images=images.digest, frame=frames.key(frame), steps=told, version=conditions.VERSION)


def render(
    images: Images, frame: Frame, wanted: Mapping[str, Steps], chunk: int = CHUNK
) -> Iterator[tuple[int, dict[str, Pictures], Failed]]:
    """Pixels in chunks: (first row, {key: pictures}, {key: {row: reason}} of images that failed).

    Rows of images that failed are zero (or empty) and named: nobody may score them. What fails under one condition
    may do under another, and a cell must not depend on what else is rendered in the same pass. Raises OSError for a
    file that can no longer be read: a fault of the disk, not to be remembered as the image's.
    """
    chunk = min(chunk, WHOLE_CHUNK) if frame.kind == "whole" else chunk
    for start in range(0, len(images), chunk):
        rows = range(start, min(start + chunk, len(images)))
        arrays = {key: _blank(frame, len(rows)) for key in wanted}
        failed: Failed = {key: {} for key in wanted}
        for row in rows:
            image = _decoded(images.paths[row])
            for key, steps in wanted.items():
                try:
                    if isinstance(image, Unusable):
                        raise image
                    arrays[key][row - start] = conditions.render(image, steps, frame, images.ids[row])
                except Unusable as error:
                    failed[key][row] = error.reason
        yield start, arrays, failed


def _blank(frame: Frame, n: int) -> Pictures:
    if frame.kind == "whole":
        return [np.zeros((0, 0, 3), np.uint8)] * n
    return np.zeros((n, frame.size, frame.size, 3), np.uint8)


def _decoded(path: Path) -> Pixels | Unusable:
    try:
        return decode(path.read_bytes())
    except Unusable as error:
        return error


def store_missing(store: cells.Store, images: Images, frame: Frame, wanted: Mapping[str, Steps]) -> None:
    """Render into cells what the store does not hold yet, in one pass, without holding more than a chunk in memory."""
    missing = {key: steps for key, steps in wanted.items() if not store.holds(key)}
    if not missing:
        return
    shape = (len(images), frame.size, frame.size, 3)
    failed: Failed = {key: {} for key in missing}
    with store.filling(missing) as parts, Meter("render_conditions", len(images)) as meter:
        arrays = {key: store.allocate(part, shape, np.dtype(np.uint8)) for key, part in parts.items()}
        for start, pixels, faults in render(images, frame, missing):
            for key, values in pixels.items():
                failed[key] |= faults[key]
                arrays[key][start : start + len(values)] = values  # never of whole images: these are not stored
            meter.advance(min(CHUNK, len(images) - start))
        for key, part in parts.items():
            arrays[key].flush()
            store.finish(key, part, {"failed": failed[key], "images": images.digest})


def failures(store: cells.Store, key: str) -> dict[int, str]:
    """Rows of a pixel or logit cell that hold no image, with the reason."""
    return {int(row): reason for row, reason in store.facts(key).get("failed", {}).items()}


def gigabytes(images: Images, frame: Frame, n_conditions: int) -> float:
    """Size of a pool's pixels under one frame, to hold against `max_cache_gb`; infinite of whole images."""
    if frame.kind == "whole":
        return float("inf")
    return len(images) * frame.size**2 * 3 * n_conditions / 1e9


def render_shard(
    store: cells.Store, images: Images, frame: Frame, conditions: Sequence[Condition], max_cache_gb: float
) -> list[dict[str, object]]:
    """Fill the missing cells of one frame, unless they are too large to keep; RENDERED rows, less pool and shard."""
    steps = {item.name: effective_steps(item, images.label, conditions) for item in conditions}
    keys = {name: pixel_key(images, frame, todo) for name, todo in steps.items()}
    wanted = {keys[name]: todo for name, todo in steps.items()}
    stored = gigabytes(images, frame, len(wanted)) <= max_cache_gb
    if stored:
        store_missing(store, images, frame, wanted)
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
