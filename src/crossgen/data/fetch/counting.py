"""Calls for many files, some at a time, whose bytes one meter counts."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

from crossgen.progress import Meter

Item = TypeVar("Item")


class Count:
    """A meter that threads may advance, and that stops them."""

    def __init__(self, meter: Meter) -> None:
        self._meter, self._lock, self.is_stopped = meter, threading.Lock(), False

    def advance(self, count: int = 1) -> None:
        """So many bytes more. Raises InterruptedError once stopped."""
        if self.is_stopped:
            raise InterruptedError("stopped")
        with self._lock:
            self._meter.advance(count)


def all_of(call: Callable[[Item], None], items: Iterable[Item], at_a_time: int, count: Count) -> None:
    """Call for all, some at a time; the others go on when one fails.

    Raises what a call has raised if it was one; OSError that tells every failure if there are more.
    """
    failed: list[BaseException] = []
    with ThreadPoolExecutor(max_workers=at_a_time) as threads:
        try:
            for future in as_completed([threads.submit(call, item) for item in items]):
                error = future.exception()
                if error:
                    failed.append(error)
        except BaseException:  # Ctrl-C: threads would go on to their ends
            count.is_stopped = True
            threads.shutdown(wait=False, cancel_futures=True)
            raise
    if len(failed) == 1 or any(not isinstance(error, OSError | ValueError) for error in failed):
        raise failed[0]
    if failed:
        raise OSError("; ".join(sorted(set(map(str, failed)))))
