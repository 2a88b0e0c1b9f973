"""Reads Qt resource files (`.rcc`), in which GCompris ships its photographs."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DIRECTORY, COMPRESSED, ZSTD = 2, 1, 4


@dataclass(frozen=True)
class Resource:
    """The bytes of a resource file and where its three sections begin."""

    raw: bytes
    version: int
    tree: int
    data: int
    names: int

    def name(self, offset: int) -> str:
        """Name of a node: length, hash, UTF-16."""
        (length,) = struct.unpack_from(">H", self.raw, self.names + offset)
        begin = self.names + offset + 6
        return self.raw[begin : begin + 2 * length].decode("utf-16-be")

    def payload(self, offset: int, flags: int) -> bytes:
        """Content of a file node."""
        (length,) = struct.unpack_from(">I", self.raw, self.data + offset)
        content = self.raw[self.data + offset + 4 : self.data + offset + 4 + length]
        if flags & ZSTD:
            raise ValueError("zstd-compressed Qt resource: expected stored or zlib")
        return zlib.decompress(content[4:]) if flags & COMPRESSED else content

    def walk(self, node: int = 0, prefix: str = "") -> Iterator[tuple[str, bytes]]:
        """All files under a node, as (path, bytes)."""
        begin = self.tree + node * (22 if self.version >= 2 else 14)
        name, flags = struct.unpack_from(">IH", self.raw, begin)
        if flags & DIRECTORY:
            count, first = struct.unpack_from(">II", self.raw, begin + 6)
            path = prefix + self.name(name) + "/" if node else prefix
            for child in range(first, first + count):
                yield from self.walk(child, path)
        else:
            (offset,) = struct.unpack_from(">I", self.raw, begin + 10)
            yield prefix + self.name(name), self.payload(offset, flags)


def read_rcc(path: Path) -> Iterator[tuple[str, bytes]]:
    """Files inside a Qt resource file; raises ValueError if it is none."""
    raw = path.read_bytes()
    magic, version, tree, data, names = struct.unpack_from(">4sIIII", raw)
    if magic != b"qres":
        raise ValueError(f"{path.name}: expected a Qt resource file, found {magic!r}")
    return Resource(raw, version, tree, data, names).walk()
