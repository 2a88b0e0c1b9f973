"""Files as bytes: whole, or both ends of them."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from crossgen.data import jpeg, png
from crossgen.data.images import MAX_BYTES, Unusable

Read = TypeVar("Read")

#: Bytes read at first of the beginning, and of the end: nearly always enough.
HEAD, TAIL = 8192, 4096

#: First bytes of a format -> where its pixel data begin, and what stands at its end.
_MARKED: dict[bytes, tuple[Callable[[bytes], int | None], bytes]] = {
    b"\xff\xd8": (jpeg.data_start, b"\xff\xd9"),
    b"\x89P": (png.data_start, b"IEND"),
}


def read_file(path: Path) -> bytes:
    """Bytes of an image file.

    Raises Unusable: `missing` for what is not there, `unreadable`, `too_large` for what cannot be read.
    """
    return _guarded(path, lambda _: path.read_bytes())


def read_ends(path: Path) -> tuple[bytes, int | None]:
    """What stands before the pixels of a JPEG or PNG file, and its size in bytes, if its end marker is at its end.

    Else, and of other formats, the whole file and None: only a file whose end was seen is known to be whole. Raises
    Unusable as `read_file` does.
    """
    return _guarded(path, lambda size: _ends(path, size))


def _ends(path: Path, size: int) -> tuple[bytes, int | None]:
    file = os.open(path, os.O_RDONLY)
    try:
        return _ends_of(file, size)
    finally:
        os.close(file)


def _ends_of(file: int, size: int) -> tuple[bytes, int | None]:
    head = _read(file, 0, HEAD if size > HEAD + TAIL else size)
    if len(head) == size or head[:2] not in _MARKED:
        return head + _read(file, len(head), size - len(head)), None
    data_start, end = _MARKED[head[:2]]
    start = data_start(head)
    while start is None and 2 * len(head) <= size - TAIL:
        head += _read(file, len(head), len(head))
        start = data_start(head)
    if start is None or end not in _read(file, max(size - TAIL, start), TAIL):
        return head + _read(file, len(head), size - len(head)), None
    return head, size


def _read(file: int, start: int, length: int) -> bytes:
    """All bytes of a range that are there."""
    parts = []
    while length > 0 and (part := os.pread(file, length, start)):
        parts.append(part)
        start, length = start + len(part), length - len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _guarded(path: Path, read: Callable[[int], Read]) -> Read:
    """What `read` makes of a file of so many bytes, once it is known to be a regular one of a sane size."""
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):  # to open a pipe would wait for ever
            raise Unusable("unreadable", f"{path} is no regular file")
        if state.st_size > MAX_BYTES:
            raise Unusable("too_large", f"{path} has {state.st_size} bytes")
        return read(state.st_size)
    except OSError as error:
        gone = isinstance(error, FileNotFoundError) and not path.is_symlink()
        raise Unusable("missing" if gone else "unreadable", str(error)) from error
