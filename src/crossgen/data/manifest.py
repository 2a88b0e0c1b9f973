"""The manifest: one row an image, header facts only. The file is read once, for its digest; nothing is decoded."""

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from blake3 import blake3

from crossgen.data.images import Unusable, read_file, read_header
from crossgen.data.names import located
from crossgen.progress import track
from crossgen.records import MANIFEST, from_rows

#: Raised when a fact is read in another way.
VERSION = 1


def describe(files: pa.Table, root: Path, threads: int = 4) -> pa.Table:
    """MANIFEST rows of FILES rows. An unusable image keeps its row, with the reason in `quarantine`.

    Raises FileNotFoundError for a listed file that is gone.
    """
    with ThreadPoolExecutor(max_workers=threads) as workers:
        read = workers.map(lambda path: _facts_at(located(root, path)), files["path"].to_pylist())
        facts = list(track(read, "extract_metadata", files.num_rows))
    rows = [row | fact for row, fact in zip(files.to_pylist(), facts, strict=True)]
    return from_rows(rows, MANIFEST)


def _facts_at(path: Path) -> dict[str, object]:
    try:
        return facts_of(read_file(path))
    except Unusable as error:
        return {"quarantine": error.reason}


def facts_of(blob: bytes) -> dict[str, object]:
    """Header facts of one file's bytes, with size and digest."""
    return {"bytes": len(blob), "blake3": blake3(blob).hexdigest(), **asdict(read_header(blob))}


def quarantined(manifest: pa.Table) -> dict[str, int]:
    """Reasons for quarantine and how often each holds."""
    return dict(Counter(manifest["quarantine"].drop_null().to_pylist()))


def refuse_quarantine(manifest: pa.Table, pool: str, limit: float) -> None:
    """Raise ValueError if more than the share `limit` of a pool's images is unusable by their headers."""
    lost = manifest.filter(pc.is_valid(manifest["quarantine"]))
    reasons = dict(zip(lost["image_id"].to_pylist(), lost["quarantine"].to_pylist(), strict=True))
    refuse_losses(f"Pool {pool!r}", reasons, manifest.num_rows, limit)


def refuse_losses(what: str, reasons: Mapping[str, str], total: int, limit: float) -> None:
    """Raise ValueError if more than the share `limit` of `total` images is lost. `reasons`: lost image_id to reason."""
    share = len(reasons) / max(1, total)
    if share > limit:
        first = list(reasons)[:3]
        raise ValueError(
            f"{what}: {share:.1%} of {total} images are unusable ({dict(Counter(reasons.values()))}; first: {first}), "
            f"more than max_quarantine {limit:.1%}: repair or remove them and list the pool again (config/README.md "
            'tells how, under "Images as they come"), or raise max_quarantine of the pool.'
        )
