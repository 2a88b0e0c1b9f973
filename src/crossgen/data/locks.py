"""One process at a time. A lock dies with its process; a file system without locks is trusted.

But for outputs, whose lock file also says who writes them: a note that names a process which is still there counts like
a lock, as not every shared file system has locks, or shares them between its machines.
"""

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from crossgen.data.members import STATE
from crossgen.holders import Holder, here

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

    Raises OSError if another process does, which it names.
    """
    path, holder = lock_of(output), here()
    path.parent.mkdir(parents=True, exist_ok=True)
    with _held(path, holder, f"{output} is being written by another process") as file:
        _OWNED.add(file)
        try:
            yield
        finally:
            _OWNED.remove(file)
            # while it is held: whoever waits for this file must find that it is gone
            if _is_at(file, path) and Holder.read(path) == holder:
                path.unlink()


def lock_of(output: Path) -> Path:
    """The lock file of an output; one that nobody holds was left by a killed process."""
    return output.with_name(f".{output.name}.lock")


def is_held(path: Path) -> bool:
    """Whether a process holds the lock file `path`, or is named by it and still there."""
    with open(path, "a+", encoding="utf-8") as file:
        try:
            _lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        holder = Holder.read(path)
    return holder is not None and holder.is_alive() is True


_OWNED: set[IO[Any]] = set()


def _let_go() -> None:
    """A fork shares its parent's locks: a worker that outlives a killed parent for a moment would still hold them."""
    for file in _OWNED:
        file.close()


os.register_at_fork(after_in_child=_let_go)


def _held(path: Path, holder: Holder, what: str) -> IO[str]:
    """The lock file, open, held and signed: the one that lies there, not one that its last holder removed meanwhile."""
    deadline = time.monotonic() + PATIENCE
    while True:
        file = open(path, "a+", encoding="utf-8")  # noqa: SIM115 (the caller closes it)
        try:
            last = _last_holder(file, path, what)
            if _signed(file, path, holder, last):
                return file
        except BaseException:
            file.close()
            raise
        file.close()
        if time.monotonic() > deadline:
            raise OSError(f"{what}, which is just taking {path}: try again, and remove {_pen(path)} if it stays.")
        time.sleep(0.02)


def _last_holder(file: IO[str], path: Path, what: str) -> Holder | None:
    """Lock an open file; who had it before, if its note tells.

    Raises OSError that names the process which has it, or which its note names and is still there.
    """
    try:
        refuse_second(file, what)
    except OSError as error:
        raise OSError(f"{what}: {_remedy(Holder.read(path))}.") from error
    last = Holder.read(path)
    alive = last is not None and last.is_alive()
    if alive:
        raise OSError(f"{what}: {_remedy(last)}.")
    if alive is None:
        LOG.warning(f"{path}: its last holder cannot be seen from here and is taken to be gone ({last})")
    return last


def _remedy(holder: Holder | None) -> str:
    return f"let it finish, or end it ({holder})" if holder else "let it finish"


def _signed(file: IO[str], path: Path, holder: Holder, last: Holder | None) -> bool:
    """Write the holder's note in the place of the last one's, if the file still lies there and says what it said."""
    try:
        _pen(path).touch(exist_ok=False)  # on every file system one process alone makes it
    except FileExistsError:
        return False
    try:
        free = Holder.read(path) == last and _is_at(file, path)
        if free:
            holder.write(file)
        return free
    finally:
        _pen(path).unlink()


def _pen(path: Path) -> Path:
    return path.with_name(f"{path.name}.pen.lock")


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
