"""Near duplicates: pictures that were scaled, re-encoded or retouched a little, found by a perceptual hash.

The hash is pHash of 64 bits (imagehash): signs of the 8 x 8 lowest frequencies of the picture at 32 x 32. Two pictures
are near if at most `threshold` bits differ. Pairs are found by multi-index hashing (Norouzi, Punjani and Fleet, 2012):
of threshold + 1 bands of the hash at least one is the same in both, so only images that share a band are compared.
A picture without structure has no hash: the bits of a blank page are noise, and all blank pages would be alike.
"""

import io
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from crossgen.data import duplicates
from crossgen.data.images import FORMATS, Unusable
from crossgen.data.reading import read_file
from crossgen.intervals import Codes
from crossgen.progress import track

Hashes = NDArray[np.uint64]

BITS = 64
#: Bits that may differ. On 516 photographs (benchmarks/near_duplicates.py) this finds 97 to 100 % of copies that were
#: re-encoded, halved or brightened and half of those with 5 % cut off; of 132,870 pairs of others none but cuts of one
#: scene are as near (the first of different scenes differ in 10 bits).
THRESHOLD = 6
#: Standard deviation, of 255, below which a picture has no structure.
FLAT = 4.0
#: Side in pixels that a JPEG is decoded at, at least.
_SIDE = 128
_CHUNK = 64


@dataclass(frozen=True)
class Near:
    """What was found: rows as DUPLICATES has them, images without structure, and images that do not decode."""

    rows: list[dict[str, object]]
    hashed: int
    flat: int
    unreadable: list[str]


def search(images: pd.DataFrame, paths: Sequence[Path], threshold: int = THRESHOLD) -> Near:
    """Near duplicates among images (columns image_id, pool, split, label, blake3) whose files lie at `paths`.

    Of identical files one counts, so that nothing is told twice. Raises ValueError for a threshold beyond 0 to 16.
    """
    if not 0 <= threshold <= 16:
        raise ValueError(f"Near duplicates may differ in 0 to 16 of {BITS} bits, not {threshold}.")
    single = (~images["blake3"].duplicated() | images["blake3"].isna()).to_numpy()
    images = images[single].reset_index(drop=True)
    chosen = [path for path, kept in zip(paths, single, strict=True) if kept]
    found = list(track(hashed(chosen), "audit: near duplicates", len(chosen)))
    known = np.array([isinstance(each, int) for each in found], dtype=bool)
    flat = sum(each == "flat" for each in found)
    unreadable = [name for name, each in zip(images["image_id"], found, strict=True) if each == "unreadable"]
    values, code = np.unique(
        np.array([each for each in found if isinstance(each, int)], np.uint64), return_inverse=True
    )
    rows = duplicates.linked(images[known], code.astype(np.int64), pairs(values, threshold))
    return Near(rows, int(known.sum()), flat, unreadable)


def hashed(paths: Sequence[Path]) -> Iterator[int | str]:
    """The hash of each file, or `flat`, or `unreadable`; one process a core."""
    cores = len(os.sched_getaffinity(0))
    if cores < 2 or len(paths) < 2 * _CHUNK:
        yield from map(hash_of, paths)
        return
    with ProcessPoolExecutor(cores) as workers:
        yield from workers.map(hash_of, paths, chunksize=_CHUNK)


def hash_of(path: Path) -> int | str:
    """pHash of one file as a number of 64 bits, or `flat`, or `unreadable`."""
    import imagehash

    try:
        image = Image.open(io.BytesIO(read_file(path)), formats=FORMATS)
        image.draft("L", (_SIDE, _SIDE))
        grey = image.convert("RGB").convert("L")
    except (
        Unusable,
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        LookupError,
        ArithmeticError,
        RuntimeError,
        TypeError,
    ):
        return "unreadable"
    if np.asarray(grey.resize((32, 32), Image.Resampling.LANCZOS)).std() < FLAT:
        return "flat"
    return int(np.packbits(imagehash.phash(grey).hash.ravel()).view(">u8")[0])


def pairs(values: Hashes, threshold: int) -> Codes:
    """Places [m, 2] (first below second) of distinct hashes [n] that differ in at most `threshold` bits."""
    found = [_within(values, key, threshold) for key in _bands(values, threshold + 1)]
    every = np.concatenate([np.empty((0, 2), np.int64), *found])
    return np.unique(every, axis=0)


def _bands(values: Hashes, count: int) -> Iterator[Hashes]:
    """The hash cut into `count` pieces, one after the other."""
    edges = np.linspace(0, BITS, count + 1).round().astype(int)
    for low, high in zip(edges, islice(edges, 1, None), strict=False):
        mask = (1 << int(high - low)) - 1
        yield (values >> np.uint64(low)) & np.uint64(mask)


def _within(values: Hashes, key: Hashes, threshold: int) -> Codes:
    """Pairs that share `key` and are near: each compared with the next one, the next but one, ... of its bucket."""
    order = np.argsort(key, kind="stable")
    keys, sorted_values = key[order], values[order]
    alive, found, step = np.arange(len(values)), list[Codes](), 0
    while len(alive):
        step += 1
        alive = alive[alive + step < len(values)]
        alive = alive[keys[alive] == keys[alive + step]]
        close = alive[np.bitwise_count(sorted_values[alive] ^ sorted_values[alive + step]) <= threshold]
        found.append(np.sort(np.column_stack([order[close], order[close + step]]), axis=1))
    return np.concatenate(found) if found else np.empty((0, 2), np.int64)
