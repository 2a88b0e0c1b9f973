"""The list of members at the end of a (Zip64) archive, read by ranges. Source: PKWARE's APPNOTE 6.3.10, section 4.3."""

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa

SCHEMA = pa.schema(
    [
        pa.field("name", pa.string(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),  # of the local header, in the archive's bytes
        pa.field("stored", pa.int64(), nullable=False),  # bytes in the archive
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("crc", pa.uint32(), nullable=False),
        pa.field("method", pa.uint16(), nullable=False),  # 0 stored, 8 deflated
        pa.field("flags", pa.uint16(), nullable=False),  # bit 0: encrypted
        pa.field("mode", pa.uint16(), nullable=False),  # st_mode where a Unix program packed, else 0
    ]
)
ROWS = 50_000  # of a batch
PIECE = 4 << 20  # bytes of the directory asked for at a time

_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_MEMBER = struct.Struct("<4s2B5H3L5H2L")
_USUAL = _END64.size + _LOCATOR.size + _END.size
_TAIL = _USUAL + 0xFFFF

Read = Callable[[int, int], bytes]


@dataclass(frozen=True)
class Place:
    """Where the directory lies: members, its first byte, its bytes, and what to add to the offsets it tells."""

    members: int
    start: int
    size: int
    shift: int


def place(read: Read, size: int) -> Place:
    """Find the directory of an archive of `size` bytes. Raises ValueError if there is none, or one of true volumes."""
    for length in (_USUAL, _TAIL):  # a comment may follow, but hardly ever does
        start = max(0, size - length)
        tail = read(start, size)
        at = _end(tail)
        if at >= 0:
            return _place(read, size, start, tail, at)
    raise ValueError("no end of a zip's directory: the archive is cut off or damaged, or a part is missing")


def _end(tail: bytes) -> int:
    """Where the record begins that ends a zip with all of its comment; -1 if there is none."""
    at = tail.rfind(b"PK\5\6")
    while at >= 0 and (len(tail) < at + _END.size or at + _END.size + _END.unpack_from(tail, at)[7] != len(tail)):
        at = tail.rfind(b"PK\5\6", 0, at)
    return at


def _place(read: Read, size: int, tail_start: int, tail: bytes, at: int) -> Place:
    _, disk, first, _, members, length, start, _ = _END.unpack_from(tail, at)
    end = tail_start + at
    locator = tail[max(0, at - _LOCATOR.size) : at]
    if locator.startswith(b"PK\6\7"):
        told = _LOCATOR.unpack(locator)[2]
        within = lambda a, b: tail[a - tail_start : b - tail_start] if a >= tail_start else read(a, b)  # noqa: E731
        end, (_, _, _, _, disk, first, _, members, length, start) = _end64(within, size, told, end)
    if disk or first:
        raise ValueError(f"volume {disk} of a multi-volume zip, not a part of one archive: use genimage_volumes")
    shift = end - length - start
    if shift < 0:
        raise ValueError("a zip's directory that reaches beyond its end: the archive is damaged")
    return Place(members, start + shift, length, shift)


def _end64(read: Read, size: int, told: int, end: int) -> tuple[int, tuple[int, ...]]:
    """Place and fields of the Zip64 end: where the locator tells, or straight before it (bytes were put in front)."""
    for at in (told, end - _LOCATOR.size - _END64.size):
        data = read(at, at + _END64.size) if 0 <= at <= size - _END64.size else b""
        if data.startswith(b"PK\6\6"):
            return at, _END64.unpack(data)
    raise ValueError("no Zip64 end of a zip's directory where it should be: the archive is damaged")


def pieces(found: Place, size: int = PIECE) -> list[tuple[int, int]]:
    """[start, stop) of what to read of the archive, in order, for `batches`."""
    stop = found.start + found.size
    return [(start, min(start + size, stop)) for start in range(found.start, stop, size)]


def batches(data: Iterable[bytes], found: Place) -> Iterator[pa.RecordBatch]:
    """Parse the directory's bytes, which may be cut anywhere; folders are left out. Raises ValueError for damage."""
    rows, rest, count = list[tuple[object, ...]](), b"", 0
    for piece in data:
        rest, at = rest + piece, 0
        while (row := _member(rest, at, found)) is not None:
            at, count = row[0], count + 1
            if not row[1].endswith("/"):
                rows.append(row[1:])
            if len(rows) == ROWS:
                yield _batch(rows)
                rows = []
        rest = rest[at:]
    if rest or count != found.members:
        raise ValueError(f"a zip's directory of {count:,} members instead of {found.members:,}: it is damaged")
    if rows:
        yield _batch(rows)


def _member(data: bytes, at: int, found: Place) -> tuple[int, str, int, int, int, int, int, int, int] | None:
    """(where the next begins, and the columns of SCHEMA) of the member at byte `at`; None if it is cut off."""
    if len(data) < at + _MEMBER.size:
        return None
    fields = _MEMBER.unpack_from(data, at)
    signature, _, system, _, flags, method, _, _, crc, stored, size, name, extra, comment, _, _, attributes, offset = (
        fields
    )
    if signature != b"PK\1\2":
        raise ValueError("a zip's directory with something else between its members: it is damaged")
    begin = at + _MEMBER.size
    end = begin + name + extra + comment
    if len(data) < end:
        return None
    if 0xFFFFFFFF in (size, stored, offset):
        size, stored, offset = _long(data[begin + name : begin + name + extra], [size, stored, offset])
    if offset + found.shift + stored > found.start:
        raise ValueError("a zip's directory with a member beyond its end: it is damaged")
    mode = attributes >> 16 if system == 3 else 0
    return end, text(data[begin : begin + name], flags), offset + found.shift, stored, size, crc, method, flags, mode


def _long(extra: bytes, values: list[int]) -> list[int]:
    """Sizes and offset, those of 0xFFFFFFFF from the Zip64 field, where they follow one another."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            body = extra[at + 4 : at + 4 + length]
            wide = iter([int.from_bytes(body[byte : byte + 8], "little") for byte in range(0, len(body) - 7, 8)])
            return [next(wide, value) if value == 0xFFFFFFFF else value for value in values]
        at += 4 + length
    return values  # a member of exactly that many bytes


def text(name: bytes, flags: int) -> str:
    """UTF-8 where the flag says so, else code page 437 (of which ASCII is a part)."""
    try:
        return name.decode("utf-8" if flags & 0x800 else "cp437")
    except UnicodeDecodeError as error:
        raise ValueError(f"a zip's directory with the name {name!r}, which is no UTF-8: it is damaged") from error


def _batch(rows: list[tuple[object, ...]]) -> pa.RecordBatch:
    columns = zip(*rows, strict=True)
    return pa.record_batch(
        [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)], SCHEMA
    )
