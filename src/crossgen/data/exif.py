"""EXIF: the few texts that tell what made an image, from bytes that nobody vouches for.

Pillow unpacks every entry of a directory; a hostile block of 64 KB could name 64 KB five thousand times. Here entries
and bytes are counted, nothing is followed twice, and what points outside the block is passed over.
"""

import struct

#: Tags of the first directory (TIFF 6.0) and of the Exif directory (CIPA DC-008) whose values are read.
IMAGE_DESCRIPTION, MAKE, MODEL, SOFTWARE, USER_COMMENT = 0x010E, 0x010F, 0x0110, 0x0131, 0x9286
_WANTED = (IMAGE_DESCRIPTION, MAKE, MODEL, SOFTWARE, USER_COMMENT)
#: Tags of the first directory that say what made an image.
DESCRIBING = (MAKE, MODEL, SOFTWARE)
_EXIF_DIRECTORY = 0x8769
#: Entries of a directory, and bytes of a value, that are looked at.
_ENTRIES, _LONGEST = 256, 4096
_UNIT = {1: 1, 2: 1, 3: 2, 4: 4, 7: 1}  # bytes of each type that is read
_HEAD = b"Exif\0\0"


def texts(block: bytes) -> dict[int, str]:
    """Value of each wanted tag of an EXIF block (with or without its `Exif` head), as text; {} for what is no EXIF."""
    block = block.removeprefix(_HEAD)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        return {}
    first = _directory(block, order, block[4:8])
    found = _directory(block, order, first[_EXIF_DIRECTORY]) if _EXIF_DIRECTORY in first else {}
    return {tag: _text(tag, value, order) for tag, value in (found | first).items() if tag in _WANTED}


def _directory(block: bytes, order: str, pointer: bytes) -> dict[int, bytes]:
    """Raw values of a directory that a 4-byte `pointer` leads to."""
    if len(pointer) != 4:
        return {}
    (at,) = struct.unpack(order + "I", pointer)
    if at + 2 > len(block):
        return {}
    (count,) = struct.unpack_from(order + "H", block, at)
    found = dict[int, bytes]()
    for entry in range(at + 2, min(at + 2 + 12 * min(count, _ENTRIES), len(block) - 11), 12):
        tag, kind, number, offset = struct.unpack_from(order + "HHII", block, entry)
        if tag in _WANTED or tag == _EXIF_DIRECTORY:
            size = _UNIT.get(kind, 0) * number
            start = entry + 8 if size <= 4 else offset
            found.setdefault(tag, block[start : start + min(size, _LONGEST)])
    return found


def _text(tag: int, value: bytes, order: str) -> str:
    if tag == USER_COMMENT:
        charset, value = value[:8], value[8:]
        if charset == b"UNICODE\0":  # writers disagree on the order of bytes: that with more ASCII is meant
            both = [value.decode(f"utf-16-{end}", "replace") for end in ("le" if order == "<" else "be", "le", "be")]
            return max(both, key=lambda text: sum(character < "\x7f" for character in text)).strip("\0")
    return value.partition(b"\0")[0].decode("utf-8", "replace")
