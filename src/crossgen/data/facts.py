"""Facts of one file, as columns of the manifest. No pyarrow here: processes that read files start fast."""

import logging
import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import fields
from multiprocessing import connection, parent_process
from pathlib import Path

from blake3 import blake3

from crossgen.data.images import Header, Unusable, read_header
from crossgen.data.names import located, shown
from crossgen.data.reading import read_ends, read_file

LOG = logging.getLogger(__name__)

#: Columns that are read from a file, in the order of `Facts`.
NAMES = ("bytes", "blake3", *(each.name for each in fields(Header)))
#: Values of one file.
Facts = tuple[int | str | bool | None, ...]


def facts_of(blob: bytes) -> dict[str, object]:
    """Header facts of one file's bytes, with size and digest."""
    return {"bytes": len(blob), "blake3": blake3(blob).hexdigest()} | vars(read_header(blob))


def read_facts(root: Path, paths: Sequence[str], hashed: bool) -> list[Facts]:
    """Facts of files below `root`. A file that cannot be used has its reason, whatever is wrong with it.

    Not `hashed`: JPEG and PNG files are read at both ends only, and there is no digest.
    """
    return [_facts_at(located(root, path), hashed) for path in paths]


def _facts_at(path: Path, hashed: bool) -> Facts:
    size: int | None = None
    digest: str | None = None
    try:
        if hashed:
            blob = read_file(path)
            size, digest = len(blob), blake3(blob).hexdigest()
            header = read_header(blob)
        else:
            size, header = _header_at_ends(path)
    except Unusable as error:
        header = Header(quarantine=error.reason)
    except MemoryError:  # a fault of the machine, not of the file
        raise
    except Exception as error:  # noqa: BLE001 (one file in millions must not stop the others, whatever Pillow raises)
        LOG.warning(f"{shown(path)}: {type(error).__name__}: {error}; counted as undecodable")
        header = Header(quarantine="undecodable")
    return (size, digest, *vars(header).values())


def _header_at_ends(path: Path) -> tuple[int, Header]:
    head, size = read_ends(path)
    header = read_header(head, size)
    if size is not None and header.quarantine:  # what condemns a file is said of all its bytes
        head = read_file(path)
        header = read_header(head)
    return size or len(head), header


def end_with_parent() -> None:
    """In a process that reads files: end when the process that started it does, be it killed; leave Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_await_end, args=(parent.sentinel,), daemon=True).start()


def _await_end(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
