"""What was unpacked, written down file by file, so that a killed run goes on and a finished one is believed."""

import json
import logging
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from crossgen.data.names import shown
from crossgen.files import write_whole

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Done:
    """A file as it was unpacked: bytes, CRC-32 and time of change (st_mtime_ns)."""

    size: int
    crc: int
    changed: int


@dataclass(frozen=True)
class Record:
    """`path`: a file of one JSON line a member; `root`: the folder that members' paths are below."""

    path: Path
    root: Path

    def recall(self) -> tuple[dict[str, Done], bool]:
        """Finished members by path, and whether the last run came to its end; what a break cut is passed over."""
        done: dict[str, Done] = {}
        is_finished = False
        if not self.path.is_file():
            return done, is_finished
        with open(self.path, "rb") as lines:
            for line in lines:
                try:
                    entry = json.loads(line)
                    if isinstance(entry, list):
                        done[entry[0]] = Done(*entry[1:])
                    is_finished = isinstance(entry, dict)
                except (ValueError, TypeError, IndexError):
                    continue
        return done, is_finished

    def rewrite(self, done: Mapping[str, Done]) -> None:
        """Keep these members alone, unfinished."""
        write_whole(self.path, lambda part: part.write_bytes(b"".join(map(_line, done, done.values()))))

    @contextmanager
    def opened(self) -> Iterator["Pen"]:
        """Write on."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "ab", buffering=0) as file:
            file.write(b"\n")  # ends a line that a break cut
            yield Pen(file)

    def verified(self) -> dict[str, int] | None:
        """Numbers of files and bytes if all was unpacked and still stands; None: there is work to do.

        A file whose time of change differs is read again: a copied tree is as good as the first.
        """
        done, is_finished = self.recall()
        if not is_finished:
            return None
        for path, facts in done.items():
            if not _stands(self.root / path, facts):
                LOG.warning(f"{shown(self.root / path)} is not as it was unpacked: it is unpacked again")
                return None
        return summed(done)


class Pen:
    """Writes a record; every line at once, so that a kill loses at most one."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def note(self, path: str, facts: Done) -> None:
        """A file stands."""
        self._file.write(_line(path, facts))

    def finish(self) -> None:
        """All of them do."""
        self._file.write(b'{"finished": true}\n')


def _line(path: str, facts: Done) -> bytes:
    return json.dumps([path, facts.size, facts.crc, facts.changed]).encode() + b"\n"


def summed(done: Mapping[str, Done]) -> dict[str, int]:
    """Numbers of files and bytes."""
    return {"files": len(done), "bytes": sum(facts.size for facts in done.values())}


def crc_of(path: Path) -> int:
    """CRC-32 of a file's bytes."""
    crc = 0
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            crc = zlib.crc32(piece, crc)
    return crc


def holds(path: Path, size: int, crc: int) -> bool:
    """Whether a file of these bytes stands there."""
    return path.is_file() and path.stat().st_size == size and crc_of(path) == crc


def _stands(path: Path, facts: Done) -> bool:
    try:
        state = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    if state.st_size != facts.size:
        return False
    return state.st_mtime_ns == facts.changed or crc_of(path) == facts.crc
