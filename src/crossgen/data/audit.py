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
from crossgen.data.tree import Tree, as_text, encode, matrix
from crossgen.intervals import Clusters, Codes, Estimate, Numbers

Row = dict[str, object]
#: (learned values, their labels, judged values) -> scores of the judged
Rank = Callable[[pd.Series, Codes, pd.Series], Numbers]
FOLDS = 5
SOURCE_SIZE = ("source_width", "source_height")


@dataclass(frozen=True)
class Attribute:
    """A fact of an image: its group, the columns it needs, how it is read, and whether it is a number or a category."""

    group: str
    needs: tuple[str, ...]
    read: Callable[[pd.DataFrame], pd.Series]
    number: bool = False


def _category(name: str) -> Attribute:
    return Attribute("header", (name,), lambda frame: frame[name])


def _phase(name: str) -> Attribute:
    """Place of the crop on the JPEG grid (16: the largest block of a 4:2:0 file)."""
    return Attribute("crop", (name,), lambda frame: frame[name] % 16, number=True)


def _source(frame: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Width and height of the source image: crops carry them apart from those of the file that was decoded."""
    names = SOURCE_SIZE if set(SOURCE_SIZE) <= set(frame.columns) else ("width", "height")
    return frame[names[0]].astype(float), frame[names[1]].astype(float)


def _geometry(read: Callable[[pd.Series, pd.Series], pd.Series]) -> Attribute:
    return Attribute("geometry", ("width", "height"), lambda frame: read(*_source(frame)), number=True)


#: Every attribute that is audited; `group` says what it is a fact of.
ATTRIBUTES: dict[str, Attribute] = {
    "format": _category("format"),
    "jpeg_quality": Attribute("header", ("jpeg_quality",), lambda frame: frame["jpeg_quality"], number=True),
    "jpeg_tables": _category("jpeg_tables"),
    "chroma_subsampling": _category("chroma_subsampling"),
    "progressive": _category("progressive"),
    "mode": _category("mode"),
    "crop_size": Attribute("crop", ("crop_size",), lambda frame: frame["crop_size"], number=True),
    "crop_x_mod_16": _phase("crop_x"),
    "crop_y_mod_16": _phase("crop_y"),
    "width": _geometry(lambda width, height: width),
    "height": _geometry(lambda width, height: height),
    "aspect": _geometry(lambda width, height: width / height),
    "bytes_per_pixel": Attribute(
        "content",
        ("bytes", "width", "height"),
        lambda frame: frame["bytes"].astype(float) / (frame["width"] * frame["height"]).astype(float),
        number=True,
    ),
}

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
    frame = _ordered(frame)
    counts = {"n_real": int((frame["label"] == 0).sum()), "n_fake": int((frame["label"] == 1).sum())}
    shared: Row = {"subset": subset, "stage": stage, "test_generator": test_generator, **counts}
    columns = _attributes(frame)
    biases = []
    for name in columns:
        estimate, reason = attribute_auc(frame, name, level)
        limits = {"auc": estimate.value, "low": estimate.low, "high": estimate.high, "reason": reason}
        biases.append(shared | {"attribute": name, "group": ATTRIBUTES[name].group} | limits)
    probes = []
    for group, parts in STAGES[stage].items():
        found = probe(frame, [name for name in columns if ATTRIBUTES[name].group in parts], level)
        limits = {"balanced_accuracy": found.estimate.value, "low": found.estimate.low, "high": found.estimate.high}
        probes.append(shared | {"group": group} | limits | {"rules": found.rules, "reason": found.reason})
    return biases, probes


def attribute_auc(frame: pd.DataFrame, attribute: str, level: float = 0.95) -> tuple[Estimate, str | None]:
    """How well one attribute of ATTRIBUTES ranks fakes above reals, in [0, 1], and the reason if that is undefined.

    The score of an image is the fake share of its category (smoothed) or, for a number, of its leaf of a small tree,
    learned from the other folds; fakes are compared with reals of the same fold. So the direction is learned, not
    chosen afterwards, and an attribute without information scatters about 0.5; a constant one gives 0.5.
    """
    frame = _ordered(frame)
    labels = frame["label"].to_numpy(np.int64)
    folds = _folds(frame["group"].to_numpy(object), labels)
    reason = _undefined(labels, folds)
    if reason:
        return Estimate(np.nan, np.nan, np.nan, "delong_logit_cluster"), reason
    values = ATTRIBUTES[attribute].read(frame)
    constant = values.nunique(dropna=False) < 2
    rank = _by_leaf if ATTRIBUTES[attribute].number else _by_category
    scores = np.zeros(len(frame)) if constant else _cross_fitted(rank, values, labels, folds)
    estimate = intervals.roc_auc(scores, labels, _clusters(frame), level, folds)
    return _widened(estimate, folds), f"constant: {values.iloc[0]}" if constant else None


@dataclass(frozen=True)
class Probe:
    """Cross-fitted balanced accuracy of a small tree, the rules of the tree on all rows, and why there is none."""

    estimate: Estimate
    rules: str | None
    reason: str | None


def probe(frame: pd.DataFrame, attributes: Sequence[str], level: float = 0.95) -> Probe:
    """How well a depth-3 tree on some of ATTRIBUTES tells real from fake: 0.5 is chance, 1 perfect.

    The tree weighs both labels alike; its predictions are pooled over the folds. If nothing varies it is 0.5.
    """
    frame = _ordered(frame)
    labels = frame["label"].to_numpy(np.int64)
    folds = _folds(frame["group"].to_numpy(object), labels)
    reason = _undefined(labels, folds)
    if reason or not attributes:
        nothing = Estimate(np.nan, np.nan, np.nan, "mover")
        return Probe(nothing, None, reason or "the table has none of this probe's columns")
    columns = encode({name: ATTRIBUTES[name].read(frame) for name in attributes}, _numbers(attributes))
    rules, called = None, np.zeros(len(labels), dtype=np.int64)
    if columns:
        called = _cross_called(matrix(columns), labels, folds)
        rules = Tree.fitted(matrix(columns), labels).in_words(columns)
    else:
        reason = "constant: all attributes are the same in every image"
    estimate = intervals.mean_of_rates(called == labels, labels, _clusters(frame), level)
    return Probe(_widened(estimate, folds), rules, reason)


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


def _attributes(frame: pd.DataFrame) -> list[str]:
    return [name for name, attribute in ATTRIBUTES.items() if set(attribute.needs) <= set(frame.columns)]


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


def _cross_called(values: Numbers, labels: Codes, folds: Codes) -> Codes:
    """What a tree that never saw an image's group calls the image: 1 fake, 0 real."""
    called = np.zeros(len(labels), dtype=np.int64)
    for fold in np.unique(folds):
        held = folds == fold
        called[held] = Tree.fitted(values[~held], labels[~held]).shares(values[held]) > 0.5
    return called
