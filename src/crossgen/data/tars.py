"""Members of a tar (plain or compressed by gzip, bzip2, xz), judged before any is read.

A compressed tar is read twice: it has no directory, and nothing may be written before every name is known.
"""

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from crossgen.data.members import Member, judge
from crossgen.data.names import shown

_OPENERS: Mapping[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open,
}  # fmt: skip
COMPRESSED = tuple(_OPENERS)
#: No header of a tar is that long: one that says so would fill the memory.
_LONGEST_READ = 1 << 24
_DAMAGED = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError)


class _Guarded(io.RawIOBase):
    """A stream that refuses single reads of absurd size (a header's claim) and remembers the last bytes it gave."""

    def __init__(self, stream: IO[bytes], path: Path) -> None:
        self._stream, self._path, self.last = stream, path, b""

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LONGEST_READ:
            raise ValueError(f"{self._path}: a header claims {size:,} bytes (a bomb); nothing more was unpacked.")
        self.last = self._stream.read(size)
        return self.last

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()


class Tar:
    """A tar whose members were judged."""

    def __init__(self, path: Path, limit: int) -> None:
        """Raises ValueError: no tar, or a member that may not be unpacked (see `crossgen.data.members`)."""
        self.path = path
        self.files = judge((_member(info) for info, _ in self._walk()), str(path), limit)

    def __enter__(self) -> "Tar":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing stays open between two walks."""

    def contents(self) -> Iterator[tuple[Member, "Content"]]:
        """Each file with a way to read it before the next is asked for."""
        for info, archive in self._walk():
            if info.isfile():
                yield _member(info), Content(archive, info, self.path)

    def _walk(self) -> Iterator[tuple[tarfile.TarInfo, tarfile.TarFile]]:
        try:
            with _decompressed(self.path) as stream:
                guarded = _Guarded(stream, self.path)
                with tarfile.open(fileobj=guarded, mode="r:", encoding="utf-8", errors="surrogateescape") as archive:
                    while (info := archive.next()) is not None:
                        yield info, archive
                        archive.members = []  # type: ignore[attr-defined]  # it would keep them all
                if guarded.last.strip(b"\0") or len(guarded.last) % tarfile.BLOCKSIZE:
                    raise tarfile.ReadError("a header in it is damaged")  # tarfile takes that for the end
                while stream.read(_LONGEST_READ >> 4):
                    """The checksum of gzip and xz stands at the very end."""
        except (*_DAMAGED, OSError) as error:
            _pass_on(error)
            raise ValueError(f"{self.path} is no readable zip or tar: {error}.") from error


class Content:
    """How to read one member, once."""

    def __init__(self, archive: tarfile.TarFile, info: tarfile.TarInfo, path: Path) -> None:
        self._archive, self._info, self._path = archive, info, path

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """The member's stream. Raises ValueError that names it."""
        stream = self._archive.extractfile(self._info)
        if stream is None:
            raise ValueError(f"{self._path}: member {shown(self._info.name)} has no content.")
        try:
            with stream:
                yield stream
        except (*_DAMAGED, OSError) as error:
            _pass_on(error)
            raise ValueError(f"{self._path}: member {shown(self._info.name)} is damaged: {error}.") from error


def _pass_on(error: Exception) -> None:
    """Errors of the disk are not the archive's; those of bz2 and gzip are OSErrors without a number."""
    if isinstance(error, OSError) and error.errno is not None:
        raise error


def _member(info: tarfile.TarInfo) -> Member:
    if info.isdir():
        return Member(info.name, "folder")
    if info.isfile():
        return Member(info.name, "file", info.size)
    if info.issym():
        return Member(info.name, "symbolic link")
    return Member(info.name, "hard link" if info.islnk() else "device, pipe or socket")


@contextmanager
def _decompressed(path: Path) -> Iterator[IO[bytes]]:
    with open(path, "rb") as file:
        start = file.read(6)
    opener = next((opener for magic, opener in _OPENERS.items() if start.startswith(magic)), None)
    with opener(path) if opener else open(path, "rb") as stream:
        yield stream
