"""An archive's list of members, fetched once and kept as Parquet; and where in the archive each of them ends."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from crossgen.data.fetch.concatenation import Concatenation
from crossgen.data.fetch.parallel import Tally, ahead
from crossgen.data.fetch.zip_directory import SCHEMA, Place, batches, pieces, place
from crossgen.data.locks import alone
from crossgen.data.members import Member as Declared
from crossgen.data.members import judge
from crossgen.files import write_whole

ATTEMPTS = 3
_START = b"crossgen.start"
_ODD = r"^/|(^|/)\.\.(/|$)|\\|\x00|^[A-Za-z]:"


class Member(NamedTuple):
    """A file in an archive. `end`: no byte at or after it belongs to the member (the next one begins there)."""

    name: str
    offset: int
    stored: int
    bytes: int
    crc: int
    method: int
    flags: int
    mode: int
    end: int


class Directory:
    """The members of an archive, as `build` wrote them."""

    def __init__(self, path: Path) -> None:
        self.path, self.file = path, pq.ParquetFile(path)
        self.start = int(self.file.schema_arrow.metadata[_START])

    @property
    def count(self) -> int:
        """How many members there are."""
        return int(self.file.metadata.num_rows)

    def forget(self) -> None:
        """Have it read anew the next time: it may be what is damaged."""
        self.path.unlink(missing_ok=True)

    def others(self, pattern: str) -> tuple[int, list[str]]:
        """How many members' names a regular expression (RE2) does not match as a whole, and the first few of them."""
        count, first = 0, list[str]()
        for batch in self.file.iter_batches(columns=["name"]):
            names = batch["name"].filter(pc.invert(pc.match_substring_regex(batch["name"], f"^(?:{pattern})$")))
            count += len(names)
            first += names[: 5 - len(first)].to_pylist()
        return count, first

    def members(self, pattern: str) -> list[Member]:
        """Those whose whole name a regular expression (RE2) matches, in the order of their bytes."""
        found = pa.Table.from_batches(list(self._matching(pattern)), SCHEMA).sort_by("offset")
        offsets = np.append(np.sort(self.file.read(columns=["offset"])["offset"].to_numpy()), self.start)
        ends = offsets[np.searchsorted(offsets, found["offset"].to_numpy(), side="right")]
        return [Member(*row) for row in zip(*found.to_pydict().values(), ends.tolist(), strict=True)]

    def _matching(self, pattern: str) -> Iterator[pa.RecordBatch]:
        for batch in self.file.iter_batches():
            yield batch.filter(pc.match_substring_regex(batch["name"], f"^(?:{pattern})$"))


def ensure(archive: Concatenation, path: Path, connections: int) -> Directory:
    """The directory kept at `path`; read from the archive if it is not there. Processes wait for one another.

    Raises OSError, ValueError for an archive that is damaged, or that ranges bring damaged three times.
    """
    with alone(path.with_suffix(".lock")):
        for part in path.parent.glob(f".{path.name}.*.part"):  # a killed process left it
            part.unlink()
        for attempt in range(ATTEMPTS):
            try:
                if not path.is_file():
                    build(archive, path, connections)
                return Directory(path)
            except (ValueError, KeyError):
                path.unlink(missing_ok=True)
                if attempt == ATTEMPTS - 1:
                    raise
    raise AssertionError


def build(archive: Concatenation, path: Path, connections: int) -> None:
    """Read an archive's directory, in ranges, and write it to `path`, a batch at a time."""
    found = place(archive.read, archive.size)
    with Tally("directory of the archive", 1, found.size) as tally:
        parts = ahead(lambda extent: archive.read(*extent, tally), pieces(found), connections, tally)
        write_whole(path, lambda part: _write(part, batches(parts, found), found))
        tally.finish()


def _write(path: Path, rows: Iterator[pa.RecordBatch], found: Place) -> None:
    schema = SCHEMA.with_metadata({_START: str(found.start).encode()})
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in rows:
            _refuse_unsafe(batch)
            writer.write_batch(batch.replace_schema_metadata(schema.metadata))


def _refuse_unsafe(rows: pa.RecordBatch) -> None:
    """Raise ValueError for names that lead out of a folder, links and devices, wanted or not."""
    kinds = pc.bit_wise_and(rows["mode"], pa.scalar(0xF000, pa.uint16()))
    is_file = pc.is_in(kinds, value_set=pa.array([0, stat.S_IFREG], pa.uint16()))
    is_odd = pc.or_(pc.match_substring_regex(rows["name"], _ODD), pc.invert(is_file))
    odd = rows.filter(is_odd).select(["name", "mode", "bytes"]).to_pylist()
    if odd:
        judge((declared(**row) for row in odd), "the archive", sum(row["bytes"] for row in odd))


def declared(name: str, mode: int, bytes: int) -> Declared:
    """A member as the gate of all archives judges it."""
    kind = stat.S_IFMT(mode)
    what = "symbolic link" if kind == stat.S_IFLNK else "device or other special file"
    return Declared(name, "file" if kind in (0, stat.S_IFREG) else what, bytes)
