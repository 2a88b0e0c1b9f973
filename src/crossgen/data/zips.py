"""Members of a zip, judged more strictly than Python's zipfile does (which in 3.11 lets members overlap)."""

import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from copy import copy
from pathlib import Path
from typing import IO

from crossgen.data.members import Member, judge
from crossgen.data.names import shown

_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
_LOCAL_HEADER = 30  # bytes before the name (PKWARE's APPNOTE 4.3.7)


class Zip:
    """A zip whose members were judged; closed by `with`."""

    def __init__(self, path: Path, limit: int) -> None:
        """Raises ValueError: no zip, or a member that may not be unpacked (see `crossgen.data.members`)."""
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} is no readable zip: {error}.") from error
        self.path = path
        try:
            infos = self._zip.infolist()
            self.files = judge(map(_member, infos), str(path), limit)
            self._ends = _ends(infos, self._zip.start_dir, path)
            for info in infos:
                _refuse_unreadable(info, path)
        except ValueError:
            self._zip.close()
            raise
        self._infos = {info.orig_filename: info for info in infos}

    def __enter__(self) -> "Zip":
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def contents(self) -> Iterator[tuple[Member, "Content"]]:
        """Each file with a way to read it, in the order in which they lie in the archive."""
        for member in sorted(self.files, key=lambda file: self._infos[file.name].header_offset):
            yield member, Content(self, member)

    @contextmanager
    def opened(self, member: Member) -> Iterator[IO[bytes]]:
        """What a member holds, and up to one byte beyond its declared size. Raises ValueError that names it."""
        info = copy(self._infos[member.name])
        info.file_size += 1  # so that a stream that goes on is seen, not cut
        del info.CRC  # whoever reads compares it: zipfile would call a bomb a wrong checksum
        try:
            self._refuse_long_header(info)
            with self._zip.open(info) as stream:
                yield stream
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise ValueError(f"{self.path}: member {shown(member.name)} is damaged: {error}.") from error

    def _refuse_long_header(self, info: zipfile.ZipInfo) -> None:
        """The length of the extra field there is told there alone: with it, too, a member must end before the next."""
        file = self._zip.fp
        if file is None:
            raise ValueError(f"{self.path} is closed.")
        file.seek(info.header_offset + 26)
        lengths = file.read(4)
        taken = int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")
        if info.header_offset + _LOCAL_HEADER + taken + info.compress_size > self._ends[info.header_offset]:
            raise ValueError(f"{self.path}: member {shown(info.filename)} overlaps the one after it (a zip bomb).")


class Content:
    """How to read one member, once."""

    def __init__(self, archive: Zip, member: Member) -> None:
        self._archive, self._member = archive, member

    def opened(self) -> AbstractContextManager[IO[bytes]]:
        """The member's stream."""
        return self._archive.opened(self._member)


def _member(info: zipfile.ZipInfo) -> Member:
    mode = stat.S_IFMT(info.external_attr >> 16)
    kind = "folder" if info.orig_filename.endswith("/") else "file"
    if stat.S_ISLNK(mode):
        kind = "symbolic link"
    elif mode and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        kind = "device, pipe or socket"
    elif stat.S_ISDIR(mode):
        kind = "folder"
    return Member(info.orig_filename, kind, info.file_size, info.CRC)


def _refuse_unreadable(info: zipfile.ZipInfo, path: Path) -> None:
    reason = None
    if info.flag_bits & 0x2041:
        reason = "is encrypted: unpack it yourself and use a folder source"
    elif info.compress_type not in _METHODS:
        reason = (
            f"is compressed by method {info.compress_type}, which Python's zipfile cannot read: re-pack the archive"
        )
    if reason:
        raise ValueError(f"{path}: member {shown(info.orig_filename)} {reason}; nothing was unpacked.")


def _ends(infos: list[zipfile.ZipInfo], directory: int, path: Path) -> dict[int, int]:
    """Start of each member to where the next one, or the directory, starts. Raises ValueError where two share bytes."""
    ordered = sorted(infos, key=lambda info: info.header_offset)
    ends: dict[int, int] = {}
    for info, after in zip(ordered, [*ordered[1:], None], strict=True):
        end = after.header_offset if after else directory
        least = info.header_offset + _LOCAL_HEADER + len(info.orig_filename) + info.compress_size
        if info.header_offset < 0 or least > end:
            what = f"member {shown(after.orig_filename)}" if after else "the archive's directory"
            raise ValueError(
                f"{path}: member {shown(info.orig_filename)} overlaps {what} (a zip bomb, or volumes"
                " of one archive joined wrongly); nothing was unpacked."
            )
        ends[info.header_offset] = end
    return ends
