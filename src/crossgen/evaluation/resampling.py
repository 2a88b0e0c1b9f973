"""What every metric of many cells becomes in every bootstrap replicate, the weights shared by all cells of a test set.

Small work is done with NumPy (`statistics`, the reference), large work by the compiled `kernel`: the same numbers up
to rounding. Which of them is a matter of size alone, so that a run repeats itself bit by bit; neither depends on the
number of threads.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from pathlib import Path
from types import ModuleType

import numpy as np

from crossgen.config import Statistics
from crossgen.evaluation import statistics as weighted
from crossgen.evaluation.judged import Judged
from crossgen.intervals import Codes, Numbers
from crossgen.separation import ratio

#: Metrics that are resampled, by name.
RESAMPLED: dict[str, weighted.Metric] = {
    "accuracy": weighted.accuracy,
    "balanced_accuracy": weighted.balanced_accuracy,
    "roc_auc": weighted.roc_auc,
    "average_precision": weighted.average_precision,
}
#: Replicates handled at once: the kernel's running sums of so many stay in the first-level cache.
BLOCK = 256
#: Weights held at once (4 bytes each, twice): those of 256 replicates of 100,000 images.
HELD = 25_600_000
#: Logits times replicates from which the kernel pays for its import and, the first time, its compilation: about four
#: seconds in all, in which NumPy does so many (benchmarks/bootstrap.py).
PAYS = 60_000_000


@dataclass(frozen=True)
class Resampler:
    """Bootstrap of one run; `compiled`: by the kernel (None: as the size of the whole work says, see `of`)."""

    judged: Judged
    statistics: Statistics
    compiled: bool = False
    threads: int = 1

    @classmethod
    def of(cls, judged: Judged, statistics: Statistics, cells: int) -> "Resampler":
        """For about so many `cells` (a judge on a test set) in all; with OMP_NUM_THREADS threads (else 1)."""
        images = max((len(rows) for rows in judged.rows.values()), default=0)
        threads = max(1, int(os.environ.get("OMP_NUM_THREADS") or 1))
        return cls(judged, statistics, cells * images * statistics.replicates >= PAYS, threads)

    def replicates(self, test_set: str, logits: Sequence[Numbers], metrics: Sequence[str]) -> Numbers:
        """[cells, metrics, replicates] of a test set whose images have these `logits` [n] (NaN: left out) in each cell.

        Metrics by their names in RESAMPLED; NaN where a label has no weight.
        """
        rows = self.judged.rows[test_set]
        found = np.empty((len(logits), len(metrics), self.statistics.replicates))
        count = _compiled if self.compiled else _plain
        work = Work(self.judged.labels[rows], tuple(logits), tuple(metrics), self.threads)
        start = 0
        for part in count(work, self._blocks(rows)):
            found[:, :, start : start + part.shape[2]] = part
            start += part.shape[2]
        return found

    def _blocks(self, rows: Codes) -> Iterator[weighted.Weights]:
        """Weights [replicates of a block, images of the test set], balanced within (label, stratum)."""
        judged, size = self.judged, max(1, min(BLOCK, HELD // max(1, len(rows))))
        groups, strata = (
            judged.groups[rows],
            weighted.strata_of(judged.groups[rows], judged.strata[rows], judged.labels[rows]),
        )
        drawn = weighted.weight_blocks(judged.group_names[rows], self.statistics.seed, self.statistics.replicates, size)
        for weights in drawn:
            yield weighted.balance_strata(weights, groups, strata)


@dataclass(frozen=True)
class Work:
    """Cells of one test set: its labels [n], the logits [n] of each, which metrics, and by how many threads."""

    labels: Codes
    logits: tuple[Numbers, ...]
    metrics: tuple[str, ...]
    threads: int


def _plain(work: Work, blocks: Iterator[weighted.Weights]) -> Iterator[Numbers]:
    seen = [~np.isnan(each) for each in work.logits]
    for weights in blocks:
        found = np.empty((len(work.logits), len(work.metrics), len(weights)))
        for place, (logits, there) in enumerate(zip(work.logits, seen, strict=True)):
            part = weights if there.all() else weights[:, there]
            for at, name in enumerate(work.metrics):
                found[place, at] = RESAMPLED[name](logits[there], work.labels[there], part)
        yield found


def _compiled(work: Work, blocks: Iterator[weighted.Weights]) -> Iterator[Numbers]:
    kernel = _kernel()
    cells = [kernel.in_order(logits, work.labels) for logits in work.logits]
    masks = [np.isnan(logits).tobytes() for logits in work.logits]
    first = {mask: place for place, mask in reversed(list(enumerate(masks)))}
    with ThreadPoolExecutor(work.threads) as pool:
        for weights in blocks:
            across = np.ascontiguousarray(weights.T)
            sums = {mask: kernel.totals(across, cells[place]) for mask, place in first.items()}
            each = [sums[mask] for mask in masks]
            found = pool.map(kernel.metrics, repeat(across), cells, each)
            named = [_named(four, two, work.metrics) for four, two in zip(found, each, strict=True)]
            yield np.array(named).reshape(len(cells), len(work.metrics), len(weights))


def _named(found: Numbers, sums: Numbers, metrics: tuple[str, ...]) -> Numbers:
    """The metrics asked for, from what the kernel gives."""
    area, precise, tpr, tnr = found
    reals, fakes = sums
    known = {
        "roc_auc": area,
        "average_precision": precise,
        "balanced_accuracy": (tpr + tnr) / 2,
        "accuracy": ratio(np.nan_to_num(tpr) * fakes + np.nan_to_num(tnr) * reals, fakes + reals),
    }
    return np.array([known[name] for name in metrics])


@cache
def _kernel() -> ModuleType:
    """The compiled kernel. What numba compiles is kept in the user's cache folder, wherever the package lies."""
    os.environ.setdefault("NUMBA_CACHE_DIR", str(_cache_folder()))
    from crossgen.evaluation import kernel

    return kernel


def _cache_folder() -> Path:
    """A folder to write to: the user's cache, else (a read-only home) one that ends with this process."""
    home = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    folder = Path(home) / "crossgen" / "numba"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError):
        own = Path(tempfile.mkdtemp(prefix="crossgen-numba-"))
        atexit.register(shutil.rmtree, own, ignore_errors=True)
        return own
