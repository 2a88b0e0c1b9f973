"""Alignment: images re-encoded once, to files, so that both labels carry the same compression.

UnbiasedGenImage re-encodes each fake in every epoch; here training reads what was written once. The whole image is
encoded, before any crop, so that the compression grid starts at the image's own corner, as in a real photograph.

With a fixed quality and chroma subsampling every training image of a pool is written, for all subsets that align so;
drawn ones belong to one selection, and only its images are written (`crossgen.data.drawn`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import PIL
import pyarrow as pa

from crossgen import records
from crossgen.config import Alignment
from crossgen.data import unfinished
from crossgen.data.drawn import Choice, Encoding, fixed
from crossgen.data.images import Unusable, decode, refuse_unwritable
from crossgen.data.jpeg import encode
from crossgen.data.manifest import facts_of
from crossgen.data.names import located
from crossgen.data.parallel import ordered
from crossgen.files import unwritable
from crossgen.progress import track

#: Raised when aligned pixels change.
VERSION = 1

LABELS = {"real": (0,), "fake": (1,), "all": (0, 1)}
CHECKPOINT = 100  # images between two entries of the journal: so many at most are done again after a kill

Row = dict[Any, Any]


@dataclass(frozen=True)
class Job:
    """How many threads encode, and the journal of what an earlier job wrote to the same folder (None: none is kept)."""

    threads: int = 1
    journal: unfinished.Journal | None = None


ALONE = Job()


def concerned(rows: pd.DataFrame, alignment: Alignment) -> pd.DataFrame:
    """Usable train and val images that an alignment re-encodes."""
    usable = rows[rows["split"].isin(["train", "val"]) & rows["quarantine"].isna()]
    chosen: pd.DataFrame = usable[usable["label"].isin(LABELS[alignment.to])]
    return chosen


def align(manifest: pd.DataFrame, root: Path, alignment: Alignment, target: Path, job: Job = ALONE) -> pd.DataFrame:
    """Re-encode the usable train and val images of a manifest into `target`; returns their new manifest rows.

    Raises as `reencode` does, and ValueError for an alignment that draws.
    """
    return reencode(concerned(manifest, alignment), root, fixed(alignment), target, job)


def reencode(rows: pd.DataFrame, root: Path, choice: Choice, target: Path, job: Job = ALONE) -> pd.DataFrame:
    """Encode every image of `rows` into `target` as `choice` says (or copy its file); returns their new manifest rows.

    `path` of a row is the file's name inside `target`; an image that cannot be decoded keeps a row, quarantined. Files
    and rows are the same for any number of threads. Raises OSError for a file that can no longer be read: a fault of
    the disk, not to be remembered as the image's.
    """
    journal = job.journal
    done = dict(line.split(" ") for line in journal.lines) if journal else {}

    def one(numbered: tuple[int, Row]) -> Row:
        number, row = numbered
        encoding = choice(row["image_id"])
        name = f"{number:06d}{'.jpg' if encoding else Path(row['path']).suffix}"
        kept = _kept(target / name, done.get(name))
        return row | (kept or _written(row, root, encoding, target / name))

    written: list[Row] = []
    told = 0
    for row in track(ordered(one, enumerate(rows.to_dict("records")), job.threads), "align_jpeg", len(rows)):
        written.append(row)
        if journal and len(written) - told >= CHECKPOINT:
            journal.append(_entries(written[told:], done))
            told = len(written)
    return pd.DataFrame(written, columns=list(rows.columns))


def _entries(rows: Sequence[Row], done: dict[str, str]) -> list[str]:
    names = {row["path"]: row["blake3"] for row in rows if not row["quarantine"]}
    return [f"{name} {digest}" for name, digest in names.items() if done.get(name) != digest]


def _kept(target: Path, digest: str | None) -> dict[str, object] | None:
    """Facts of a file that an earlier job wrote, if it is still what it was."""
    if digest is None or not target.is_file():
        return None
    facts = facts_of(target.read_bytes())
    return {"path": target.name, **facts} if facts["blake3"] == digest else None


def _written(row: Row, root: Path, encoding: Encoding | None, target: Path) -> dict[str, object]:
    blob = located(root, str(row["path"])).read_bytes()
    try:
        image = decode(blob)
        refuse_unwritable(image, "JPEG")
    except Unusable as error:
        return {"quarantine": error.reason}
    blob = encode(image, *encoding) if encoding else blob
    try:
        target.write_bytes(blob)
    except OSError as error:
        target.unlink(missing_ok=True)
        raise unwritable(target, error) from error
    return {"path": target.name, **facts_of(blob)}


def write_folder(
    output: Path, identity: Sequence[object], write: Callable[[Path, Job], pd.DataFrame], threads: int
) -> pd.DataFrame:
    """Let `write` fill a folder, add the rows that it returns as `index.parquet`, and put it at `output`, whole.

    Killed, and called again with the same `identity`, it goes on where it stopped, to the same bytes.
    """
    made = [*identity, VERSION, PIL.__version__]  # another Pillow may write other bytes
    with unfinished.resuming(output, made) as place:
        images = place / "images"
        images.mkdir(exist_ok=True)
        rows = write(images, Job(threads, unfinished.Journal(place)))
        index = place / "index.parquet"  # not in the folder: a kill would leave its temporary name there
        records.write(index, pa.Table.from_pandas(rows, preserve_index=False), records.MANIFEST)
        index.replace(images / index.name)
        unfinished.replace(images, output)
    return rows
