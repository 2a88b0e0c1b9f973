"""One file, fetched whole: gone on with after a break at any byte, verified, and only then given its name."""

import hashlib
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from crossgen.data.fetch.http import CHUNK, Counter, Remote
from crossgen.data.locks import refuse_second
from crossgen.files import unwritable

LOG = logging.getLogger(__name__)

#: Downloads of a file that comes whole, but wrong, before it is called wrong.
ROUNDS = 3

__all__ = ["Remote", "digest_of", "fetch_file", "is_right", "partial_of"]


def fetch_file(
    url: str | Callable[[], str] | Remote,
    target: Path,
    *,
    size: int | None,
    digest: tuple[str, str] | None,
    meter: Counter | None = None,
) -> None:
    """Fetch `url` (or what a resolver gives, asked anew when that expires) to `target`.

    Bytes go to `<target>.partial` and stay there whatever happens; the next call goes on from them by a range, after it
    has digested them. `digest` is (algorithm of hashlib, hexadecimal digits), `size` in bytes. A file that is already
    there is left if its digest is right. `meter` counts bytes. Raises OSError (the network, the disk), ValueError for
    bytes that are wrong each time.
    """
    remote = url if isinstance(url, Remote) else Remote(url, target.name if callable(url) else None)
    wrong = ""
    target.parent.mkdir(parents=True, exist_ok=True)
    if digest and target.is_file() and is_right(target, size, digest):
        if meter:
            meter.advance(target.stat().st_size)
        return None
    for _ in range(ROUNDS):
        with Partial(target, size, digest, meter) as partial:
            if not partial.is_full:
                remote.pour(partial, meter)
            wrong = partial.fault()
            if not wrong:
                return partial.keep()
            LOG.warning(f"{target}: {wrong}; fetching it again")
            partial.discard()
        remote.renew()
    partial_of(target).unlink(missing_ok=True)
    raise ValueError(f"{target} from {remote.name}: {wrong}, {ROUNDS} times: nothing was kept")


class Partial:
    """`<target>.partial`: what has come of a file, and its digest so far. One process at a time holds it."""

    def __init__(self, target: Path, size: int | None, digest: tuple[str, str] | None, meter: Counter | None) -> None:
        self.target, self.path, self._digest, self._meter = target, partial_of(target), digest, meter
        self.size, self.stop, self.position = size, size, 0
        self._mark = target.with_name(target.name + ".partial.etag")
        self.etag: str | None = None

    def __enter__(self) -> "Partial":
        self._file = open(self.path, "ab", buffering=0)
        refuse_second(self._file, f"{self.path} is being written by another process")
        self._running = hashlib.new(self._digest[0] if self._digest else "md5", usedforsecurity=False)
        for data in _chunks(self.path):
            self._running.update(data)
            self._count(data)
        if self.size is not None and self.position > self.size:
            self.discard()
        self.etag = self._mark.read_text(encoding="utf-8") if self.position and self._mark.is_file() else None
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def is_full(self) -> bool:
        """Whether every byte is here (as far as the size is known)."""
        return self.position == self.size

    def write(self, data: bytes) -> None:
        """Take the bytes at `position`. Raises OSError that names the file."""
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise OSError(f"cannot write {self.path}: {error}. Make room, then run again: it goes on.") from error
        self._running.update(data)
        self._count(data)

    def begin(self, etag: str | None) -> None:
        """Start from the first byte."""
        self.discard()
        self.etag = etag
        if etag:
            self._mark.write_text(etag, encoding="utf-8")

    def discard(self) -> None:
        """Forget all bytes."""
        if self._meter:
            self._meter.advance(-self.position)
        self._file.truncate(0)
        self._running = hashlib.new(self._running.name, usedforsecurity=False)
        self.position, self.etag = 0, None
        self._mark.unlink(missing_ok=True)

    def fault(self) -> str:
        """What is wrong with the bytes, or nothing."""
        if self.size is not None and self.position != self.size:
            return f"{self.position} bytes instead of {self.size}"
        found = self._running.hexdigest()
        if self._digest and found != self._digest[1].lower():
            return f"{self._digest[0]} {found} instead of {self._digest[1].lower()}"
        return ""

    def keep(self) -> None:
        """Give the file its name. Raises OSError."""
        try:
            os.fsync(self._file.fileno())
            os.replace(self.path, self.target)
        except OSError as error:
            raise unwritable(self.target, error) from error
        self._mark.unlink(missing_ok=True)

    def _count(self, data: bytes) -> None:
        self.position += len(data)
        if self._meter:
            self._meter.advance(len(data))


def partial_of(target: Path) -> Path:
    """Where the bytes of a file are until they are verified."""
    return target.with_name(target.name + ".partial")


def digest_of(path: Path, algorithm: str) -> str:
    """Hexadecimal digest of a file's bytes."""
    running = hashlib.new(algorithm, usedforsecurity=False)
    for data in _chunks(path):
        running.update(data)
    return running.hexdigest()


def is_right(path: Path, size: int | None, digest: tuple[str, str]) -> bool:
    """Whether a file has these many bytes (None: any) and this digest."""
    return size in (None, path.stat().st_size) and digest_of(path, digest[0]) == digest[1].lower()


def _chunks(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while data := file.read(4 * CHUNK):
            yield data
