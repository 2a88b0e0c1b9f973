"""How images arrive on disk: one module a kind, chosen by the `kind` of a pool's source."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from crossgen.config import Pool
from crossgen.data.sources import dataverse, fetched, folder, made, table, volumes


@dataclass(frozen=True)
class Entry:
    """One image as its source describes it; None where the source does not say."""

    path: str
    split: str | None = None
    group: str | None = None
    folder: str | None = None
    generator: str | None = None
    class_index: int | None = None
    class_synset: str | None = None
    class_name: str | None = None
    stratum: str | None = None
    bytes: int | None = None
    blake3: str | None = None
    published_quality: int | None = None
    defect: str | None = None
    pair: str | None = None
    pair_x: int | None = None
    pair_y: int | None = None
    psnr: float | None = None
    ssim: float | None = None
    prompt: str | None = None
    image_seed: int | None = None
    made_with: str | None = None


#: kind -> (source, pool) -> facts of the images, in any order, as keyword arguments of Entry.
SOURCES: dict[str, Callable[[Any, Pool], list[dict[str, Any]]]] = {
    "archive": fetched.entries,
    "folder": folder.entries,
    "genimage_dataverse": dataverse.entries,
    "genimage_volumes": volumes.entries,
    "huggingface": fetched.entries,
    "table": table.entries,
}


def entries(pool: Pool, tables: Sequence[Path] = ()) -> list[Entry]:
    """Everything a pool's source holds for it, ordered by path; what must be fetched has been (`crossgen fetch`).

    `tables`: of a pool whose images were made, what tells of them (MADE). Raises FileNotFoundError (no such root or
    table), ValueError (nothing found, doubled paths, unknown split).
    """
    told = made.entries(tables, pool) if pool.source.made else SOURCES[pool.source.kind](pool.source, pool)
    found = sorted((Entry(**facts) for facts in told), key=lambda entry: entry.path)
    if not found:
        raise ValueError(
            f"Pool {pool.name!r}: its source ({pool.source.kind} {pool.source.root}) holds no image of it."
        )
    for before, after in pairwise(found):
        if before.path == after.path:
            raise ValueError(f"Pool {pool.name!r}: {after.path} is listed twice.")
    for entry in found:
        if entry.split not in (None, "train", "val", "test"):
            raise ValueError(f"Pool {pool.name!r}: split {entry.split!r} of {entry.path}: expected train, val or test.")
    return found
