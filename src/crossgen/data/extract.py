"""Unpack an archive below a folder: safely, verified, and gone on with after a break at any byte.

Every member is judged before anything is written (`crossgen.data.members`). Each file is written under STATE in the
root and renamed, so that no half-written image is ever seen; a record of the finished members, one line each, lies
there too. A second run believes the record as far as sizes and times of change agree and reads again what differs;
after a break it reads every finished file and compares its CRC-32 with the archive's.
"""

import os
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from crossgen.data.members import STATE, Member
from crossgen.data.names import shown
from crossgen.data.record import Done, Record, holds, summed
from crossgen.data.room import refuse_without_room
from crossgen.data.tars import COMPRESSED, Tar
from crossgen.data.zips import Zip
from crossgen.files import unwritable
from crossgen.progress import Meter

_PIECE = 1 << 20
_TAR_MARK = 257  # bytes before a tar's own mark


@dataclass(frozen=True)
class Unpacking:
    """What is unpacked where. `identity` is the archive's digest, `limit` unpacked bytes at most; `below`: a folder of
    the root that all of it goes to (the records stay at the root)."""

    archive: Path
    root: Path
    identity: str
    limit: int
    below: str = ""

    @property
    def record(self) -> Record:
        """Where the finished members are written down."""
        return Record(self.root / STATE / f"{self.identity[:32]}.members", self.root)

    def path(self, member: Member) -> str:
        """Where a member goes, below the root."""
        return f"{self.below}/{member.path}" if self.below else member.path


class Content(Protocol):
    """How to read one member, once, before the next is asked for."""

    def opened(self) -> AbstractContextManager[IO[bytes]]:
        """Its stream."""


def verified(job: Unpacking) -> dict[str, int] | None:
    """Numbers of files and bytes if all was unpacked and still stands as recorded; None: `unpack` has work to do."""
    return job.record.verified()


def unpack(job: Unpacking) -> dict[str, int]:
    """Unpack what does not stand yet; returns numbers of files and bytes of the archive.

    Raises ValueError (a member that may not be unpacked, a damaged one, a file in its place that is not ours), OSError.
    """
    done, _ = job.record.recall()
    with opened(job.archive, job.limit) as archive:
        files = {job.path(file): file for file in archive.files}
        refuse_links(job.root, files)
        refuse_without_room(job.root, missing_bytes(job.root, files), f"unpack {job.archive}")
        now: dict[str, Done] = {}
        with (
            job.record.opened() as record,
            Meter(f"fetch: unpack {job.archive.name}", len(archive.files), "files") as meter,
        ):
            for member, content in archive.contents():
                path = job.path(member)
                now[path] = place(job, member, content, path in done)
                record.note(path, now[path])
                meter.advance()
            os.sync()  # before the record says that all of it is there: a power cut may not make it a lie
            record.finish()
    return summed(now)


def opened(path: Path, limit: int) -> Zip | Tar:
    """The archive, judged, by what it holds rather than by its name. Raises ValueError that names it."""
    with open(path, "rb") as file:
        start = file.read(_TAR_MARK + 5)
    is_tar = start.startswith(COMPRESSED) or start[_TAR_MARK:] == b"ustar"
    is_zip = start.startswith((b"PK\3\4", b"PK\5\6")) or (not is_tar and zipfile.is_zipfile(path))
    return Zip(path, limit) if is_zip else Tar(path, limit)


def place(job: Unpacking, member: Member, content: Content, is_ours: bool) -> Done:
    """Write one file whole, unless it stands already. `is_ours`: an earlier run put there what stands there now.

    Raises ValueError (a damaged member, a file of someone else), OSError.
    """
    target = job.root / job.path(member)
    if member.crc is not None and holds(target, member.size, member.crc):
        return Done(member.size, member.crc, target.stat().st_mtime_ns)
    part = job.root / STATE / f"{job.identity[:32]}.part"
    try:
        with open(part, "wb") as out:
            crc = _copied(content, member, job, out)
        if not holds(target, member.size, crc):
            refuse_foreign(target, is_ours)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(part, target)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        part.unlink(missing_ok=True)
    return Done(member.size, crc, target.stat().st_mtime_ns)


def refuse_foreign(target: Path, is_ours: bool) -> None:
    """Raises ValueError for a file that an earlier run did not put there."""
    if os.path.lexists(target) and not is_ours:
        raise ValueError(
            f"{shown(target)} is there and is not the archive's: move it away, or choose another root, and run again."
        )


def _copied(content: Content, member: Member, job: Unpacking, out: IO[bytes]) -> int:
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


def missing_bytes(root: Path, files: Mapping[str, Member]) -> int:
    """Bytes still to be written, as far as names tell; `files` by their paths below the root."""
    return sum(file.size for path, file in files.items() if not (root / path).exists())


def refuse_links(root: Path, paths: Iterable[str]) -> None:
    """Raises ValueError for a link below the root that a file would pass through: it leads elsewhere."""
    for folder in sorted({path.rpartition("/")[0] for path in paths} | {STATE}):
        here = root
        for part in filter(None, folder.split("/")):
            here = here / part
            if here.is_symlink():
                raise ValueError(f"{shown(here)} is a link: nothing is unpacked through it; remove it and run again.")
