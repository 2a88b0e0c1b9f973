"""The manifest: one row an image, header facts only. The file is read once, for its digest; nothing is decoded."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from blake3 import blake3

from crossgen.data.images import read_header
from crossgen.records import MANIFEST, from_rows

#: Raised when a fact is read in another way.
VERSION = 1


def describe(files: pa.Table, root: Path, threads: int = 4) -> pa.Table:
    """MANIFEST rows of FILES rows. An unusable image keeps its row, with the reason in `quarantine`.

    Raises FileNotFoundError for a listed file that is gone.
    """
    with ThreadPoolExecutor(max_workers=threads) as workers:
        facts = list(workers.map(lambda path: facts_of((root / path).read_bytes()), files["path"].to_pylist()))
    rows = [row | fact for row, fact in zip(files.to_pylist(), facts, strict=True)]
    return from_rows(rows, MANIFEST)


def facts_of(blob: bytes) -> dict[str, object]:
    """Header facts of one file's bytes, with size and digest."""
    return {"bytes": len(blob), "blake3": blake3(blob).hexdigest(), **asdict(read_header(blob))}


def quarantined(manifest: pa.Table) -> dict[str, int]:
    """Reasons for quarantine and how often each holds."""
    return dict(Counter(manifest["quarantine"].drop_null().to_pylist()))


def refuse_quarantine(manifest: pa.Table, pool: str, limit: float) -> None:
    """Raise ValueError if more than the share `limit` of a pool's images is unusable."""
    reasons = quarantined(manifest)
    share = sum(reasons.values()) / max(1, manifest.num_rows)
    if share > limit:
        first = manifest.filter(pc.is_valid(manifest["quarantine"]))["image_id"].slice(0, 3).to_pylist()
        raise ValueError(
            f"Pool {pool!r}: {share:.1%} of {manifest.num_rows} images are unusable ({reasons}; first: {first}), more "
            f"than max_quarantine {limit:.1%}: repair them, or raise max_quarantine of the pool."
        )
