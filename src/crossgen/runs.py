"""Runs in a folder: which are alive, and what a killed one left.

Snakemake locks the files of a run and leaves the lock behind when it is killed; from the lock alone nobody can tell
a run at work from a dead one. So every run also holds a lock of the operating system (flock), which dies with it.
Runs share it, because Snakemake knows better which of them touch the same files; `crossgen resume` asks for it alone.
"""

import argparse
import fcntl
import os
import queue
import shlex
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from crossgen.holders import Holder as Holder
from crossgen.holders import here as here

#: Snakemake's folder in the folder of a run.
STATE = Path(".snakemake")
LOCK = "crossgen.lock"  # there
PATIENCE = 5.0  # seconds that `alone` waits for commands that only look (snakemake --summary)


def put_programs_first(*folders: Path) -> None:
    """Let what this process starts find the programs of `folders` and of this Python before all others.

    They learn who starts them by CROSSGEN_RUN_PID: what waits for a cluster must not outlive its run.
    """
    own = [*map(str, folders), str(Path(sys.executable).parent)]
    os.environ["PATH"] = os.pathsep.join([*own, os.environ.get("PATH", os.defpath)])
    os.environ["CROSSGEN_RUN_PID"] = str(os.getpid())


def outlive_warnings() -> None:
    """Let SIGUSR1 pass. SLURM (`--signal`) warns all processes of a job with it: the training writes a checkpoint, and
    Snakemake, which would end by it, is still there to see that. What this process starts gets it as ever."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGUSR1, lambda *_: None)


def stop_in_a_thread() -> None:
    """Let a thread of its own answer SIGTERM, by what answers it so far: Snakemake's handler, when a run starts.

    That handler waits for locks which the thread that it interrupts may hold; Python runs it in the main thread, which
    then waits for itself, for ever. A run whose jobs end while it is told to stop, or which is told twice, met that.
    """
    handler = signal.getsignal(signal.SIGTERM)
    if not callable(handler) or threading.current_thread() is not threading.main_thread():
        return
    told: queue.SimpleQueue[int] = queue.SimpleQueue()  # its `put` may interrupt itself

    def answer() -> None:
        while True:
            handler(told.get(), None)

    threading.Thread(target=answer, name="SIGTERM", daemon=True).start()
    signal.signal(signal.SIGTERM, lambda number, _: told.put(number))


class Busy(ValueError):  # noqa: N818 (a finding about the folder)
    """Another run is at work here."""


def join(state: Path, holder: Holder) -> tuple[IO[str], Holder | None]:
    """Count as a run below `state` until this process ends; keep the file that is returned.

    Also returns another run that is alive here, if there is one. On a file system without flock nobody is ever found.
    """
    lock, other = _opened(state), None
    if _locked(lock, fcntl.LOCK_EX) is False:
        other = Holder.read(state / LOCK)
        _locked(lock, fcntl.LOCK_SH)
    else:
        holder.write(lock)
        _locked(lock, fcntl.LOCK_SH)
    return lock, other


@contextmanager
def alone(state: Path) -> Iterator[Holder | None]:
    """Be the only run below `state`: nobody else is alive there. Yields who held the lock last.

    Raises Busy that names the run at work.
    """
    with _opened(state) as lock:
        deadline = time.monotonic() + PATIENCE
        while (taken := _locked(lock, fcntl.LOCK_EX)) is False and time.monotonic() < deadline:
            time.sleep(0.1)
        last = Holder.read(state / LOCK)
        if taken is False or _is_at_work(last, state, bool(taken)):
            raise Busy(
                f"a run is at work in {state.resolve().parent} ({last or 'unknown'}): wait for it, stop it, or work in "
                "another clone."
            )
        yield last


def has_lock(state: Path) -> bool:
    """Whether Snakemake's own lock lies there."""
    return any((state / "locks").glob("*.lock"))


def refuse_elsewhere(state: Path, last: Holder | None) -> None:
    """Raise Busy if an unfinished run was on another machine, and nobody can tell from here that it is over.

    That it was a job of SLURM which has ended can be told.
    """
    if has_lock(state) and last is not None and not last.is_here and last.is_alive() is not False:
        raise Busy(
            f"the last run here ({last}) left Snakemake's lock: see on {last.host} that it is over, then "
            "`snakemake --unlock` and resume."
        )


def remove_lock(state: Path, last: Holder | None) -> bool:
    """Remove the lock that a killed run left; whether there was one. Call it `alone` only.

    Raises Busy like `refuse_elsewhere`.
    """
    if not has_lock(state):
        return False
    refuse_elsewhere(state, last)
    shutil.rmtree(state / "locks")
    return True


def resume_command(words: Sequence[str], files: Sequence[str]) -> str:
    """How to go on with a run of some config files that was started with the words of a Snakemake command line."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--profile")
    given = parser.parse_known_args(words)[0].profile
    profile = ["--profile", given] if given else []
    return shlex.join(["crossgen", "resume", *profile, "--configfile", *files])


def _opened(state: Path) -> IO[str]:
    state.mkdir(parents=True, exist_ok=True)
    return open(state / LOCK, "a+", encoding="utf-8")


def _is_at_work(last: Holder | None, state: Path, has_locks: bool) -> bool:
    """Whether the last run is, by its note, which says more than the lock of a run that is not of this machine."""
    if last is None or not has_lock(state) or (has_locks and last.is_here):
        return False
    return last.is_alive() is True


def _locked(lock: IO[str], kind: int) -> bool | None:
    """Whether the lock was had; None on a file system without locks."""
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
