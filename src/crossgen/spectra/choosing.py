"""Which images of a pool are looked at: as many of each pool, by hash, never by the order of files."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from crossgen import records
from crossgen.config.spectra import Spectra

COLUMNS = ("image_id", "pool", "label", "path", "group", "stratum", "split", "width", "height", "quarantine")
SIZES = ("split", "width", "height", "quarantine")


@dataclass(frozen=True)
class Chosen:
    """Rows (COLUMNS) of the images chosen, in the order of their hashes, and why others were not usable."""

    rows: list[dict[str, object]]
    left_out: Counter[str]


def choose(manifest: Path, others: Sequence[Path], options: Spectra) -> Chosen:
    """The images of one pool; `others`: the manifests of all pools that are looked at, its own among them or not.

    A quarantined or too small image is counted under its reason (`under_side`). Raises ValueError as `records.read`.
    """
    table = records.read(manifest, records.MANIFEST, COLUMNS)
    table = table.filter(pc.is_in(table["split"], pa.array(options.splits)))
    usable = _usable(table, options.side)
    left_out = Counter(table["quarantine"].drop_null().to_pylist())
    small = table.num_rows - left_out.total() - int(pc.sum(usable).as_py() or 0)
    rows = table.filter(usable).to_pylist()
    rows.sort(key=lambda row: _rank(options.seed, str(row["image_id"])))
    return Chosen(rows[: fair(manifest, others, options)], left_out + Counter({"under_side": small}))


def fair(manifest: Path, others: Sequence[Path], options: Spectra) -> int:
    """Images that a pool may give: as many as the pool gives that has the fewest, of those with `fewest` or more."""
    counts = [_count(path, options) for path in dict.fromkeys([manifest, *others])]
    return min([options.images, *(count for count in counts if count >= options.fewest)])


def _count(manifest: Path, options: Spectra) -> int:
    table = records.read(manifest, records.MANIFEST, SIZES)
    table = table.filter(pc.is_in(table["split"], pa.array(options.splits)))
    return int(pc.sum(_usable(table, options.side)).as_py() or 0)


def _usable(table: pa.Table, side: int) -> pa.ChunkedArray:
    large = pc.greater_equal(pc.min_element_wise(table["width"], table["height"], skip_nulls=False), side)
    return pc.and_(pc.is_null(table["quarantine"]), pc.fill_null(large, False))


def _rank(seed: int, image_id: str) -> bytes:
    return hashlib.blake2b(f"spectra {seed} {image_id}".encode(), digest_size=16).digest()
