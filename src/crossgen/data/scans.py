"""The scans of a JPEG file: whether they are all there. libjpeg goes on where data are missing, and only warns."""

import re
from collections.abc import Iterator

import numpy as np

#: A marker that ends entropy-coded data: neither a stuffed 0xFF nor a restart. Without the fill bytes that may stand
#: before it: a pattern that begins with one certain byte is looked for twenty times as fast.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)
_RESTART = re.compile(rb"\xff+[\xd0-\xd7]")
#: Bytes that decode to anything but flat grey.
_FILLER = bytes(range(1, 255)) * 2
#: The same behind each restart marker that a decoder may be waiting for.
_END = _FILLER + b"".join(bytes([0xFF, 0xD0 + number % 8]) + _FILLER for number in range(16))


def are_more_than(limit: float, blob: bytes) -> bool:
    """Whether a file holds more markers of scans than that: a bound on the scans, at a glance."""
    if np.count_nonzero(np.frombuffer(blob, np.uint8) == 0xDA) <= limit:  # six times as fast as to count both bytes
        return False
    return blob.count(b"\xff\xda") > limit


def count(blob: bytes) -> int:
    """The number of scans; the decoder goes through the whole picture for each."""
    return sum(1 for _ in _scans(blob))


def _scans(blob: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Header of each scan (what follows its length), and where its entropy-coded data begin and end in a file."""
    at = 2
    while at + 4 <= len(blob) and blob[at + 1] != 0xD9:
        end = at + 2 + int.from_bytes(blob[at + 2 : at + 4], "big")
        if blob[at + 1] in (0x01, 0xD8):  # without a segment
            end = at + 2
        found = _MARKER.search(blob, end)
        if blob[at + 1] == 0xDA:
            yield blob[at + 4 : end], end, _before_fill(blob, end, found.start()) if found else len(blob)
        at = found.start() if found else len(blob)


def _before_fill(blob: bytes, start: int, marker: int) -> int:
    """Where the fill bytes (0xFF) begin that stand before a marker, not before `start`."""
    while marker > start and blob[marker - 1] == 0xFF:
        marker -= 1
    return marker


def are_too_few(blob: bytes) -> bool:
    """Whether the scans of a progressive file do not bring every coefficient in full: it shows a coarser picture."""
    wanted, found = set[int](), set[tuple[int, int]]()
    for header, _, _ in _scans(blob):
        first, last, bits_left = header[-3:-2], header[-2:-1], header[-1:]
        components = set(header[1:-3:2])
        wanted |= components
        if first and bits_left[0] & 15 == 0:
            found |= {(each, k) for each in components for k in range(first[0], last[0] + 1)}
    return any((each, k) not in found for each in wanted for k in range(64))


def overfilled(blob: bytes) -> bytes:
    """The file with something to decode behind each stretch of entropy-coded data.

    A decoder that has what it needs never looks at it; one that runs out gives another picture than for `blob`, where
    it would go on in flat grey. So is found what was cut short and then given an end marker.
    """
    parts, at = list[bytes](), 0
    for _, start, end in _scans(blob):
        parts += [blob[at:start], _RESTART.sub(lambda found: _FILLER + found[0], blob[start:end]), _END]
        at = end
    return b"".join([*parts, blob[at:]])
