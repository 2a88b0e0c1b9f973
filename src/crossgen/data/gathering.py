"""Shards of a manifest joined to one, in a memory that does not grow with them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from blake3 import blake3

from crossgen import records
from crossgen.data.manifest import Tally
from crossgen.progress import track
from crossgen.records import MANIFEST


def gather(shards: Sequence[Path], output: Path, pool: str, limit: float) -> Tally:
    """Write a pool's manifest from its shards' and return its counts. Order: as the shards are given, then image_id.

    Raises ValueError for an image that stands in two rows, and if more than the share `limit` is unusable.
    """
    _refuse_repeats(shards)
    counted = Tally()
    for path in track(shards, "gather_manifest", len(shards), "shards"):
        for piece in records.stream(path, MANIFEST):
            counted.add(piece)
    counted.refuse(pool, limit)
    records.write_stream(output, (piece for path in shards for piece in _ordered(path)), MANIFEST)
    return counted


def _ordered(path: Path) -> Iterator[pa.Table]:
    """Rows of one shard by image_id: as they stand, or, of a table that another program wrote, sorted in memory."""
    if _is_ordered(path):
        yield from records.stream(path, MANIFEST)
    else:
        yield records.read(path, MANIFEST).sort_by("image_id")


def _is_ordered(path: Path) -> bool:
    last = ""
    for ids in records.stream_column(path, "image_id", records.TEXT):
        if len(ids) and (ids[0].as_py() < last or pc.any(pc.less(ids[1:], ids[:-1])).as_py()):
            return False
        last = ids[-1].as_py() if len(ids) else last
    return True


def _refuse_repeats(shards: Sequence[Path]) -> None:
    """Digests of 8 bytes stand for the names; only names whose digests are equal are compared."""
    digests = np.concatenate(
        [
            np.empty(0, np.uint64),
            *(
                _digests(ids.to_pylist())
                for path in shards
                for ids in records.stream_column(path, "image_id", records.TEXT)
            ),
        ]
    )
    digests.sort()
    doubled = set(digests[1:][digests[1:] == digests[:-1]].tolist())
    if not doubled:
        return
    seen, repeated = set[str](), list[str]()
    for path in shards:
        for ids in records.stream_column(path, "image_id", records.TEXT):
            names = ids.to_pylist()
            for name, digest in zip(names, _digests(names).tolist(), strict=True):
                if digest in doubled:
                    (repeated.append if name in seen else seen.add)(name)
    if repeated:
        raise ValueError(
            f"{len(shards)} tables together: {len(repeated)} repeated keys in a manifest table, first: "
            f"{{'image_id': {repeated[0]!r}}}."
        )


def _digests(names: Sequence[str]) -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
    return np.frombuffer(b"".join(blake3(name.encode()).digest(length=8) for name in names), np.uint64)
