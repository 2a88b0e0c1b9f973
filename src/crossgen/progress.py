"""How far a step is: rate and time left, as a bar on a terminal and as plain lines in a log."""

import sys
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

Item = TypeVar("Item")

EVERY = 10.0  # seconds between two lines of a log; what takes less time says nothing


class Meter:
    """Counts up to `total` (None: unknown). On a terminal a bar (rich), else a line every ten seconds; to stderr.

    `done`: so many were done before, and tell nothing of the rate. `note`: what else is said, from the next advance on.
    """

    def __init__(
        self, what: str, total: int | None, unit: str = "images", stream: IO[str] | None = None, done: int = 0
    ) -> None:
        self.what, self.total, self.unit, self.done = what, total, unit, done
        self.stream = stream or sys.stderr
        self._bar = _bar(what, total, unit, self.stream) if self.stream.isatty() else None
        self._began = time.monotonic()
        self.note, self._told, self._before = "", self._began, done
        if self._bar:
            self._bar.update(self._bar.task_ids[0], completed=done)

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._bar:
            self._bar.stop()

    def advance(self, count: int = 1) -> None:
        """So many more are done."""
        self.done += count
        if self._bar:
            self._bar.update(self._bar.task_ids[0], completed=self.done, note=self.note)
        elif time.monotonic() - self._told >= EVERY:
            self._told = time.monotonic()
            print(self.line(self._told - self._began), file=self.stream, flush=True)

    def line(self, seconds: float) -> str:
        """What a log says after so many seconds."""
        rate = (self.done - self._before) / max(seconds, 1e-9)
        note = f", {self.note}" if self.note else ""
        if self.total is None:
            return f"{self.what}: {self.done:,} {self.unit} so far, {_rate(rate)}{note}"
        left = clock((self.total - self.done) / rate) if rate else "unknown"
        return f"{self.what}: {self.done:,} of {self.total:,} {self.unit}, {_rate(rate)}, {left} left{note}"


def track(items: Iterable[Item], what: str, total: int | None, unit: str = "images") -> Iterator[Item]:
    """The items, counted as they pass."""
    with Meter(what, total, unit) as meter:
        for item in items:
            yield item
            meter.advance()


def _bar(what: str, total: int | None, unit: str, stream: IO[str]) -> "Progress":
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """Units a second."""

        def render(self, task: Task) -> Text:
            return Text(_rate(task.speed) if task.speed else "")

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit), Rate())
    times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[note]}"))
    bar = Progress(*columns, *times, console=Console(file=stream))
    bar.add_task(what, total=total, note="")
    return bar


def _rate(rate: float) -> str:
    return f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.2g}/s"


def clock(seconds: float) -> str:
    """Seconds as people read them: 1:05, or 2:03:04."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
