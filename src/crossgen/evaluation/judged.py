"""Scores laid beside the manifest: one vector of logits a detector and condition, NaN where an image was not scored."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import pandas as pd
import pyarrow.compute as pc
from numpy.typing import NDArray

from crossgen import records
from crossgen.config import TestSet
from crossgen.intervals import Clusters, Codes, Mask, Numbers

FACTS = ("image_id", "group", "stratum", "pool", "split", "label", "quarantine")
KEY = ["experiment", "train_set", "seed", "condition"]


class Judge(NamedTuple):
    """A detector under one condition."""

    experiment: str
    train_set: str
    seed: int
    condition: str


@dataclass(frozen=True)
class Judged:
    """Test images (n, from the manifests, quarantined ones too) and what every judge said of them."""

    labels: Codes  # [n]
    groups: Codes  # [n]
    group_names: NDArray[np.object_]  # [n]
    strata: Codes  # [n], source packages
    rows: dict[str, Codes]  # by test set: places of its images
    logits: dict[Judge, Numbers]  # [n] each

    @classmethod
    def of(cls, scores: pd.DataFrame, facts: pd.DataFrame, test_sets: Sequence[TestSet]) -> "Judged":
        """Join scores and facts. Raises ValueError: a column missing, a logit that is NaN or infinite, an image
        that is judged twice, is no test image of its pool or has another label there, a pool of the wrong label."""
        _require(scores, tuple(records.SCORES.columns), "scores")
        _require(facts, FACTS, "facts")
        pools = {pool for test_set in test_sets for pool in (test_set.fake, test_set.real) if pool}
        facts = facts[(facts["split"] == "test") & facts["pool"].isin(pools)].sort_values("image_id")
        facts = facts.reset_index(drop=True)
        _check_facts(facts, test_sets)
        scores = scores[scores["pool"].isin(pools)]
        places = _places(scores, facts)
        logits = {}
        values = scores["logit"].to_numpy(np.float64)
        for key, rows in scores.groupby(KEY, sort=False).indices.items():
            vector = np.full(len(facts), np.nan)
            vector[places[rows]] = values[rows]
            logits[Judge(*cast(tuple[str, str, int, str], key))] = vector
        codes = [pd.factorize(facts[name], sort=True)[0].astype(np.int64) for name in ("group", "stratum")]
        by_pool = {pool: np.flatnonzero(facts["pool"] == pool) for pool in pools}
        rows_of = {each.name: np.concatenate([by_pool[p] for p in (each.fake, each.real) if p]) for each in test_sets}
        names = facts["group"].to_numpy(object)
        return cls(facts["label"].to_numpy(np.int64), codes[0], names, codes[1], rows_of, logits)

    def conditions(self) -> list[str]:
        """Conditions in the order of the scores."""
        return list(dict.fromkeys(judge.condition for judge in self.logits))

    def detectors(self) -> list[tuple[str, str, int]]:
        """(experiment, train_set, seed) in the order of the scores."""
        return list(dict.fromkeys(judge[:3] for judge in self.logits))

    def of_judge(self, judge: Judge) -> Numbers:
        """Logits [n] of one judge; all NaN if there are none."""
        found = self.logits.get(judge)
        return np.full(len(self.labels), np.nan) if found is None else found

    def scored(self, judges: Sequence[Judge], tests: Sequence[str]) -> tuple[Codes, float]:
        """Places of the distinct images of `tests` that every one of `judges` scored, and their share of all there
        (NaN if there are none)."""
        rows = np.unique(np.concatenate([self.rows[test] for test in tests]))
        seen: Mask = np.all([~np.isnan(self.of_judge(judge)[rows]) for judge in judges], axis=0)
        return rows[seen], float(seen.mean()) if len(rows) else float("nan")

    def clusters(self, rows: Codes) -> Clusters:
        """Groups and strata of the images at `rows`."""
        return Clusters.of(self.groups[rows], self.labels[rows], self.strata[rows])


def tested_facts(manifests: Sequence[Path]) -> pd.DataFrame:
    """FACTS of the test images of all pools; training images are ten times as many, and not judged."""
    parts = [records.read(path, records.MANIFEST, FACTS, pc.field("split") == "test") for path in manifests]
    rows: pd.DataFrame = pd.concat([part.to_pandas() for part in parts], ignore_index=True)
    return rows


def _require(table: pd.DataFrame, names: Sequence[str], what: str) -> None:
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise ValueError(f"The {what} lack the columns {missing}; they have {list(table.columns)}.")


def _check_facts(facts: pd.DataFrame, test_sets: Sequence[TestSet]) -> None:
    repeated = facts["image_id"][facts["image_id"].duplicated()]
    if len(repeated):
        raise ValueError(f"The facts hold image {repeated.iloc[0]!r} twice ({len(repeated)} repeats in all).")
    labels = facts.groupby("pool")["label"].unique()
    for test_set in test_sets:
        for pool, label in ((test_set.fake, 1), (test_set.real, 0)):
            found = [] if pool is None or pool not in labels else [each for each in labels[pool] if each != label]
            if found:
                what = "fake" if label else "real"
                raise ValueError(
                    f"Pool {pool!r} is the {what} pool of test set {test_set.name!r} but has label {found[0]}."
                )


def _places(scores: pd.DataFrame, facts: pd.DataFrame) -> Codes:
    """Row of `facts` for each score. Raises ValueError at what cannot be judged (see `Judged.of`)."""
    places = pd.Index(facts["image_id"]).get_indexer(pd.Index(scores["image_id"]))
    broken = ~np.isfinite(scores["logit"].to_numpy(np.float64))
    _refuse(scores, broken, "has a logit that is NaN or infinite: the detector is broken, not the image")
    _refuse(scores, places < 0, "is no test image of the manifests")
    for name in ("pool", "label"):
        wrong = facts[name].to_numpy()[places] != scores[name].to_numpy()
        _refuse(scores, wrong, f"has another {name} in the manifest")
    twice = scores.assign(place=places).duplicated([*KEY, "place"]).to_numpy()
    _refuse(scores, twice, "is judged twice by one detector")
    return np.asarray(places, dtype=np.int64)


def _refuse(scores: pd.DataFrame, wrong: Mask, what: str) -> None:
    if wrong.any():
        first = scores[wrong].iloc[0]
        where = ", ".join(f"{name} {first[name]!r}" for name in KEY)
        raise ValueError(f"Scores: image {first['image_id']!r} {what} ({where}; {int(wrong.sum())} such rows).")
