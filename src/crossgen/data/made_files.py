"""Images that a job makes: batch by batch, each file whole, gone on with after a kill."""

import io
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from blake3 import blake3
from PIL import Image

from crossgen.data.names import located
from crossgen.data.unfinished import Journal
from crossgen.files import write_whole
from crossgen.progress import track

Pixels = npt.NDArray[np.uint8]
Batch = TypeVar("Batch")


def seed_of(name: str) -> int:
    """The seed that a name stands for, in [0, 2**63)."""
    return int.from_bytes(blake3(name.encode()).digest(length=8), "little") >> 1


@dataclass
class Made:
    """Rows of MADE, and what none was made of: id to reason."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    lost: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def left_out(self, what: str) -> list[str]:
        """A line for each reason: how many of `what`, and the first of them."""
        first: dict[str, str] = {}
        for name, reason in self.lost.items():
            first.setdefault(reason, name)
        counts = sorted(Counter(self.lost.values()).items())
        return [f"left out: {count} {what}, {reason}, such as {first[reason]}" for reason, count in counts]

    def speed(self) -> list[str]:
        """A line of how fast it went, if anything was made in this process."""
        return [f"{len(self.rows) / self.seconds:.1f} images/s"] if self.seconds else []


def in_batches(
    batches: Sequence[Batch], make: Callable[[Batch], Made], root: Path, journal: Journal, what: str
) -> Made:
    """Everything made of all batches, in order; what the journal tells of is made again only if a file is harmed.

    Raises what `make` raises, and OSError for a file that cannot be read or written.
    """
    made = Made()
    done = [json.loads(line) for line in journal.lines]
    for place, batch in enumerate(track(batches, what, len(batches), "batches")):
        if place < len(done) and _is_there(done[place]["rows"], root):
            made.rows += done[place]["rows"]
            made.lost |= done[place]["lost"]
            continue
        began = time.monotonic()
        fresh = make(batch)
        made.seconds += time.monotonic() - began
        made.rows += fresh.rows
        made.lost |= fresh.lost
        if place >= len(done):
            journal.append([json.dumps({"rows": fresh.rows, "lost": fresh.lost})])
    return made


def _is_there(rows: Sequence[dict[str, Any]], root: Path) -> bool:
    for row in rows:
        path = located(root, row["path"])
        if not path.is_file() or blake3(path.read_bytes()).hexdigest() != row["blake3"]:
            return False
    return True


def save(pixels: Pixels, root: Path, path: str) -> dict[str, Any]:
    """Write uint8 [height, width, 3] as PNG at `path` below `root`, whole; path, bytes and blake3 for its row."""
    memory = io.BytesIO()
    Image.fromarray(pixels).save(memory, "PNG")
    blob = memory.getvalue()
    write_whole(located(root, path), lambda part: part.write_bytes(blob))
    return {"path": path, "bytes": len(blob), "blake3": blake3(blob).hexdigest()}
