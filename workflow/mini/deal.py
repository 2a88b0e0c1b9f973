"""Deals photographs to sides and splits, and crops to pools, sizes and qualities: pure functions of a seed.

The rule behind all of it: within each (package, class) chance alone decides what becomes of a photograph, and every
pool takes the same share of its crops from each (package, class). So neither tells a real image from a fake one.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from blake3 import blake3
from photographs import SMALL_CLASSES, Photograph

SEED = 0
# (side, split) -> share of a stratum's photographs
CELLS = {("real", "train"): 0.33, ("fake", "train"): 0.28, ("fake", "test"): 0.22, ("real", "test"): 0.17}
CROPS = {("real", "train"): 344, ("real", "test"): 172, ("fake", "train"): 74, ("fake", "test"): 60}
SMALL_WEIGHT = 0.6  # a photograph 213 px wide yields fewer crops than one of 400 px; the same in every pool
SHORT_SIDE = (240, 384)  # of a photograph after down-scaling, in pixels
LEAST_FACTOR = 1.5  # less would leave traces of the old JPEG or WebP grid
VALIDATION_SHARE, SPLIT_SEED = 0.15, 0
# ImageNet's JPEG qualities (per cent); the last six stand for its long tail
QUALITIES = {96: 68, 75: 7, 80: 6, 90: 4, 92: 3.5, 85: 3.5, 95: 2, 88: 1.5, 94: 1.5, 70: 1, 98: 1, 99: 1}
SHAPES = {"near_128": 0.39, "near_160": 0.39, "other": 0.22}


@dataclass(frozen=True)
class Deal:
    """What becomes of one photograph: side `real` or `fake`, split, and its size after down-scaling."""

    side: str
    split: str
    factor: float
    width: int
    height: int


def generator(*key: object) -> np.random.Generator:
    """Random numbers that depend on the key alone, never on the order of calls."""
    digest = blake3("/".join(str(part) for part in (SEED, *key)).encode()).digest(length=8)
    return np.random.default_rng(int.from_bytes(digest, "little"))


def shares(weights: Mapping, total: int, rng: np.random.Generator) -> dict:
    """Whole numbers in proportion to the weights that add up to the total (largest remainder, ties at random)."""
    scale = total / sum(weights.values())
    exact = {key: weight * scale for key, weight in weights.items()}
    counts = {key: math.floor(value) for key, value in exact.items()}
    noise = dict(zip(exact, rng.random(len(exact)), strict=True))
    rest = sorted(exact, key=lambda key: (counts[key] - exact[key], noise[key]))
    for key in rest[: total - sum(counts.values())]:
        counts[key] += 1
    return counts


def down_scale(photograph: Photograph) -> tuple[float, int, int]:
    """Factor, and width and height afterwards: multiples of 4, so that super-resolution returns the same size.

    The target is drawn for every photograph alike, before its side is known.
    """
    short = min(photograph.width, photograph.height)
    high = min(SHORT_SIDE[1], short / LEAST_FACTOR)
    target = generator("scale", photograph.id).uniform(min(SHORT_SIDE[0], high), high)
    factor = max(short / target, LEAST_FACTOR)
    return factor, *(4 * math.floor(side / factor / 4) for side in (photograph.width, photograph.height))


def strata(photographs: Iterable[Photograph]) -> dict[tuple[str, str], list[Photograph]]:
    """Photographs by (package, class)."""
    grouped = defaultdict(list)
    for photograph in photographs:
        grouped[photograph.stratum].append(photograph)
    return dict(grouped)


def deal_photographs(photographs: Iterable[Photograph]) -> dict[str, Deal]:
    """Side and split of every photograph, at random within its stratum; each cell gets at least one of four."""
    dealt = {}
    for stratum, members in strata(photographs).items():
        rng = generator("cells", *stratum)
        counts = shares(CELLS, len(members) - len(CELLS), rng)
        cells = [cell for cell in CELLS for _ in range(counts[cell] + 1)]
        for index, cell in zip(rng.permutation(len(members)), cells, strict=True):
            dealt[members[index].id] = Deal(*cell, *down_scale(members[index]))
    return dealt


def validation_groups(groups: Iterable[str]) -> set[str]:
    """The carve that crossgen makes of a pool's train groups: the first 15 % by hash of (split seed, group)."""
    ordered = sorted(set(groups), key=lambda group: blake3(f"{SPLIT_SEED}:{group}".encode()).hexdigest())
    return set(ordered[: max(1, round(VALIDATION_SHARE * len(ordered)))])


def crops_per_photograph(photographs: list[Photograph], dealt: Mapping[str, Deal], cell: tuple[str, str]) -> dict:
    """How many crops each photograph of a cell gives: strata in fixed shares, evenly within a stratum."""
    grouped = strata(photographs)
    weights = {key: len(members) * (SMALL_WEIGHT if key[1] in SMALL_CLASSES else 1) for key, members in grouped.items()}
    quota = shares(weights, CROPS[cell], generator("quota", *cell))
    crops = {}
    for stratum, members in grouped.items():
        ids = [member.id for member in members if (dealt[member.id].side, dealt[member.id].split) == cell]
        crops |= shares(dict.fromkeys(ids, 1), quota[stratum], generator("crops", *cell, *stratum))
    return {key: count for key, count in crops.items() if count}


def deal_cards(cards: Mapping, count: int, rng: np.random.Generator) -> list:
    """A shuffled hand in which each card appears in proportion to its weight, exactly."""
    counts = shares(cards, count, rng)
    hand = [card for card in cards for _ in range(counts[card])]
    return [hand[index] for index in rng.permutation(count)]


def shape(name: str, width: int, height: int, rng: np.random.Generator) -> tuple[int, int]:
    """Width and height of a real crop that fits a photograph of this size.

    `near_128` and `near_160` have both sides within 1.1 and 1.25 of each other; `other` is clearly oblong.
    """
    if name != "other":
        low, high = {"near_128": (128, 140), "near_160": (160, 200)}[name]
        return tuple(int(rng.integers(low, min(high, side) + 1)) for side in (width, height))  # type: ignore[return-value]
    upright = bool(rng.integers(2)) if min(width, height) >= 128 else width < height
    ratio = rng.choice([4 / 3, 3 / 2])
    room_long, room_short = (height, width) if upright else (width, height)
    long = rng.integers(math.ceil(96 * ratio), min(240, room_long, math.floor(room_short * ratio)) + 1)
    sides = round(float(long) / ratio), int(long)
    return sides if upright else sides[::-1]


def deal_reals(crops: Mapping[str, int], split: str) -> list[dict]:
    """Shape and JPEG quality of every real crop; quality is dealt within each (part, shape).

    Parts are train, val and test: val is carved here as crossgen will carve it, so that its counts are exact as well.
    """
    carved = validation_groups(crops) if split == "train" else set()
    dealt = []
    for part in ("rest", "val"):
        rows = [(key, k) for key, n in sorted(crops.items()) for k in range(n) if (key in carved) == (part == "val")]
        names = deal_cards(SHAPES, len(rows), generator("shapes", split, part))
        for name in SHAPES:
            chosen = [row for row, given in zip(rows, names, strict=True) if given == name]
            qualities = deal_cards(QUALITIES, len(chosen), generator("quality", split, part, name))
            dealt += [
                {"photograph": key, "crop": k, "size_class": name, "jpeg_quality": quality}
                for (key, k), quality in zip(chosen, qualities, strict=True)
            ]
    return sorted(dealt, key=lambda row: (row["photograph"], row["crop"]))
