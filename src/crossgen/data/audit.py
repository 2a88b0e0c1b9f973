"""The bias audit: how well do facts that no detector should need tell real from fake? Tables only, no pixels.

Each attribute alone gives an AUC; a depth-3 tree on the attributes of a probe gives a balanced accuracy, with its rules
in words. Both are cross-fitted by group: what is judged was never learned from, so 0.5 means "no help" and nothing is
gained by having many attributes. Stages: the manifest rows before and after a subset's selection, and the crops a
detector reads, after alignment.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crossgen import intervals
from crossgen.data.attributes import ATTRIBUTES, present
from crossgen.data.boosting import Boosted
from crossgen.data.tree import Tree, as_text, distinct, encode, matrix
from crossgen.intervals import Clusters, Codes, Estimate, Numbers

Row = dict[str, object]
#: (learned values, their labels, judged values) -> scores of the judged
Rank = Callable[[pd.Series, Codes, pd.Series], Numbers]
FOLDS = 5
#: What a probe learns with. The tree can be said in words; boosting finds what three splits cannot hold.
MODELS: dict[str, type[Tree] | type[Boosted]] = {"tree": Tree, "boosting": Boosted}
#: Probes of each stage: the attribute groups that a probe sees. After alignment the geometry of the sources and the
#: content are reported apart: a detector that reads aligned crops sees neither.
_BY_HEADER = {"header": ("header",), "header_and_geometry": ("header", "geometry")}
STAGES: dict[str, dict[str, tuple[str, ...]]] = {
    "before_selection": _BY_HEADER,
    "after_selection": _BY_HEADER,
    "after_alignment": {"detector_reads": ("header", "crop"), "geometry": ("geometry",), "content": ("content",)},
}


def audit_stage(
    frame: pd.DataFrame, subset: str, stage: str, test_generator: str, level: float = 0.95
) -> tuple[list[Row], list[Row]]:
    """Rows of BIASES and of PROBES for one frame of manifest rows or, after alignment, of crops.

    Attributes whose columns the frame lacks have no row (a manifest knows no crops). Raises ValueError for an unknown
    stage, a missing key column (image_id, label, group, stratum), or a label that is neither 0 nor 1.
    """
    if stage not in STAGES:
        raise ValueError(f"Unknown audit stage {stage!r}: expected one of {', '.join(STAGES)}.")
    images = Images.of(frame)
    counts = {"n_real": int((images.labels == 0).sum()), "n_fake": int((images.labels == 1).sum())}
    shared: Row = {"subset": subset, "stage": stage, "test_generator": test_generator, **counts}
    columns = present(images.frame)
    biases = []
    for name in columns:
        estimate, reason = images.auc(name, level)
        limits = {"auc": estimate.value, "low": estimate.low, "high": estimate.high, "reason": reason}
        biases.append(shared | {"attribute": name, "group": ATTRIBUTES[name].group} | limits)
    probes = []
    for group, parts in STAGES[stage].items():
        found = images.probe([name for name in columns if ATTRIBUTES[name].group in parts], level)
        limits = {"balanced_accuracy": found.estimate.value, "low": found.estimate.low, "high": found.estimate.high}
        probes.append(shared | {"group": group} | limits | {"rules": found.rules, "reason": found.reason})
    return biases, probes


@dataclass(frozen=True)
class Probe:
    """Cross-fitted balanced accuracy of a small model, the rules of a tree on all rows, and why there is none."""

    estimate: Estimate
    rules: str | None
    reason: str | None


@dataclass(frozen=True)
class Images:
    """Rows of a table in an order of their own, with what every measurement needs: labels, folds and clusters [n].

    `reason`: why nothing can be measured, or None.
    """

    frame: pd.DataFrame
    labels: Codes
    folds: Codes
    clusters: Clusters
    reason: str | None

    @classmethod
    def of(cls, frame: pd.DataFrame) -> "Images":
        """Raises ValueError for a missing key column, or a label that is neither 0 nor 1."""
        frame = _ordered(frame)
        labels = frame["label"].to_numpy(np.int64)
        folds = _folds(frame["group"].to_numpy(object), labels)
        return cls(frame, labels, folds, _clusters(frame), _undefined(labels, folds))

    def auc(self, attribute: str, level: float = 0.95) -> tuple[Estimate, str | None]:
        """How well one attribute of ATTRIBUTES ranks fakes above reals, in [0, 1], and the reason if that is undefined.

        The score of an image is the fake share of its category (smoothed) or, for a number, of its leaf of a small
        tree, learned from the other folds; fakes are compared with reals of the same fold. So the direction is
        learned, not chosen afterwards, and an attribute without information scatters about 0.5; a constant one gives
        0.5.
        """
        if self.reason:
            return Estimate(np.nan, np.nan, np.nan, "delong_logit_cluster"), self.reason
        values = ATTRIBUTES[attribute].read(self.frame)
        constant = values.nunique(dropna=False) < 2
        rank = _by_leaf if ATTRIBUTES[attribute].number else _by_category
        scores = np.zeros(len(values)) if constant else _cross_fitted(rank, values, self.labels, self.folds)
        estimate = intervals.roc_auc(scores, self.labels, self.clusters, level, self.folds)
        return _widened(estimate, self.folds), f"constant: {as_text(values).iloc[0]}" if constant else None

    def probe(self, attributes: Sequence[str], level: float = 0.95, model: str = "tree", brief: bool = False) -> Probe:
        """How well a depth-3 tree (or boosting) on some of ATTRIBUTES tells real from fake: 0.5 is chance, 1 perfect.

        The model weighs both labels alike; its predictions are pooled over the folds. If nothing varies it is 0.5. The
        rules are always the tree's; `brief`: of attributes that say the same it knows the first only.
        """
        attributes = [name for name in attributes if name in present(self.frame)]
        reason = self.reason
        if reason or not attributes:
            nothing = Estimate(np.nan, np.nan, np.nan, "mover")
            return Probe(nothing, None, reason or "the table has none of this probe's columns")
        columns = encode({name: ATTRIBUTES[name].read(self.frame) for name in attributes}, _numbers(attributes))
        rules, called = None, np.zeros(len(self.labels), dtype=np.int64)
        if columns:
            values = matrix(columns)
            called = _cross_called(MODELS[model], values, self.labels, self.folds)
            told = distinct(columns) if brief else columns
            rules = Tree.fitted(matrix(told), self.labels).in_words(told)
        else:
            reason = "constant: all attributes are the same in every image"
        estimate = intervals.mean_of_rates(called == self.labels, self.labels, self.clusters, level)
        return Probe(_widened(estimate, self.folds), rules, reason)


def _widened(estimate: Estimate, folds: Codes) -> Estimate:
    """The interval for k folds that learned from overlapping data: variance times 1 + k / (k - 1).

    Nadeau and Bengio (2003). Without it three of ten intervals of an attribute that tells nothing miss 0.5.
    """
    count = len(np.unique(folds))
    factor = (1 + count / (count - 1)) ** 0.5
    low = estimate.value - factor * (estimate.value - estimate.low)
    high = estimate.value + factor * (estimate.high - estimate.value)
    return estimate._replace(low=max(0.0, low), high=min(1.0, high))


def _numbers(attributes: Sequence[str]) -> set[str]:
    return {name for name in attributes if ATTRIBUTES[name].number}


def _ordered(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows in an order of their own, so that no result depends on the table's; checks the key columns."""
    missing = [name for name in ("image_id", "label", "group", "stratum") if name not in frame.columns]
    if missing:
        raise ValueError(f"An audited table lacks the columns {missing}; it has {list(frame.columns)}.")
    if not frame["label"].isin([0, 1]).all():
        raise ValueError(f"Labels of an audited table are 0 (real) or 1 (fake), found {set(frame['label'])}.")
    return frame.sort_values([name for name in ("image_id", "crop") if name in frame.columns], ignore_index=True)


