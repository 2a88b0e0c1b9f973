"""How far JPEG moves the features of the same images, in units of how far fakes lie from reals."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32] | Numbers

#: Bootstrap replicates, and the level of the intervals.
REPLICATES, LEVEL = 1000, 0.95


class Drift(NamedTuple):
    """Means over images, with limits of their 95 % intervals over groups."""

    measure: str
    value: float
    low: float
    high: float


def drift(clean: Floats, moved: Floats, apart: float, groups: npt.NDArray[np.object_], seed: int) -> list[Drift]:
    """What becomes of features [n, d] of the same images, in the same order.

    `distance`: Euclidean, divided by `apart` (that of the mean fake from the mean real, from `separation`): at 1 a
    picture has moved as far as fakes lie from reals. `cosine`: 1 - cosine, in [0, 2]. Raises ValueError for features
    of other shapes, and for features that do not tell fakes from reals at all.
    """
    if clean.shape != moved.shape or len(clean) != len(groups) or not len(clean):
        raise ValueError(
            f"Features of shapes {clean.shape} and {moved.shape} with {len(groups)} groups: expected the same images."
        )
    if not apart > 0:
        raise ValueError(f"The mean fake lies {apart} from the mean real: there is no unit to measure drift in.")
    before, after = clean.astype(np.float64), moved.astype(np.float64)
    lengths = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
    inner = np.divide((before * after).sum(axis=1), lengths, out=np.ones(len(before)), where=lengths > 0)
    same = (before == after).all(axis=1)
    values = {
        "distance": np.linalg.norm(after - before, axis=1) / apart,
        "cosine": np.where(same, 0.0, np.clip(1 - inner, 0, 2)),
    }
    return [Drift(name, *mean_over_groups(each, groups, seed)) for name, each in values.items()]


def separation(features: Floats, labels: npt.NDArray[np.int64]) -> float:
    """Distance of the mean fake's features from the mean real's. Raises ValueError if one of them is missing."""
    if set(labels.tolist()) != {0, 1}:
        raise ValueError(f"Drift is measured in the distance of fakes from reals, but labels are {set(labels)}.")
    wide = features.astype(np.float64)
    return float(np.linalg.norm(wide[labels == 1].mean(axis=0) - wide[labels == 0].mean(axis=0)))


def mean_over_groups(values: Numbers, groups: npt.NDArray[np.object_], seed: int) -> tuple[float, float, float]:
    """Mean of values [n] and its percentile interval, drawing whole groups; NaN limits with fewer than two groups."""
    names, codes = np.unique(groups.astype(str), return_inverse=True)
    if len(names) < 2:
        return float(values.mean()), float("nan"), float("nan")
    totals, counts = np.bincount(codes, values), np.bincount(codes)
    drawn = np.random.default_rng(seed).integers(0, len(names), (REPLICATES, len(names)))
    means = totals[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(values.mean()), float(low), float(high)
