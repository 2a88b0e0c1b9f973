"""Clocks of benchmarks: seconds an image, of the processor (workers included) and of the wall."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch

WARM = 3  # batches before the clock starts


class Cost(NamedTuple):
    """Seconds an image: of all processes, and on the clock."""

    cpu: float
    wall: float


class Enough(Exception):  # noqa: N818 (no error: the clock has run out)
    pass


@dataclass
class Watch:
    """Counts images from the fourth batch on, until `seconds` are over."""

    seconds: float
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    begun: tuple[float, float] = (0.0, 0.0)
    ended: tuple[float, float] = (0.0, 0.0)
    images: int = 0
    batches: int = 0

    def passes(self, batches: Iterable[object], size: int) -> Iterator[object]:
        """The batches, each of so many images; raises Enough in the end."""
        for batch in batches:
            if self.batches == WARM:
                self.begun, self.images = self._now(), 0
            elif self.batches > WARM and time.perf_counter() - self.begun[1] > self.seconds:
                self.ended = self._now()  # before workers are gone, and their seconds with them
                raise Enough
            self.batches += 1
            yield batch
            self.images += size

    def cost(self) -> Cost:
        cpu, wall = (ended - begun for ended, begun in zip(self.ended, self.begun, strict=True))
        return Cost(cpu / self.images, wall / self.images)

    def _now(self) -> tuple[float, float]:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return time.process_time() + sum(map(_cpu_seconds, _workers())), time.perf_counter()


def _workers() -> list[int]:
    return [int(each) for each in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def _cpu_seconds(process: int) -> float:
    told = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


def clocked(watch: Watch, run: Callable[[], object]) -> Cost:
    """The cost of what `run` does until the watch has had enough."""
    try:
        run()
    except Enough:
        return watch.cost()
    raise RuntimeError("There were too few batches for the time: ask for fewer seconds.")
