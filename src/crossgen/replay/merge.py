"""Detectors of several labs side by side, on what is the same in all of them; what is not is named and left out.

Nothing is averaged over labs, and no test set is cut down to the images that happen to be shared: a test set is
compared if every lab has the same images with the same bytes, labels, groups and strata in it, a condition if it does
the same to them. Metrics are then computed again from the logits, with one set of weights for all, so that differences
are paired.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import pandas as pd

from crossgen.config import Comparison, Condition, Statistics, TestSet
from crossgen.evaluation.comparisons import compare
from crossgen.evaluation.metrics import compute_metrics
from crossgen.replay.labs import Lab

LABELS = ("real", "fake")
SHOWN_IDS = 3


@dataclass(frozen=True)
class Apart:
    """Something that the labs do not share: what it is, which, how the labs differ, and what follows."""

    what: str
    name: str
    how: str
    so: str = "left out"


@dataclass(frozen=True)
class Shared:
    """What all labs tested in the same way, and what they did not."""

    test_sets: tuple[TestSet, ...]
    conditions: tuple[Condition, ...]
    apart: tuple[Apart, ...]


@dataclass(frozen=True)
class Merged:
    """The comparison: metrics and paired differences of everybody's experiments, named by `names` (lab, experiment)."""

    labs: tuple[Lab, ...]
    shared: Shared
    statistics: Statistics
    names: dict[tuple[str, str], str]
    pairs: tuple[tuple[str, str], ...]
    metrics: pd.DataFrame
    differences: pd.DataFrame


def merge(labs: Sequence[Lab]) -> Merged:
    """Compare. Raises ValueError if the labs share no test set or no condition, and names what keeps them apart."""
    shared = find_shared(labs)
    if not shared.test_sets or not shared.conditions:
        told = "; ".join(f"{item.what} {item.name}: {item.how}" for item in shared.apart)
        raise ValueError(f"There is nothing to compare, the labs share no test set or no condition. {told}")
    conditions = [condition.name for condition in shared.conditions]
    parts = {lab.name: lab.scores(shared.test_sets, conditions) for lab in labs}
    names = _names(parts)
    scores = pd.concat([_renamed(name, part, names) for name, part in parts.items()], ignore_index=True)
    statistics = labs[0].shown.statistics
    generators = {train: of for lab in reversed(labs) for train, of in lab.generators.items()}
    metrics = compute_metrics(scores, labs[0].facts, shared.test_sets, generators, statistics)
    pairs, apart = _pairs(scores, names)
    found = [Comparison.model_construct(experiment=one, baseline=other) for one, other in pairs]
    differences = compare(scores, labs[0].facts, shared.test_sets, found, statistics)
    shared = Shared(shared.test_sets, shared.conditions, (*shared.apart, *apart, *_covered(metrics, shared.test_sets)))
    return Merged(tuple(labs), shared, statistics, names, tuple(pairs), metrics, differences)


def find_shared(labs: Sequence[Lab]) -> Shared:
    """What is the same in all labs, in the order of the first."""
    apart = list(_protocol(labs))
    same_code = not any(item.what == "code" for item in apart)
    sets, not_sets = _same(labs, "test set", lambda lab: lab.shown.test_sets, _test_set_apart)
    conditions, not_conditions = _same(labs, "condition", lambda lab: lab.shown.conditions, _condition_apart)
    sets = [_seen_by_all(labs, item) for item in sets]
    return Shared(tuple(sets), tuple(conditions) if same_code else (), (*apart, *not_sets, *not_conditions))


def _protocol(labs: Sequence[Lab]) -> Iterator[Apart]:
    first = labs[0]
    for lab in labs[1:]:
        for name, version in first.told.versions.items():
            other = lab.told.versions.get(name)
            if other != version:
                how = f"VERSION {version} in {first.name}, {other} in {lab.name}"
                yield Apart("code", name, how, "no condition means the same in both: all left out")
        if lab.shown.statistics != first.shown.statistics:
            told = [each.shown.statistics.model_dump() for each in (first, lab)]
            apart = [f"{key} {told[0][key]} in {first.name}, {told[1][key]} in {lab.name}"
                     for key in told[0] if told[0][key] != told[1][key]]  # fmt: skip
            yield Apart("protocol", "statistics", "; ".join(apart), f"computed again for all as in {first.name}")


def _same(
    labs: Sequence[Lab], what: str, of: Callable[[Lab], Sequence[Any]], differ: Callable[[Sequence[Lab], Any], str]
) -> tuple[list[Any], list[Apart]]:
    """Named items that every lab has and that do not `differ`, and the others."""
    held = [{item.name: item for item in of(lab)} for lab in labs]
    same, apart = [], []
    for name in dict.fromkeys(name for items in held for name in items):
        having = [lab.name for lab, items in zip(labs, held, strict=True) if name in items]
        if len(having) < len(labs):
            how = f"only in {' and '.join(having)}"
        else:
            how = differ(labs, [items[name] for items in held])
        if how:
            apart.append(Apart(what, name, how))
        else:
            same.append(held[0][name])
    return same, apart


