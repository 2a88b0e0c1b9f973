"""Certainty about images: every byte read, every pixel decoded, and compared with what the manifest says."""

import json
import logging
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from blake3 import blake3
from pyarrow import csv

from crossgen import records
from crossgen.data.images import Unusable, decode
from crossgen.data.names import located, shown
from crossgen.data.reading import read_file
from crossgen.data.splits import fraction
from crossgen.files import write_text, write_whole
from crossgen.progress import Meter
from crossgen.records import MANIFEST, VERIFIED

LOG = logging.getLogger(__name__)

#: Outcomes beside the reasons for which an image cannot be used.
SOUND, CHANGED = "sound", "changed"
#: Images that are begun while one is awaited, for each thread.
AHEAD = 16
_NAMED = 5


@dataclass(frozen=True)
class Sample:
    """The share of a manifest's images that are looked at; who they are depends on `seed` and their names alone."""

    fraction: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.fraction <= 1:
            raise ValueError(f"A fraction of {self.fraction} cannot be verified: expected more than 0, at most 1.")

    def of(self, piece: pa.Table) -> pa.Table:
        """The sampled rows of some rows."""
        if self.fraction == 1:
            return piece
        drawn = [fraction(self.seed, image_id) < self.fraction for image_id in piece["image_id"].to_pylist()]
        return piece.filter(pa.array(drawn, pa.bool_()))


@dataclass
class Verdict:
    """Counts of outcomes; `failed`: of images that the manifest calls usable and that are not sound.

    `first`: the first of these, with their outcomes; `quarantined`: images that the manifest has in quarantine, and
    how many of them are sound all the same.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    first: list[str] = field(default_factory=list)
    quarantined: tuple[int, int] = (0, 0)

    def add(self, rows: pa.Table) -> pa.Table:
        """Count some VERIFIED rows; returns them."""
        self.outcomes.update(rows["outcome"].to_pylist())
        held = rows["outcome"].filter(pc.is_valid(rows["quarantine"])).to_pylist()
        self.quarantined = self.quarantined[0] + len(held), self.quarantined[1] + held.count(SOUND)
        failed = rows.filter(pc.and_(pc.is_null(rows["quarantine"]), pc.not_equal(rows["outcome"], SOUND)))
        self.failed.update(failed["outcome"].to_pylist())
        named = zip(failed["image_id"].to_pylist(), failed["outcome"].to_pylist(), strict=True)
        self.first += [f"{shown(image_id)} ({outcome})" for image_id, outcome in named][: _NAMED - len(self.first)]
        return rows

    def refuse(self, manifest: Path) -> None:
        """Raise ValueError if an image failed, or if none was looked at."""
        if not self.outcomes:
            raise ValueError(f"{manifest}: no image was looked at: raise --fraction.")
        if self.failed:
            raise ValueError(
                f"{manifest}: {self.failed.total()} of {self.outcomes.total()} images are not what it calls usable "
                f"({dict(self.failed)}; first: {', '.join(self.first)}): restore these files, or list the pool again."
            )


def verify(manifest: Path, root: Path, sample: Sample, threads: int) -> Iterator[pa.Table]:
    """VERIFIED rows of a manifest's images, in its order, decoded by several threads.

    `changed`: other bytes than the manifest says (another digest; without digests, another size). Raises
    FileNotFoundError if `root` is no folder.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"There is no folder {root}: name the one that the manifest's paths begin in (--root).")
    if threads < 1:
        raise ValueError(f"{threads} threads cannot decode anything: expected at least 1 (--threads).")
    names = records.stream_column(manifest, "image_id", records.TEXT)
    total = round(sum(map(len, names)) * sample.fraction)
    with ThreadPoolExecutor(threads) as workers, Meter("verify_images", total) as meter:
        for piece in records.stream(manifest, MANIFEST):
            rows = sample.of(piece).select(["image_id", "path", "quarantine", "bytes", "blake3"])
            outcomes = list(_counted(_decoded(workers, threads, root, rows), meter))
            found = rows.select(["image_id", "path", "quarantine"])
            yield found.append_column("outcome", pa.array(outcomes, pa.string()))


def _counted(outcomes: Iterable[str], meter: Meter) -> Iterator[str]:
    for outcome in outcomes:
        yield outcome
        meter.advance()


def _decoded(workers: ThreadPoolExecutor, threads: int, root: Path, rows: pa.Table) -> Iterator[str]:
    """Outcomes in order; only so many files are held in memory as threads are at work."""
    begun = deque[Future[str]]()
    for path, size, digest in zip(*(rows[name].to_pylist() for name in ("path", "bytes", "blake3")), strict=True):
        begun.append(workers.submit(_outcome, located(root, path), size, digest))
        if len(begun) > AHEAD * threads:
            yield begun.popleft().result()
    while begun:
        yield begun.popleft().result()


def _outcome(path: Path, size: int | None, digest: str | None) -> str:
    try:
        blob = read_file(path)
        if size not in (None, len(blob)) or digest not in (None, blake3(blob).hexdigest()):
            return CHANGED
        decode(blob)
    except Unusable as error:
        return error.reason
    except MemoryError:  # a fault of the machine, not of the file
        raise
    except Exception as error:  # noqa: BLE001 (one file must not stop the others, whatever Pillow raises)
        LOG.warning(f"{shown(path)}: {type(error).__name__}: {error}; counted as undecodable")
        return "undecodable"
    return SOUND


def refuse_ending(path: Path) -> None:
    """Raise ValueError for a table that cannot be written, before hours are spent on it."""
    if path.suffix not in _WRITERS:
        raise ValueError(f"Cannot write {path}: its name must end in {', '.join(_WRITERS)}.")


def write(path: Path, rows: pa.Table) -> None:
    """Write VERIFIED rows as the ending says."""
    _WRITERS[path.suffix](path, rows)


def _write_csv(path: Path, rows: pa.Table) -> None:
    write_whole(path, lambda part: csv.write_csv(rows, part))


def _write_json(path: Path, rows: pa.Table) -> None:
    write_text(path, json.dumps(rows.to_pylist(), indent=1) + "\n")


_WRITERS: dict[str, Callable[[Path, pa.Table], None]] = {
    ".parquet": lambda path, rows: records.write(path, rows, VERIFIED), ".csv": _write_csv, ".json": _write_json,
}  # fmt: skip
