"""Work on many images by a few threads, in order and with little in memory.

Threads, not processes: Pillow lets go of Python's lock while it encodes and decodes, and nothing has to be copied.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar, cast

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 4  # results a thread may be ahead of who takes them: what bounds the memory


def ordered(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int = 1, ahead: int = AHEAD
) -> Iterator[Result]:
    """Results in the order of the items, whoever finished first. The first error raised by `work` ends it."""
    if threads < 2:
        yield from map(work, items)
        return
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as workers:
        try:
            for item in items:
                waiting.append(workers.submit(work, item))
                if len(waiting) >= ahead * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:  # also when nobody takes the rest
            for each in waiting:
                each.cancel()


def one_ahead(items: Iterable[Item]) -> Iterator[Item]:
    """The items; while one is in use, a thread makes the next. Two are in memory at most."""
    end, waiting = object(), iter(items)
    with ThreadPoolExecutor(1) as worker:
        coming: Future[Item | object] = worker.submit(next, waiting, end)
        while (item := coming.result()) is not end:
            coming = worker.submit(next, waiting, end)
            yield cast("Item", item)
