"""Test images to look into: some of each pool, clean and recompressed, in a detector's frame."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from crossgen import records
from crossgen.config import Frame, Step
from crossgen.config.steps import Jpeg
from crossgen.evaluation.render import Images, render, tested_images

Pixels = npt.NDArray[np.uint8]
Names = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Chosen:
    """Images [n] of all pools: who they are, and their crops uint8 [n, height, width, 3] by JPEG quality (0: clean)."""

    image_id: Names
    pool: Names
    group: Names
    label: npt.NDArray[np.int64]
    crops: dict[int, Pixels]

    @property
    def clean(self) -> Pixels:
        """Crops as they are."""
        return self.crops[0]


def choose(pools: Mapping[str, Mapping[str, str]], frame: Frame, qualities: Sequence[int], n: int, seed: int) -> Chosen:
    """At most `n` test images of each pool ({pool: {"root", "manifest"}}), drawn by `seed`, with JPEG of `qualities`.

    An image that cannot be shown in one of them is in none. Raises ValueError: a frame of whole images, whose sizes
    differ; a quality outside 1-100; a pool without a usable test image.
    """
    if frame.kind == "whole":
        raise ValueError("This detector sees whole images (frame kind 'whole'): expected a frame of one size, as crop.")
    wrong = [each for each in qualities if not 1 <= each <= 100]
    if wrong:
        raise ValueError(f"JPEG quality {wrong[0]} in --qualities: expected 1 to 100.")
    parts = [_of_pool(name, told, frame, qualities, (n, seed)) for name, told in pools.items()]
    return Chosen(
        np.concatenate([part.image_id for part in parts]),
        np.concatenate([part.pool for part in parts]),
        np.concatenate([part.group for part in parts]),
        np.concatenate([part.label for part in parts]),
        {quality: np.concatenate([part.crops[quality] for part in parts]) for quality in (0, *qualities)},
    )


def _of_pool(
    name: str, told: Mapping[str, str], frame: Frame, qualities: Sequence[int], draw: tuple[int, int]
) -> Chosen:
    rows = records.read(Path(told["manifest"]), records.MANIFEST)
    groups = dict(zip(rows["image_id"].to_pylist(), rows["group"].to_pylist(), strict=True))
    images = _drawn(tested_images(rows, Path(told["root"])), *draw)
    steps: dict[str, tuple[Step, ...]] = {"0": ()} | {
        str(each): (Jpeg(step="jpeg", quality=each),) for each in qualities
    }
    crops: dict[str, list[Pixels]] = {key: [] for key in steps}
    failed: set[int] = set()
    for start, pictures, faults in render(images, frame, steps):
        failed |= {row for found in faults.values() for row in found}
        usable = [row for row in range(len(pictures["0"])) if start + row not in failed]
        for key in steps:
            crops[key].append(np.asarray(pictures[key])[usable])
    ids = [each for row, each in enumerate(images.ids) if row not in failed]
    if not ids:
        raise ValueError(f"Pool {name!r} has no usable test image ({told['manifest']}): leave it out of --pools.")
    return Chosen(
        np.array(ids, object),
        np.array([name] * len(ids), object),
        np.array([groups[each] or each for each in ids], object),
        np.full(len(ids), images.label, np.int64),
        {int(key): np.concatenate(found) for key, found in crops.items()},
    )


def _drawn(images: Images, n: int, seed: int) -> Images:
    """The n images whose keyed digests are least, in their order: more of them keep the others."""

    def drawn_at(row: int) -> str:
        return hashlib.blake2b(json.dumps([seed, images.ids[row]]).encode()).hexdigest()

    rows = sorted(sorted(range(len(images)), key=drawn_at)[:n])
    return Images(
        tuple(images.ids[row] for row in rows), tuple(images.paths[row] for row in rows), images.digest, images.label
    )
