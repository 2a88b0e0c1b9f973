"""Unpack an archive below a folder: safely, verified, and gone on with after a break at any byte.

Every member is judged before anything is written (`crossgen.data.members`). Each file is written under STATE in the same
folder and renamed, so that no half-written image is ever seen; a record of the finished members, one line each, lies
there too. A second run believes the record as far as sizes and times of change agree and reads again what differs;
after a break it reads every finished file and compares its CRC-32 with the archive's.
"""

import json
import logging
import os
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from crossgen.data.members import STATE, Member
from crossgen.data.names import shown
from crossgen.data.tars import Tar
from crossgen.data.zips import Zip
from crossgen.files import unwritable
from crossgen.progress import Meter

LOG = logging.getLogger(__name__)
_PIECE = 1 << 20


@dataclass(frozen=True)
class Unpacking:
    """What is unpacked where. `identity` is the archive's digest, `limit` unpacked bytes at most."""

    archive: Path
    root: Path
    identity: str
    limit: int

    @property
    def record(self) -> Path:
        """Where the finished members are written down."""
        return self.root / STATE / f"{self.identity[:32]}.members"


class Archive(Protocol):
    """What both kinds of archive offer."""

    files: list[Member]

    def contents(self) -> Iterator[tuple[Member, Any]]:
        """Each file with a way to read it before the next is asked for."""


@dataclass(frozen=True, slots=True)
class Done:
    """A file that stands as it was unpacked."""

    size: int
    crc: int
    changed: int  # st_mtime_ns


def verified(job: Unpacking) -> dict[str, int] | None:
    """Numbers of files and bytes if all was unpacked and still stands as recorded; None: `unpack` has work to do.

    A file whose time of change differs is read again: a copied tree is as good as the first.
    """
    done, is_finished = _recall(job.record)
    if not is_finished:
        return None
    for path, facts in done.items():
        if not _stands(job.root / path, facts):
            LOG.warning(f"{shown(job.root / path)} is not as it was unpacked: it is unpacked again")
            return None
    return _summed(done)


def unpack(job: Unpacking) -> dict[str, int]:
    """Unpack what does not stand yet; returns numbers of files and bytes of the archive.

    Raises ValueError (a member that may not be unpacked, a damaged one, a file in its place that is not ours), OSError.
    """
    done, _ = _recall(job.record)
    with opened(job.archive, job.limit) as archive:
        _refuse_links(job.root, archive.files)
        enough_room(job.root, _missing(job.root, archive.files), f"unpack {job.archive}")
        job.record.parent.mkdir(parents=True, exist_ok=True)
        with (
            open(job.record, "ab") as record,
            Meter(f"fetch: unpack {job.archive.name}", len(archive.files), "files") as meter,
        ):
            if record.tell():
                record.write(b"\n")  # ends a line that a break cut
            now: dict[str, Done] = {}
            for member, content in archive.contents():
                now[member.path] = _place(job, member, content, member.path in done)
                _note(record, member.path, now[member.path])
                meter.advance()
            os.sync()  # before the record says that all of it is there: a power cut may not make it a lie
            _note(record, None, None)
    return _summed(now)


def opened(path: Path, limit: int) -> Zip | Tar:
    """The archive, judged, by what it holds rather than by its name. Raises ValueError that names it."""
    with open(path, "rb") as file:
        start = file.read(4)
    return Zip(path, limit) if start in (b"PK\x03\x04", b"PK\x05\x06") else Tar(path, limit)


