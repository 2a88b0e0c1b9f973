"""The procedural images of a shard: numbers in, lossless files and a table of them out, by several processes."""

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

from crossgen.config import ProceduralSource
from crossgen.data.made_files import Made, in_batches, save
from crossgen.data.unfinished import Journal
from crossgen.procedural.registry import NAMES, draw, family_of

#: Raised when other images come out.
VERSION = 1

#: Images that a killed job may have to draw again.
BATCH = 64


@dataclass(frozen=True)
class Drawing:
    """What is drawn: the share `shard` of `shards` of a source's images."""

    source: ProceduralSource
    shard: int = 0
    shards: int = 1

    @property
    def indices(self) -> range:
        """Numbers of the images: every `shards`-th from `shard` on. Raises ValueError for a shard that is none."""
        if not 0 <= self.shard < self.shards:
            raise ValueError(f"No shard {self.shard} of {self.shards}: expected 0 to {self.shards - 1}.")
        return range(self.shard, self.source.n, self.shards)


def draw_all(drawing: Drawing, journal: Journal, processes: int = 1) -> Made:
    """Draw a shard's images to files below the source's root; rows of MADE, in the order of their numbers.

    An image's class is its family; it has no split of its own. Raises OSError for a file that cannot be written.
    """
    indices = drawing.indices
    batches = [indices[start : start + BATCH] for start in range(0, len(indices), BATCH)]
    drawn = partial(_drawn, drawing.source)
    with _workers(min(processes, len(indices))) as over:
        return in_batches(
            batches, lambda batch: Made(list(over(drawn, batch))), Path(drawing.source.root), journal, "draw-shaders"
        )


def path_of(source: ProceduralSource, index: int) -> str:
    """Where an image lies below the source's root: in the folder of its family."""
    return f"{family_of(index, source.families or NAMES)}/{index:07d}.png"


def _drawn(source: ProceduralSource, index: int) -> dict[str, Any]:
    """Write one image; its row of MADE."""
    family = family_of(index, source.families or NAMES)
    image = draw(family, source.seed, index, source.size)
    return {"class_name": family, **save(image, Path(source.root), path_of(source, index))}


Over = Callable[[Callable[[int], dict[str, Any]], Sequence[int]], Iterable[dict[str, Any]]]


@contextmanager
def _workers(count: int) -> Iterator[Over]:
    """What maps a function over numbers: this process, or several that end with it."""
    if count < 2:
        yield map
        return
    with ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_begin) as pool:
        yield pool.map


def _begin() -> None:
    """An interrupt is for who started us, and who is killed takes us along."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
