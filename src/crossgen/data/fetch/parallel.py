"""Several transfers at a time: counted together, stopped together, and what failed told together."""

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from threading import Lock
from typing import IO, TypeVar

from crossgen.progress import Meter

LOG = logging.getLogger(__name__)

#: So many failures, and the rest is not tried: the line is dead or the disk is full.
LIMIT = 8
MB = 1_000_000
Job = TypeVar("Job")


class StoppedError(Exception):
    """Another transfer, or the user, has stopped them all."""


class Tally(Meter):
    """Files and bytes of several threads, with rate and time left. Counts megabytes (10^6 bytes); told in bytes."""

    def __init__(self, what: str, files: int, size: int, stream: IO[str] | None = None) -> None:
        super().__init__(f"{what}: 0 of {files:,} files", -(-size // MB), "MB", stream)
        self.name, self.files, self.finished, self.bytes = what, files, 0, 0
        self.is_stopped, self._lock = False, Lock()

    def advance(self, count: int = 1) -> None:
        """So many bytes more. Raises StoppedError, which ends the transfer that counts them."""
        if self.is_stopped:
            raise StoppedError
        with self._lock:
            self.bytes += count
            super().advance(self.bytes // MB - self.done)

    def finish(self, files: int = 1) -> None:
        """So many files are verified and in their places."""
        with self._lock:
            self.finished += files
            self.what = f"{self.name}: {self.finished:,} of {self.files:,} files"
            if self._bar:
                self._bar.update(self._bar.task_ids[0], description=self.what)


def each(work: Callable[[Job], list[str]], jobs: Iterable[Job], connections: int, tally: Tally) -> list[str]:
    """Do all jobs, `connections` at a time; the faults they return or raise (OSError, ValueError), in words.

    Goes on with the others after a fault, up to LIMIT faults. Whatever else is raised (Ctrl-C) stops all at once.
    """
    faults, waiting = list[str](), set[Future[list[str]]]()
    with ThreadPoolExecutor(connections) as threads:
        try:
            for job in jobs:
                waiting.add(threads.submit(work, job))
                if len(waiting) >= 2 * connections:
                    waiting = _settle(waiting, faults)
                if len(faults) >= LIMIT:
                    break
            while waiting and len(faults) < LIMIT:
                waiting = _settle(waiting, faults)
        finally:
            tally.is_stopped = bool(waiting)
            for future in waiting:
                future.cancel()
    return faults


def _settle(waiting: set[Future[list[str]]], faults: list[str]) -> set[Future[list[str]]]:
    """Wait until at least one job is done; those that are not."""
    done, rest = wait(waiting, return_when=FIRST_COMPLETED)
    for future in done:
        try:
            found = future.result()
        except (OSError, ValueError) as error:
            found = [str(error)]
        for fault in found:
            LOG.warning(fault)
        faults += found
    return rest


def ahead(work: Callable[[Job], bytes], jobs: Iterable[Job], connections: int, tally: Tally) -> Iterator[bytes]:
    """Results in the order of the jobs, at most `connections` of them ahead of the reader."""
    waiting = list[Future[bytes]]()
    with ThreadPoolExecutor(connections) as threads:
        try:
            for job in jobs:
                waiting.append(threads.submit(work, job))
                if len(waiting) > connections:
                    yield waiting.pop(0).result()
            while waiting:
                yield waiting.pop(0).result()
        finally:
            tally.is_stopped = bool(waiting)
            for future in waiting:
                future.cancel()


def refuse(faults: list[str], what: str, total: int, kind: type[ValueError] = ValueError) -> None:
    """Raise a ValueError that counts the faults and tells the first few, if there are any."""
    if faults:
        told = "; ".join(faults[:5])
        rest = "the rest was not tried, what is right is kept" if len(faults) >= LIMIT else "the others are kept"
        raise kind(f"{what}: {len(faults)} faults among {total:,} files, {rest}: {told}. Run again: it goes on.")
