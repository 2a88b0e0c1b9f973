"""The listing of a pool: every image once, with split, group and shard; files are verified where digests are known."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
from blake3 import blake3

from crossgen.config import Pool
from crossgen.data.names import located, shown
from crossgen.data.sources import Entry, entries
from crossgen.data.splits import assign
from crossgen.progress import track
from crossgen.records import FILES, from_rows

#: Raised when listings change for the same source.
VERSION = 4


def build(
    pool: Pool, split_seed: int, val_fraction: float, test_fraction: float, made: Sequence[Path] = ()
) -> pa.Table:
    """List a pool, and verify the files that a table tells of; a FILES table ordered by path.

    `made`: tables of a pool whose images were made.

    Raises ValueError for files that are missing or differ from what the table says, naming the first few.
    """
    found = entries(pool, made)
    if pool.source.kind == "table" or pool.source.made:
        _verify(found, pool)
    ids = [f"{pool.name}/{entry.path}" for entry in found]
    groups = [entry.group or image_id for entry, image_id in zip(found, ids, strict=True)]
    stated = ["test" if pool.test_only else entry.split for entry in found]
    splits = assign(groups, stated, split_seed, val_fraction, test_fraction)
    rows = [
        _row(pool, entry, image_id, group, split)
        for entry, image_id, group, split in zip(found, ids, groups, splits, strict=True)
    ]
    return from_rows(rows, FILES)


def _row(pool: Pool, entry: Entry, image_id: str, group: str, split: str) -> dict[str, object]:
    return {
        "image_id": image_id,
        "path": entry.path,
        "pool": pool.name,
        "source": pool.source.kind,
        "folder": entry.folder,
        "generator": (pool.generator or entry.generator or pool.name) if pool.label == "fake" else None,
        "label": int(pool.label == "fake"),
        "split": split,
        "group": group,
        "stratum": entry.stratum or pool.name,
        "class_index": entry.class_index,
        "class_synset": entry.class_synset,
        "class_name": entry.class_name,
        "published_quality": entry.published_quality,
        "defect": entry.defect,
        "pair": entry.pair,
        "pair_x": entry.pair_x,
        "pair_y": entry.pair_y,
        "psnr": entry.psnr,
        "ssim": entry.ssim,
        "prompt": entry.prompt,
        "image_seed": entry.image_seed,
        "made_with": entry.made_with,
        "shard": shard(image_id, pool.shards),
    }


def shard(image_id: str, shards: int) -> int:
    """hash(image_id) mod shards: known before the data exist, the same wherever it is asked."""
    return int.from_bytes(blake3(image_id.encode()).digest(length=8), "big") % shards


def _verify(found: list[Entry], pool: Pool) -> None:
    root = Path(pool.source.root)
    with ThreadPoolExecutor(max_workers=4) as threads:
        checked = threads.map(lambda entry: _fault(root, entry), found)
        faults = [fault for fault in track(checked, "download", len(found)) if fault]
    if faults:
        shown = "; ".join(faults[:5])
        raise ValueError(
            f"Pool {pool.name!r}: {len(faults)} of {len(found)} files are not what the source says: {shown}. "
            "Restore them (data/mini: git checkout data/mini) and run again."
        )


def _fault(root: Path, entry: Entry) -> str | None:
    path = located(root, entry.path)
    try:
        if not path.is_file():
            return f"{shown(path)} is missing"
        size = path.stat().st_size
        if entry.bytes is not None and size != entry.bytes:
            return f"{shown(path)} has {size} bytes instead of {entry.bytes}"
        if entry.blake3 is not None and blake3(path.read_bytes()).hexdigest() != entry.blake3:
            return f"{shown(path)} has another blake3 digest"
    except OSError as error:
        return f"{shown(path)} cannot be read ({error.strerror})"
    return None
