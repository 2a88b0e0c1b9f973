"""Images laid out in a plane by their features, and a number that says whether the layout may be read.

t-SNE (van der Maaten and Hinton, 2008) shows clusters in noise, too. So beside the picture stands how often the nearest
neighbours in the features themselves, of other groups, tell an image's generator.
"""

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from crossgen.looking.drift import mean_over_groups

Kind = Literal["pca", "tsne"]
Numbers = npt.NDArray[np.float64]

#: Components that t-SNE and the neighbours see; neighbours asked; folds.
COMPONENTS, NEIGHBOURS, FOLDS = 50, 10, 5


class Told(NamedTuple):
    """Share of images whose generator their neighbours tell, mean over pools, with a 95 % interval and chance."""

    value: float
    low: float
    high: float
    chance: float


def plane(features: Numbers, kind: Kind, seed: int) -> Numbers:
    """Features [n, d] to coordinates [n, 2]. Raises ValueError for fewer than 10 images."""
    if len(features) < 10:
        raise ValueError(f"{len(features)} images are too few to lay out: expected 10 at least (--embed).")
    wide = StandardScaler().fit_transform(features.astype(np.float64))
    few = min(2 if kind == "pca" else COMPONENTS, *wide.shape)
    reduced = PCA(few, svd_solver="full").fit_transform(wide)
    if kind == "pca":
        return np.asarray(reduced)
    near = min(30.0, (len(features) - 1) / 3)
    return np.asarray(TSNE(2, perplexity=near, init="pca", random_state=seed).fit_transform(reduced))


def told_by_neighbours(features: Numbers, pools: npt.NDArray[np.object_], groups: npt.NDArray[np.object_]) -> Told:
    """How well neighbours of other groups tell an image's pool.

    Features [n, d], pools [n], groups [n]. Every fold is fitted on the others, no group in both. Raises ValueError for
    one pool only, or a pool of fewer than FOLDS groups.
    """
    names, codes = np.unique(pools.astype(str), return_inverse=True)
    fewest = min(len(np.unique(groups[codes == code].astype(str))) for code in range(len(names)))
    if len(names) < 2 or fewest < FOLDS:
        raise ValueError(
            f"{len(names)} pools, the least of {fewest} groups: expected 2 pools of {FOLDS} groups or more (--embed)."
        )
    hits = np.zeros(len(codes))
    for fitted, asked in StratifiedGroupKFold(FOLDS).split(features, codes, groups.astype(str)):
        scaler = StandardScaler().fit(features[fitted])
        known, unknown = scaler.transform(features[fitted]), scaler.transform(features[asked])
        judge = KNeighborsClassifier(min(NEIGHBOURS, len(fitted))).fit(known, codes[fitted])
        hits[asked] = judge.predict(unknown) == codes[asked]
    # each pool weighs the same, however many of its images there are
    weight = len(codes) / len(names) / np.bincount(codes)[codes]
    value, low, high = mean_over_groups(hits * weight, groups, seed=0)
    return Told(value, low, high, 1 / len(names))
