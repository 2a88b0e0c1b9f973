"""One process at a time. A lock dies with its process; a file system without locks is trusted."""

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from crossgen.data.members import STATE

LOG = logging.getLogger(__name__)
PATIENCE = 0.5  # seconds that a held lock is waited for


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


@contextmanager
def own(output: Path) -> Iterator[None]:
    """Be the only process that writes `output`, by a lock file beside it that is removed in the end.

    Raises OSError if another process does.
    """
    path = lock_of(output)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path, f"{output} is being written by another process") as file:
        _OWNED.add(file)
        try:
            yield
        finally:
            _OWNED.remove(file)
            if _is_at(file, path):  # while it is held: whoever waits for this file must find that it is gone
                path.unlink()


def lock_of(output: Path) -> Path:
    """The lock file of an output; one that nobody holds was left by a killed process."""
    return output.with_name(f".{output.name}.lock")


def is_held(path: Path) -> bool:
    """Whether a process holds the lock file `path`."""
    with open(path, "a") as file:
        try:
            _lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


_OWNED: set[IO[Any]] = set()


def _let_go() -> None:
    """A fork shares its parent's locks: a worker that outlives a killed parent for a moment would still hold them."""
    for file in _OWNED:
        file.close()


os.register_at_fork(after_in_child=_let_go)


def _locked(path: Path, what: str) -> IO[Any]:
    """The lock file, open and held: the one that lies there, not one that its last holder removed meanwhile."""
    while True:
        file = open(path, "a")  # noqa: SIM115 (the caller closes it)
        try:
            refuse_second(file, what)
        except OSError:
            file.close()
            raise
        if _is_at(file, path):
            return file
        file.close()


def _is_at(file: IO[Any], path: Path) -> bool:
    return path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat())


def refuse_second(file: IO[Any], what: str) -> None:
    """Lock an open file until it is closed. Raises OSError with `what` if another process has it, and keeps it a while.

    What a process that was just killed had begun to start may hold its locks for a moment longer.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return _lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise OSError(f"{what}: let it finish.") from error
        time.sleep(0.02)


def _lock(file: IO[Any], how: int) -> None:
    try:
        fcntl.flock(file, how)
    except BlockingIOError:
        raise
    except OSError:
        LOG.debug(f"{file.name}: no locks here")
