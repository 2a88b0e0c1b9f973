"""Runs in a folder: which are alive, and what a killed one left.

Snakemake locks the files of a run and leaves the lock behind when it is killed; from the lock alone nobody can tell
a run at work from a dead one. So every run also holds a lock of the operating system (flock), which dies with it.
Runs share it, because Snakemake knows better which of them touch the same files; `crossgen resume` asks for it alone.
"""

import fcntl
import json
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

#: Snakemake's folder in the folder of a run.
STATE = Path(".snakemake")
PATIENCE = 5.0  # seconds that `alone` waits for commands that only look (snakemake --summary)


def put_programs_first() -> None:
    """Let what this process starts find this Python's programs before all others."""
    folder = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([folder, os.environ.get("PATH", os.defpath)])


def outlive_warnings() -> None:
    """Let SIGUSR1 pass. SLURM (`--signal`) warns all processes of a job with it: the training writes a checkpoint, and
    Snakemake, which would end by it, is still there to see that. What this process starts gets it as ever."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGUSR1, lambda *_: None)


class Busy(ValueError):  # noqa: N818 (a finding about the folder)
    """Another run is at work here."""


@dataclass(frozen=True)
class Holder:
    """Who held the lock last."""

    pid: int
    host: str
    config: str
    started: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, {self.config}, since {self.started}"


def here(config: str) -> Holder:
    """This process, as others will read of it."""
    return Holder(os.getpid(), socket.gethostname(), config, time.strftime("%Y-%m-%d %H:%M:%S"))


def join(state: Path, holder: Holder) -> tuple[IO[str], Holder | None]:
    """Count as a run below `state` until this process ends; keep the file that is returned.

    Also returns another run that is alive here, if there is one. On a file system without flock nobody is ever found.
    """
    lock, other = _opened(state), None
    if not _locked(lock, fcntl.LOCK_EX):
        other = _holder(lock)
        _locked(lock, fcntl.LOCK_SH)
    else:
        lock.seek(0)
        lock.truncate()
        json.dump(asdict(holder), lock)
        lock.flush()
        _locked(lock, fcntl.LOCK_SH)
    return lock, other


@contextmanager
def alone(state: Path) -> Iterator[Holder | None]:
    """Be the only run below `state`: nobody else is alive there. Yields who held the lock last.

    Raises Busy that names the run at work.
    """
    with _opened(state) as lock:
        deadline = time.monotonic() + PATIENCE
        while not _locked(lock, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise Busy(
                    f"a run is at work in {state.resolve().parent} ({_holder(lock) or 'unknown'}): wait for it, stop "
                    "it, or work in another clone."
                )
            time.sleep(0.1)
        yield _holder(lock)


def has_lock(state: Path) -> bool:
    """Whether Snakemake's own lock lies there."""
    return any((state / "locks").glob("*.lock"))


def remove_lock(state: Path, last: Holder | None) -> bool:
    """Remove the lock that a killed run left; whether there was one. Call it `alone` only.

    Raises Busy if the last run was on another machine: not every shared file system shares its locks.
    """
    if not has_lock(state):
        return False
    if last is not None and last.host != socket.gethostname():
        raise Busy(
            f"the last run here ({last}) left Snakemake's lock: see on {last.host} that it is over, then "
            "`snakemake --unlock` and resume."
        )
    shutil.rmtree(state / "locks")
    return True


def _opened(state: Path) -> IO[str]:
    state.mkdir(parents=True, exist_ok=True)
    return open(os.open(state / "crossgen.lock", os.O_RDWR | os.O_CREAT, 0o644), "r+", encoding="utf-8")


def _locked(lock: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def _holder(lock: IO[str]) -> Holder | None:
    lock.seek(0)
    try:
        return Holder(**json.load(lock))
    except (ValueError, TypeError):
        return None
