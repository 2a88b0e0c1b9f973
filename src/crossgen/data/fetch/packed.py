"""One member of an archive: whether it may be written, and its contents out of the archive's bytes, checked."""

import struct
import zlib
from collections.abc import Sequence

from crossgen.data.fetch.directory import Member, declared
from crossgen.data.fetch.ranges import HEADER
from crossgen.data.fetch.zip_directory import text
from crossgen.data.members import judge

#: No image is so large of so few bytes: a bomb.
BOMB_BYTES, BOMB_RATIO = 1 << 26, 100
_LOCAL = struct.Struct("<4s5H3L2H")
_ANY = 1 << 62


def refuse_unsafe(members: Sequence[Member], where: str) -> None:
    """Raise ValueError that names members which lead elsewhere, are no files, collide, or hide more than they say."""
    if not members:
        return
    judge((declared(member.name, member.mode, member.bytes) for member in members), where, _ANY)
    for member in members:
        fault = _fault(member)
        if fault:
            raise ValueError(f"{where}: member {member.name!r} {fault}; nothing was unpacked.")


def _fault(member: Member) -> str:
    if member.flags & 1:
        return "is encrypted"
    if member.method not in (0, 8):
        return f"is packed by method {member.method} (only stored and deflated members are read)"
    if member.offset + HEADER + len(member.name) + member.stored > member.end:
        return "overlaps the next member"
    if member.bytes > max(BOMB_BYTES, BOMB_RATIO * member.stored) or (
        member.method == 0 and member.bytes != member.stored
    ):
        return f"says that {member.stored:,} bytes hold {member.bytes:,}"
    return ""


def span(data: bytes, member: Member) -> tuple[int, int]:
    """[start, stop) of a member's packed bytes after its offset, read off its local header, whose name and extra fields
    differ in length from the directory's. Raises ValueError for another member's header or none."""
    if len(data) < _LOCAL.size or not data.startswith(b"PK\3\4"):
        raise ValueError(f"{member.name}: no member begins at byte {member.offset}")
    _, _, flags, *_, name, extra = _LOCAL.unpack_from(data)
    found = text(data[HEADER : HEADER + name], flags)
    if found != member.name:
        raise ValueError(f"{member.name}: the member at byte {member.offset} is called {found!r}")
    return HEADER + name + extra, HEADER + name + extra + member.stored


def contents(packed: bytes, member: Member) -> bytes:
    """What a member holds. Raises ValueError unless it has the size and the CRC-32 that the directory says."""
    data = packed
    if member.method == 8:
        machine = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            data = machine.decompress(packed, member.bytes + 1)
        except zlib.error as error:
            raise ValueError(f"{member.name}: {error}") from error
    if len(data) != member.bytes:
        raise ValueError(f"{member.name}: {len(data)} bytes instead of {member.bytes}")
    if zlib.crc32(data) != member.crc:
        raise ValueError(f"{member.name}: CRC-32 {zlib.crc32(data):08x} instead of {member.crc:08x}")
    return data
