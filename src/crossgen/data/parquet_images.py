"""Images that stand inside Parquet files, as data sets of the Hugging Face hub hold them, written out to files.

A shard `data/train-00000-of-00005.parquet` becomes `data/train-00000-of-00005/train/<label>/<row>.<ending>`: the split
as its name or a folder above tells, the label's name where the features in the file's metadata name it and its value
else, the row padded to eight digits, the ending by content. `images.csv` beside the splits keeps the names of the rows.
"""

import csv
import io
import json
import os
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from crossgen.config.sources import SUFFIXES
from crossgen.data.extract import Unpacking, place, refuse_links
from crossgen.data.members import Member, judge
from crossgen.data.record import Done, summed
from crossgen.data.room import refuse_without_room
from crossgen.files import write_text
from crossgen.progress import Meter

_SPLITS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
    "testing": "test",
}  # fmt: skip
#: First bytes of a file to its ending; an image of another kind keeps the ending of the name it came with.
_STARTS = {
    b"\xff\xd8\xff": ".jpg", b"\x89PNG": ".png", b"GIF8": ".gif", b"BM": ".bmp", b"II*\0": ".tif", b"MM\0*": ".tif",
}  # fmt: skip
_ROWS = 64  # decoded at a time


@dataclass(frozen=True)
class Shard:
    """A Parquet file with images. `names`: of the label's values, where the features name them."""

    path: Path
    image: str
    label: str | None
    names: Sequence[str] | None
    split: str | None
    rows: int
    size: int  # bytes of the images, about

    def folder(self, value: Any) -> str:  # noqa: ANN401 (whatever a label is)
        """Folder of a label: its name, where it may be one."""
        if value is None:
            return "unlabelled"
        told = str(value)
        if self.names is not None and isinstance(value, int) and 0 <= value < len(self.names):
            told = self.names[value]
        return re.sub(r"[\x00-\x1f/\\:]", "_", told).strip(". ") or "_"


