"""PNG: whether a file is whole and intact."""

import zlib
from collections.abc import Iterator

#: Chunks that pixels depend on; a wrong checksum of any other (text, time, profile) does not matter.
_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT")


def is_complete(blob: bytes) -> bool:
    """Whether the end chunk is there, at a glance."""
    return blob.rfind(b"IEND") >= 0


def is_intact(blob: bytes) -> bool:
    """Whether the checksum of every chunk that pixels depend on is right (Pillow does not look at those of IDAT)."""
    return all(crc == zlib.crc32(content) for name, content, crc in _chunks(blob) if name in _PIXELS)


def _chunks(blob: bytes) -> Iterator[tuple[bytes, memoryview, int | None]]:
    """(name, name and data, checksum) of each chunk up to the end chunk; the checksum is None where the file stops."""
    view, at = memoryview(blob), 8
    while at + 8 <= len(blob):
        name, end = blob[at + 4 : at + 8], at + 8 + int.from_bytes(blob[at : at + 4], "big")
        yield name, view[at + 4 : end], int.from_bytes(blob[end : end + 4], "big") if end + 4 <= len(blob) else None
        if name == b"IEND":
            return
        at = end + 4