def _clusters(frame: pd.DataFrame) -> Clusters:
    return Clusters.of(*(frame[name].to_numpy() for name in ("group", "label", "stratum")))


def _undefined(labels: Codes, folds: Codes) -> str | None:
    images = {"reals": labels == 0, "fakes": labels == 1}
    absent = [name for name, chosen in images.items() if not chosen.any()]
    if absent:
        return f"one class only: no {absent[0]}"
    return None if len(np.unique(folds)) > 1 else "a label has one group only: nothing to cross-fit"


def _folds(groups: NDArray[np.object_], labels: Codes) -> Codes:
    """Fold of each image [n]: whole groups, dealt out by hash so that every fold has its part of both labels.

    Like GroupKFold, but alike for any order of rows; fewer than FOLDS folds if a label has fewer groups.
    """
    names, group = np.unique(groups, return_inverse=True)
    held = [np.bincount(group[labels == label], minlength=len(names)) > 0 for label in (0, 1)]
    fewest = max(1, min(FOLDS, *(int(each.sum()) for each in held)))
    digests = [hashlib.blake2b(str(name).encode(), digest_size=8).hexdigest() for name in names]
    order = np.lexsort((np.array(digests), held[0] + 2 * held[1]))
    fold = np.empty(len(names), dtype=np.int64)
    fold[order] = np.arange(len(names)) % fewest
    return np.asarray(fold[group])


def _cross_fitted(rank: Rank, values: pd.Series, labels: Codes, folds: Codes) -> Numbers:
    scores = np.zeros(len(labels))
    for fold in np.unique(folds):
        held = folds == fold
        scores[held] = rank(values[~held], labels[~held], values[held])
    return scores


def _by_category(learned: pd.Series, labels: Codes, judged: pd.Series) -> Numbers:
    """Fake share of each judged image's category among the learned ones, both labels weighed alike; unseen: 0.5."""
    counts = pd.crosstab(as_text(learned), labels).reindex(columns=[0, 1], fill_value=0)
    rates = (counts + 0.5) / np.bincount(labels, minlength=2)
    shares = rates[1] / (rates[0] + rates[1])
    return as_text(judged).map(shares).fillna(0.5).to_numpy(np.float64)


def _by_leaf(learned: pd.Series, labels: Codes, judged: pd.Series) -> Numbers:
    """Fake share of each judged image's leaf in a small tree on one number."""
    name = "value"
    columns = encode({name: pd.concat([learned, judged], ignore_index=True)}, {name})
    if not columns:
        return np.full(len(judged), 0.5)
    values = matrix(columns)
    return Tree.fitted(values[: len(learned)], labels).shares(values[len(learned) :])


def _cross_called(model: type[Tree] | type[Boosted], values: Numbers, labels: Codes, folds: Codes) -> Codes:
    """What a model that never saw an image's group calls the image: 1 fake, 0 real."""
    called = np.zeros(len(labels), dtype=np.int64)
    for fold in np.unique(folds):
        held = folds == fold
        called[held] = model.fitted(values[~held], labels[~held]).shares(values[held]) > 0.5
    return called