def _condition_apart(labs: Sequence[Lab], items: Sequence[Condition]) -> str:
    """How the steps that images really went through differ."""
    told = []
    for label in LABELS:
        steps = [lab.told.conditions.get(f"{items[0].name}/{label}") for lab in labs]
        if any(each != steps[0] for each in steps):
            told.append(
                "; ".join(f"{label}s in {lab.name}: {_said(each)}" for lab, each in zip(labs, steps, strict=True))
            )
    return "; ".join(told)


def _said(steps: list[dict[str, Any]] | None) -> str:
    if steps is None:
        return "never scored"
    return ", ".join(" ".join(f"{key} {value}" for key, value in step.items()) for step in steps) or "nothing done"


def _test_set_apart(labs: Sequence[Lab], items: Sequence[TestSet]) -> str:
    """How the images of a test set differ, in numbers; the first lab against each other."""
    if len({(bool(item.fake), bool(item.real), item.unseen) for item in items}) > 1:
        return "; ".join(
            f"{lab.name}: {item.model_dump(exclude={'seen_by'})}" for lab, item in zip(labs, items, strict=True)
        )
    first = labs[0].tested(items[0])
    found = [
        _images_apart((labs[0].name, lab.name), first, lab.tested(item))
        for lab, item in zip(labs[1:], items[1:], strict=True)
    ]
    return "; ".join(filter(None, found))


def _seen_by_all(labs: Sequence[Lab], item: TestSet) -> TestSet:
    """With the train sets of every lab that have learned its generator; a bundle of an older crossgen goes by names."""
    held = [next(each for each in lab.shown.test_sets if each.name == item.name) for lab in labs]
    trains = dict.fromkeys(train for lab in labs for train in lab.generators)
    seen = [train for train in trains if any(each.is_seen_by(train) for each in held)]
    return item.model_copy(update={"seen_by": tuple(seen)})


def _images_apart(names: tuple[str, str], one: pd.DataFrame, other: pd.DataFrame) -> str:
    only = [one.index.difference(other.index), other.index.difference(one.index)]
    both = one.index.intersection(other.index)
    told = [_counted(f"only in {name}", ids) for name, ids in zip(names, only, strict=True)]
    first, second = one.loc[both], other.loc[both]
    for column, words in DIFFERENT.items():
        apart = first[column].astype(object).fillna("") != second[column].astype(object).fillna("")
        told.append(_counted(f"{words} in {names[0]} and {names[1]}", both[apart.to_numpy()]))
    return ", ".join(filter(None, told))


#: Column of the facts to what is said of images that differ in it.
DIFFERENT = {
    "held": "with other bytes",
    "label": "with another label",
    "group": "in another group",
    "stratum": "in another stratum",
    "quarantine": "quarantined otherwise",
}


def _counted(words: str, ids: pd.Index) -> str:
    if not len(ids):
        return ""
    more = ", …" if len(ids) > SHOWN_IDS else ""
    return f"{len(ids)} images {words} ({', '.join(sorted(map(str, ids))[:SHOWN_IDS])}{more})"


def _names(parts: dict[str, pd.DataFrame]) -> dict[tuple[str, str], str]:
    """(lab, experiment) to the experiment's name; one that several labs use is given the lab's."""
    held = [(lab, str(name)) for lab, part in parts.items() for name in dict.fromkeys(part["experiment"])]
    used = [name for _, name in held]
    return {(lab, name): f"{lab}:{name}" if used.count(name) > 1 else name for lab, name in held}


def _renamed(lab: str, part: pd.DataFrame, names: dict[tuple[str, str], str]) -> pd.DataFrame:
    return part.assign(experiment=part["experiment"].map({name: new for (of, name), new in names.items() if of == lab}))


def _pairs(scores: pd.DataFrame, names: dict[tuple[str, str], str]) -> tuple[list[tuple[str, str]], list[Apart]]:
    """Experiments of two labs that share a (train set, seed), and those that do not."""
    trained = {
        str(name): set(rows.drop_duplicates().itertuples(index=False, name=None))
        for name, rows in scores.groupby("experiment")[["train_set", "seed"]]
    }
    labs = list(dict.fromkeys(lab for lab, _ in names))
    of = {lab: [new for (name, _), new in names.items() if name == lab] for lab in labs}
    pairs, apart = [], []
    for one, other in combinations(labs, 2):
        for first, second in product(of[one], of[other]):
            if trained[first] & trained[second]:
                pairs.append((first, second))
            else:
                how = "no train set and seed in common"
                apart.append(Apart("difference", f"{first} − {second}", how, "no paired difference"))
    return pairs, apart


def _covered(metrics: pd.DataFrame, test_sets: Sequence[TestSet]) -> Iterator[Apart]:
    """Experiments that judged a part of the images: their numbers are of other images than the others'."""
    single = metrics["test_generator"].isin([test_set.name for test_set in test_sets])
    cells = metrics[(metrics["train_set"] != "mean") & single & (metrics["coverage"] < 1)]
    for name, rows in cells.groupby("experiment", sort=False):
        sets = ", ".join(dict.fromkeys(rows["test_generator"]))
        how = f"judged {100 * rows['coverage'].min():.1f} % of the images at least ({sets})"
        yield Apart("coverage", str(name), how, "shown; paired differences are of images that both judged")
