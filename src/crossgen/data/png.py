"""PNG: whether a file is whole and intact."""

import zlib
from collections.abc import Container, Iterator

#: Chunks that pixels depend on; a wrong checksum of any other (text, time, profile) does not matter.
_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT")


def is_complete(blob: bytes) -> bool:
    """Whether the end chunk is there, at a glance."""
    return blob.rfind(b"IEND") >= 0


def is_intact(blob: bytes) -> bool:
    """Whether the checksum of every chunk that pixels depend on is right (Pillow does not look at those of IDAT)."""
    return all(crc == zlib.crc32(content) for name, content, crc in _chunks(blob) if name in _PIXELS)


def data_start(blob: bytes) -> int | None:
    """Where the first pixel data begin; None if that lies beyond `blob`."""
    at = 8
    while at + 8 <= len(blob):
        if blob[at + 4 : at + 8] == b"IDAT":
            return at + 8
        at += 12 + int.from_bytes(blob[at : at + 4], "big")
    return None


def named(blob: bytes, names: Container[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """(name, data) of each whole chunk of one of these names."""
    for name, content, crc in _chunks(blob):
        if name in names and crc is not None:
            yield name, bytes(content[4:])


def _chunks(blob: bytes) -> Iterator[tuple[bytes, memoryview, int | None]]:
    """(name, name and data, checksum) of each chunk up to the end chunk; the checksum is None where the file stops."""
    view, at = memoryview(blob), 8
    while at + 8 <= len(blob):
        name, end = blob[at + 4 : at + 8], at + 8 + int.from_bytes(blob[at : at + 4], "big")
        yield name, view[at + 4 : end], int.from_bytes(blob[end : end + 4], "big") if end + 4 <= len(blob) else None
        if name == b"IEND":
            return
        at = end + 4
