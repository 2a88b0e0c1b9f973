"""File names as text: a file system holds bytes, tables hold UTF-8.

A path in a table is its UTF-8 text: spaces, quotes, newlines and whatever else a name may hold stay as they are. Of a
name that is not UTF-8 (an old archive's Latin-1), each byte that does not fit becomes U+FFFD and its two hexadecimal
digits: `caf\\xe9.jpg` is `caf\ufffdE9.jpg` in every table. That can be undone, so the image is used: a name says
nothing of its pixels. U+FFFD itself is written so too, therefore no two names become one.
"""

import os
import re
from pathlib import Path

MARK = "\ufffd"
_ESCAPED = re.compile(f"{MARK}([89A-F][0-9A-F])")


def as_text(path: str | os.PathLike[str]) -> str:
    """A path, as `os` functions give it, for a table."""
    text = os.fsencode(path).decode("utf-8", "surrogateescape")
    if text.isascii():
        return text
    return "".join(_escaped(each) if each == MARK or "\udc80" <= each <= "\udcff" else each for each in text)


def _escaped(character: str) -> str:
    return "".join(f"{MARK}{byte:02X}" for byte in character.encode("utf-8", "surrogateescape"))


def located(root: Path, path: str) -> Path:
    """Where the file of a table's `path` lies."""
    if MARK in path:
        raw = _ESCAPED.sub(lambda found: chr(0xDC00 + int(found[1], 16)), path)
        path = os.fsdecode(raw.encode("utf-8", "surrogateescape"))
    return root / path


def shown(path: str | os.PathLike[str]) -> str:
    """A path for a message: on one line, whatever it holds."""
    return repr(as_text(path))[1:-1]