def enough_room(folder: Path, needed: int, what: str) -> None:
    """Raises OSError that says how much is missing if the disk of `folder` has no room for so many bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OSError(f"{folder}: to {what} takes {needed:,} bytes, and {free:,} are free: make room, then run again.")


def _place(job: Unpacking, member: Member, content: Any, is_ours: bool) -> Done:  # noqa: ANN401 (see Archive)
    target = job.root / member.path
    if member.crc is not None and _holds(target, member.size, member.crc):
        return Done(member.size, member.crc, target.stat().st_mtime_ns)
    part = job.root / STATE / f"{job.identity[:32]}.part"
    try:
        with open(part, "wb") as out:
            crc = _copied(content, member, job, out)
        if not _holds(target, member.size, crc):
            _refuse_foreign(target, is_ours)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(part, target)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        part.unlink(missing_ok=True)
    return Done(member.size, crc, target.stat().st_mtime_ns)


def _holds(path: Path, size: int, crc: int) -> bool:
    return path.is_file() and path.stat().st_size == size and crc_of(path) == crc


def _refuse_foreign(target: Path, is_ours: bool) -> None:
    if os.path.lexists(target) and not is_ours:
        raise ValueError(
            f"{shown(target)} is there and is not the archive's: move it away, or choose another root, and run again."
        )


def _copied(content: Any, member: Member, job: Unpacking, out: IO[bytes]) -> int:  # noqa: ANN401
    """Read a member to its end, counting; its CRC-32. Raises ValueError as soon as there is more than it declared."""
    where, size, crc = f"{job.archive}: member {shown(member.name)}", 0, 0
    with content.opened() as stream:
        while piece := stream.read(_PIECE):
            size += len(piece)
            if size > member.size:
                raise ValueError(f"{where} holds more than the {member.size:,} bytes it declares (a bomb).")
            crc = zlib.crc32(piece, crc)
            out.write(piece)
    if size < member.size:
        raise ValueError(f"{where} is damaged: {size:,} of {member.size:,} bytes.")
    if member.crc not in (None, crc):
        raise ValueError(f"{where} is damaged: its CRC-32 is {crc:08x}, not {member.crc:08x}.")
    return crc


def crc_of(path: Path) -> int:
    """CRC-32 of a file's bytes."""
    crc = 0
    with open(path, "rb") as file:
        while piece := file.read(_PIECE):
            crc = zlib.crc32(piece, crc)
    return crc


def _stands(path: Path, facts: Done) -> bool:
    try:
        state = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    if state.st_size != facts.size:
        return False
    return state.st_mtime_ns == facts.changed or crc_of(path) == facts.crc


def _missing(root: Path, files: list[Member]) -> int:
    """Bytes still to be written, as far as names tell."""
    return sum(file.size for file in files if not (root / file.path).exists())


def _refuse_links(root: Path, files: list[Member]) -> None:
    """A link below the root that a member would pass through leads elsewhere, whoever laid it."""
    for folder in sorted({file.path.rpartition("/")[0] for file in files} | {STATE}):
        here = root
        for part in filter(None, folder.split("/")):
            here = here / part
            if here.is_symlink():
                raise ValueError(f"{shown(here)} is a link: nothing is unpacked through it; remove it and run again.")


def _note(record: IO[bytes], path: str | None, facts: Done | None) -> None:
    """One line; the last one, without a path, says that all is done. Not buffered: a kill loses at most one line."""
    line = {"finished": True} if facts is None else [path, facts.size, facts.crc, facts.changed]
    record.write(json.dumps(line).encode() + b"\n")
    record.flush()


def _recall(record: Path) -> tuple[dict[str, Done], bool]:
    """Finished members by path, and whether the last run came to its end; lines that a break cut are passed over."""
    done: dict[str, Done] = {}
    is_finished = False
    if not record.is_file():
        return done, is_finished
    with open(record, "rb") as lines:
        for line in lines:
            try:
                entry = json.loads(line)
                if isinstance(entry, list):
                    done[entry[0]] = Done(*entry[1:])
                is_finished = isinstance(entry, dict)
            except (ValueError, TypeError, IndexError):
                continue
    return done, is_finished


def _summed(done: dict[str, Done]) -> dict[str, int]:
    return {"files": len(done), "bytes": sum(facts.size for facts in done.values())}
