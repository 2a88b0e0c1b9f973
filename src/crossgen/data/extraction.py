"""Metadata of a shard, read by several workers, streamed to its manifest, and gone on with after a break.

Memory: a few batches, however large the listing. Finished batches lie as tables in a folder beside the output until all
are there. The folder's name tells what they were made of, so that no other listing, and no later VERSION, takes them
for its own; Snakemake, which deletes the output of a job that was killed, leaves it alone.
"""

import json
import shutil
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from blake3 import blake3

from crossgen import records
from crossgen.data.facts import Facts, end_with_parent, read_facts
from crossgen.data.manifest import VERSION, Tally, joined
from crossgen.progress import Meter

#: Images of a batch; a killed job reads those that were begun again. Batches of a row group of the manifest.
BATCH, TOGETHER = 1024, 16
#: Images that a worker is given at a time.
TASK = 128
#: Batches that are begun while one is awaited.
AHEAD = 4
#: Below this a pool of processes takes longer to start than the images to read.
FEW = 10_000


def in_threads(workers: int) -> Executor:
    """Workers of this process: Python runs one at a time, but they wait for the disk together."""
    return ThreadPoolExecutor(workers)


def in_processes(workers: int) -> Executor:
    """Workers of their own: 1.3 to 1.8 times as fast on two cores (benchmarks/extract_metadata.py).

    Started anew, not forked: this process has threads (pyarrow's).
    """
    return ProcessPoolExecutor(workers, get_context("spawn"), initializer=end_with_parent)


@dataclass(frozen=True)
class Shard:
    """What to read: one shard of a listing, below a folder, with digests (`hashed`) or at both ends of files only."""

    listing: Path
    root: Path
    number: int = 0
    hashed: bool = True

    def rows(self) -> Iterator[pa.Table]:
        """Its FILES rows, in batches of BATCH."""
        kept = pa.table({name: pa.array([], kind) for name, kind in records.FILES.columns.items()})
        for piece in records.stream(self.listing, records.FILES, TOGETHER * BATCH):
            mine = piece.filter(pc.equal(piece["shard"], self.number)).select(kept.column_names)
            kept = pa.concat_tables([kept, mine])
            while kept.num_rows >= BATCH:
                yield kept.slice(0, BATCH).combine_chunks()
                kept = kept.slice(BATCH)
        if kept.num_rows:
            yield kept.combine_chunks()

    def count(self) -> int:
        """How many rows it has."""
        shards = records.stream_column(self.listing, "shard", records.INTEGER)
        return sum(pc.sum(pc.equal(each, self.number)).as_py() or 0 for each in shards)

    def key(self) -> str:
        """Name of everything that the facts depend on. A listing's time too: files may have been repaired since."""
        state = self.listing.stat()
        told = {
            "listing": blake3().update_mmap(self.listing).hexdigest(),
            "time": state.st_mtime_ns,
            "root": str(self.root.resolve()),
            "shard": self.number,
            "hashed": self.hashed,
            "batch": BATCH,
            "version": VERSION,
        }
        return blake3(json.dumps(told, sort_keys=True).encode()).hexdigest(length=8)


def extract(shard: Shard, output: Path, workers: int, start: Callable[[int], Executor] | None = None) -> Tally:
    """Write a shard's manifest; returns its counts. `start` chooses the workers (default: processes, if worth it).

    Raises FileNotFoundError if `root` is no folder (of a disk that is not mounted, millions of files would be missing),
    OSError for a worker that was killed; what was read before is kept.
    """
    if workers < 1:
        raise ValueError(f"{workers} workers cannot read anything: expected at least 1 (--threads).")
    folder = output.with_name(f".{output.name}.{shard.key()}.parts")
    _remove_others(folder, output)
    total = shard.count()
    start = start or (in_processes if workers > 1 and total >= FEW else in_threads)
    executor = start(workers)
    try:
        parts = list(_read(shard, folder, executor, total))
    except BrokenProcessPool as error:
        raise OSError(f"{output}: a process that reads files was killed (no memory?); run again to go on.") from error
    finally:
        executor.shutdown(cancel_futures=True)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    counted = Tally()
    records.write_stream(output, map(counted.add, _joined_up(parts)), records.MANIFEST)
    shutil.rmtree(folder, ignore_errors=True)
    return counted


def _joined_up(parts: list[Path]) -> Iterator[pa.Table]:
    """The tables of all batches, many at a time: a reader of thousands of small row groups is slow."""
    for start in range(0, len(parts), TOGETHER):
        yield pa.concat_tables([records.read(part, records.MANIFEST) for part in parts[start : start + TOGETHER]])


def _remove_others(folder: Path, output: Path) -> None:
    """Batches of this output that were made of something else."""
    for other in list(output.parent.iterdir()) if output.parent.is_dir() else []:
        if other.name.startswith(f".{output.name}.") and other.suffix == ".parts" and other != folder:
            shutil.rmtree(other)


def _read(shard: Shard, folder: Path, executor: Executor, total: int) -> Iterator[Path]:
    """The tables of all batches, in order; those that are there already are not read again."""
    begun = deque[tuple[Path, pa.Table, list[Future[list[Facts]]]]]()
    with Meter("extract_metadata", total) as meter:
        for number, files in enumerate(shard.rows()):
            part = folder / f"{number:06d}.parquet"
            tasks = [] if _is_there(part, files) else _submitted(executor, shard, files["path"].to_pylist())
            begun.append((part, files, tasks))
            if len(begun) > AHEAD:
                yield _finished(shard, *begun.popleft(), meter)
        while begun:
            yield _finished(shard, *begun.popleft(), meter)


def _submitted(executor: Executor, shard: Shard, paths: list[str]) -> list[Future[list[Facts]]]:
    slices = [paths[start : start + TASK] for start in range(0, len(paths), TASK)]
    return [executor.submit(read_facts, shard.root, each, shard.hashed) for each in slices]


def _finished(shard: Shard, part: Path, files: pa.Table, tasks: list[Future[list[Facts]]], meter: Meter) -> Path:
    """Write a batch, unless it is there."""
    facts = list[Facts]()
    for task in tasks:
        facts += task.result()
        meter.advance(len(task.result()))
    if tasks:
        manifest = joined(files, facts)
        if "missing" in pc.unique(manifest["quarantine"]).to_pylist() and not shard.root.is_dir():
            raise FileNotFoundError(f"{shard.root} is gone, or no folder: mount it, or correct source.root.")
        records.write(part, manifest, records.MANIFEST)
    else:
        meter.advance(files.num_rows)
    return part


def _is_there(part: Path, files: pa.Table) -> bool:
    try:
        return bool(pq.read_metadata(part).num_rows == files.num_rows)
    except (OSError, pa.ArrowInvalid):
        return False
