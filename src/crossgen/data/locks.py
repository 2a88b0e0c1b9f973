"""One process at a time. A lock dies with its process; a file system without locks is trusted."""

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from crossgen.data.members import STATE

LOG = logging.getLogger(__name__)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock file `path`; wait until no other process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        _lock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def held(root: Path, name: str = "lock") -> Iterator[Path]:
    """Hold a name in the root's folder of records, made if need be, until the end (or a kill).

    Raises OSError if another process holds it.
    """
    state = root / STATE
    state.mkdir(parents=True, exist_ok=True)
    with open(state / name, "a") as file:
        refuse_second(file, f"{root}: another process fetches there")
        yield state


def refuse_second(file: IO[Any], what: str) -> None:
    """Lock an open file until it is closed. Raises OSError with `what` if another process has it."""
    try:
        _lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OSError(f"{what}: let it finish.") from error


def _lock(file: IO[Any], how: int) -> None:
    try:
        fcntl.flock(file, how)
    except BlockingIOError:
        raise
    except OSError:
        LOG.debug(f"{file.name}: no locks here")