class Bytes:
    """Bytes at hand, to be read as a member is."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def opened(self) -> AbstractContextManager[IO[bytes]]:
        """Their stream."""
        return io.BytesIO(self._data)


def shard(path: Path, name: str) -> Shard | None:
    """The shard if a Parquet file (called `name` in its repository) holds images; None: it is a table without any.

    Raises ValueError: unreadable, or several columns of images and none called image.
    """
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(f"{name} is no readable Parquet file: {error}.") from error
    schema, features = file.schema_arrow, _features(file)
    columns = [field.name for field in schema if _holds_images(field, features)]
    if not columns:
        return None
    if len(columns) > 1 and "image" not in columns:
        raise ValueError(f"{name}: images stand in the columns {columns} and none is called 'image': rename one.")
    image = "image" if "image" in columns else columns[0]
    label = "label" if "label" in schema.names and _is_label(schema.field("label").type) else None
    names = features.get("label", {}).get("names") if label else None
    group = range(file.metadata.num_row_groups)
    sizes = [
        file.metadata.row_group(index).column(number).total_uncompressed_size
        for index in group
        for number in range(file.metadata.num_columns)
        if file.metadata.row_group(index).column(number).path_in_schema.partition(".")[0] == image
    ]
    return Shard(path, image, label, names, _split(name), file.metadata.num_rows, sum(sizes))


def write_out(found: Shard, job: Unpacking) -> dict[str, int]:
    """Write a shard's images below the job's folder; returns numbers of files and bytes.

    What an earlier run has written stands. Raises ValueError (labels that are one folder on some disks, a file of
    someone else), OSError.
    """
    done, _ = job.record.recall()
    _judge_labels(found, job)
    refuse_without_room(job.root, found.size - sum(facts.size for facts in done.values()), f"write out {job.archive}")
    now: dict[str, Done] = {}
    rows = []
    with job.record.opened() as record, Meter(f"fetch: write out {job.archive.name}", found.rows, "images") as meter:
        for row, (data, name, label) in enumerate(_rows(found)):
            parts = [found.split, found.folder(label) if found.label else None, f"{row:08}{_ending(data, name)}"]
            member = Member("/".join(filter(None, parts)), "file", len(data), zlib.crc32(data))
            path = job.path(member)
            now[path] = place(job, member, Bytes(data), path in done)
            record.note(path, now[path])
            rows.append((path, found.split, label, name))
            meter.advance()
        _write_table(job, rows)
        os.sync()  # as in extract: before the record says so
        record.finish()
    return summed(now)


def _write_table(job: Unpacking, rows: Sequence[tuple[Any, ...]]) -> None:
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(("path", "split", "label", "name"))
    table.writerows(rows)
    write_text(job.root / job.below / "images.csv", out.getvalue())


def _judge_labels(found: Shard, job: Unpacking) -> None:
    """Two labels whose names are one on some disks would be mixed there."""
    values = set(range(len(found.names or ())))
    if found.label:
        for batch in pq.ParquetFile(found.path).iter_batches(columns=[found.label]):
            values |= set(batch.column(0).to_pylist())
    folders = sorted(found.folder(value) for value in values) if found.label else []
    judge([Member("images.csv", "file"), *(Member(f"{folder}/x", "file") for folder in folders)], str(job.archive), 1)
    refuse_links(
        job.root, [f"{job.below}/{found.split or ''}/{folder}/x".replace("//", "/") for folder in folders or [""]]
    )


def _rows(found: Shard) -> Iterator[tuple[bytes, str | None, Any]]:
    """(bytes, the name they came with, label) of each row; an image that stands elsewhere has no bytes."""
    columns = [found.image, *([found.label] if found.label else [])]
    for batch in pq.ParquetFile(found.path).iter_batches(batch_size=_ROWS, columns=columns):
        images = batch.column(found.image).to_pylist()
        labels = batch.column(found.label).to_pylist() if found.label else [None] * len(images)
        for image, label in zip(images, labels, strict=True):
            if isinstance(image, dict):
                yield image["bytes"] or b"", image["path"], label
            else:
                yield image or b"", None, label


def _ending(data: bytes, name: str | None) -> str:
    """By content, else by name; else one that is listed, so that what is no image ends in quarantine, not unseen."""
    for start, ending in _STARTS.items():
        if data.startswith(start):
            return ending
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ".webp"
    if data[4:8] == b"ftyp" and data[8:12] in (b"avif", b"avis"):
        return ".avif"
    told = PurePosixPath(name or "").suffix.lower()
    return told if told in SUFFIXES else ".jpg"


def _features(file: pq.ParquetFile) -> Mapping[str, Any]:
    """The data set's features, as the library `datasets` keeps them in the schema's metadata."""
    try:
        told = json.loads((file.schema_arrow.metadata or {}).get(b"huggingface", b"{}"))
        features = told.get("info", {}).get("features", {})
    except (ValueError, AttributeError):
        return {}
    return {key: value for key, value in features.items() if isinstance(value, dict)}


def _holds_images(field: pa.Field, features: Mapping[str, Any]) -> bool:
    if pa.types.is_struct(field.type):
        kinds = {child.name: child.type for child in field.type}
        return (
            kinds.keys() >= {"bytes", "path"}
            and _is_binary(kinds["bytes"])
            and features.get(field.name, {}).get("_type", "Image") == "Image"
        )
    return _is_binary(field.type) and (field.name == "image" or features.get(field.name, {}).get("_type") == "Image")


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_label(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
    )


def _split(name: str) -> str | None:
    """The split that a shard's name (`train-00000-of-00005.parquet`) or the nearest folder above it tells."""
    path = PurePosixPath(name)
    for part in (re.split(r"[-_.]", path.name)[0], *reversed(path.parts[:-1])):
        if part.lower() in _SPLITS:
            return _SPLITS[part.lower()]
    return None
