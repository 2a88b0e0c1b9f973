"""Files appear whole or not at all."""

import os
from collections.abc import Callable
from pathlib import Path


def write_whole(path: str | Path, fill: Callable[[Path], object]) -> None:
    """Let `fill` write a temporary name in the same folder, then sync it and rename it to `path`: whole or absent.

    Raises OSError that names `path` and the reason (a full disk, a quota); the temporary file is removed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        fill(part)
        with open(part, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        part.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text with the line ends it has, whole."""
    write_whole(path, lambda part: part.write_bytes(text.encode()))


def unwritable(path: str | Path, error: Exception) -> OSError:
    """An error of writing that says which file, and that nothing is left behind."""
    return OSError(f"cannot write {path}: {error}; nothing was left there. Make room, then run again.")
