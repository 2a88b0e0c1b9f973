"""Files that are one file cut into pieces, read as that one file, whether they lie here or at a server."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Protocol

from crossgen.data.fetch.http import CHUNK, Counter

Take = Callable[[bytes], object]


class Part(Protocol):
    """A piece; `crossgen.data.fetch.http.Remote` is one."""

    name: str

    def stream(self, start: int, stop: int, take: Take, counter: Counter | None = None) -> None:
        """Hand on bytes [start, stop) of the piece as they come, all of them. Raises OSError."""


class LocalPart:
    """A piece on this disk."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, str(path)

    def stream(self, start: int, stop: int, take: Take, counter: Counter | None = None) -> None:
        """Raises OSError, also for a file that ends too early."""
        with open(self.path, "rb") as file:
            file.seek(start)
            while start < stop:
                data = file.read(min(CHUNK, stop - start))
                if not data:
                    raise OSError(f"{self.path} ends at byte {start}: fetch it again")
                take(data)
                start += len(data)
                if counter:
                    counter.advance(len(data))


class Concatenation:
    """Pieces one after the other, of given sizes."""

    def __init__(self, parts: Sequence[Part], sizes: Sequence[int]) -> None:
        self.parts, self.starts = parts, [0, *accumulate(sizes)]

    @property
    def size(self) -> int:
        """Bytes of all pieces."""
        return self.starts[-1]

    def pieces(self, start: int, stop: int) -> Iterator[tuple[Part, int, int]]:
        """(piece, start, stop within it) of bytes [start, stop)."""
        number = bisect_right(self.starts, start) - 1
        while start < stop:
            end = min(stop, self.starts[number + 1])
            if end > start:
                yield self.parts[number], start - self.starts[number], end - self.starts[number]
            start, number = end, number + 1

    def stream(self, start: int, stop: int, take: Take, counter: Counter | None = None) -> None:
        """Hand on bytes [start, stop) as they come. Raises OSError; ValueError beyond the end."""
        if not 0 <= start <= stop <= self.size:
            raise ValueError(
                f"bytes {start} to {stop} of an archive of {self.size}: it is damaged, or a part is missing"
            )
        for part, begin, end in self.pieces(start, stop):
            part.stream(begin, end, take, counter)

    def read(self, start: int, stop: int, counter: Counter | None = None) -> bytes:
        """Bytes [start, stop). Raises as `stream` does."""
        data = bytearray()
        self.stream(start, stop, data.extend, counter)
        return bytes(data)
