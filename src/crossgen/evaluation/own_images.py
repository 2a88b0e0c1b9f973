"""Validation images of every detector and ensemble, as the choice of thresholds reads them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crossgen.config import Statistics
from crossgen.evaluation import statistics as weighted
from crossgen.intervals import Codes, Numbers

#: (experiment, train set, seed)
Detector = tuple[str, str, int]

NAMES = ["experiment", "train_set", "seed"]


class Validation(NamedTuple):
    """A detector's validation images: logits [n], labels [n], groups and strata [n]; why there are none, or fewer."""

    logits: Numbers
    labels: Codes
    groups: NDArray[np.object_]
    strata: Codes
    reason: str | None

    @classmethod
    def of(cls, rows: pd.DataFrame, reason: str | None = None) -> "Validation":
        """From rows of VALIDATION of one detector, in any order. Raises ValueError for a logit that is no number."""
        rows = rows.sort_values("image_id")
        logits = rows["logit"].to_numpy(np.float64)
        if not np.isfinite(logits).all():
            first = rows["image_id"].to_numpy()[~np.isfinite(logits)][0]
            raise ValueError(f"Validation image {first!r} has a logit that is no number: the detector is broken.")
        strata = pd.factorize(rows["stratum"], sort=True)[0].astype(np.int64)
        return cls(logits, rows["label"].to_numpy(np.int64), rows["group"].to_numpy(object), strata, reason)

    def counts(self) -> tuple[int, int]:
        """Reals and fakes."""
        return int((self.labels == 0).sum()), int((self.labels == 1).sum())

    def weights(self, statistics: Statistics) -> weighted.Weights:
        """Bootstrap weights [replicates, n] of groups, those of the test images, balanced within (stratum, label)."""
        drawn = weighted.bootstrap_weights(self.groups, statistics.seed, statistics.replicates)
        codes = np.unique(self.groups.astype(str), return_inverse=True)[1]
        return weighted.balance_strata(drawn, codes, self.strata * 2 + self.labels)


def validations(
    rows: pd.DataFrame, counts: pd.DataFrame, ensembles: Mapping[str, Sequence[str]], tested: Collection[str]
) -> dict[Detector, Validation]:
    """Every detector of `counts` (VALIDATED), then every ensemble (its key to those of its members), with its `rows`.

    An ensemble has the mean logit of the images that all its members were shown. Raises ValueError: one of the images
    is `tested`, rows of a detector that is not counted, an ensemble with members that are not.
    """
    _refuse_tested(rows, tested)
    parts: dict[Detector, pd.DataFrame] = {_named(names): part for names, part in rows.groupby(NAMES, sort=False)}
    told = {_named(tuple(row[:3])): row[3] for row in counts[[*NAMES, "reason"]].itertuples(index=False, name=None)}
    strange = [name for name in parts if name not in told]
    if strange:
        raise ValueError(
            f"Validation logits of {_said(strange[0])}, which no table of --validated counts: score again."
        )
    empty = rows.iloc[:0]
    reasons = {name: reason if isinstance(reason, str) else None for name, reason in told.items()}
    found = {name: Validation.of(parts.get(name, empty), reason) for name, reason in reasons.items()}
    for key, members in ensembles.items():
        found[_detector(key)] = _together(key, [_detector(each) for each in members], parts, reasons)
    return found


def _refuse_tested(rows: pd.DataFrame, tested: Collection[str]) -> None:
    wrong = rows["image_id"][rows["image_id"].isin(tested)]
    if len(wrong):
        raise ValueError(
            f"Validation image {wrong.iloc[0]!r} is a test image of the manifests ({len(wrong)} such rows): a threshold"
            " may see none. Score again after the splits that the manifests hold."
        )


def _together(
    key: str,
    members: Sequence[Detector],
    parts: Mapping[Detector, pd.DataFrame],
    reasons: Mapping[Detector, str | None],
) -> Validation:
    unknown = [name for name in members if name not in reasons]
    if unknown:
        raise ValueError(f"Ensemble {key}: its member {_said(unknown[0])} is in no table of --validated.")
    lacking = [name for name in members if name not in parts]
    if lacking:
        any_rows = next(iter(parts.values()), pd.DataFrame(columns=["image_id", "group", "stratum", "label", "logit"]))
        return Validation.of(any_rows.iloc[:0], f"its member {_said(lacking[0])}: {reasons[lacking[0]]}")
    both = pd.concat([parts[name] for name in members])
    shared = both.groupby("image_id", sort=True)["logit"].agg(["mean", "size"])
    shared = shared[shared["size"] == len(members)]
    facts = parts[members[0]].drop(columns="logit").set_index("image_id")
    rows = facts.loc[shared.index].assign(logit=shared["mean"]).reset_index()
    missing = [word for label, word in enumerate(("reals", "fakes")) if not (rows["label"] == label).any()]
    return Validation.of(rows, f"its members share no {' and no '.join(missing)} of validation" if missing else None)


def _named(names: tuple[Any, ...]) -> Detector:
    return str(names[0]), str(names[1]), int(names[2])


def _detector(key: str) -> Detector:
    """From `<experiment>/<train set>/seed<seed>`."""
    experiment, train_set, seed = key.rsplit("/", 2)
    return experiment, train_set, int(seed.removeprefix("seed"))


def _said(name: Detector) -> str:
    return f"{name[0]}/{name[1]}/seed{name[2]}"
