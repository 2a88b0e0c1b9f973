"""What types alone cannot refuse: doubled and reserved names, references to nothing, labels that do not fit."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from pathlib import Path

from crossgen.config.below import is_below
from crossgen.config.comparisons import faults
from crossgen.config.generation import GeneratedSource
from crossgen.config.made_pools import faults as made_faults
from crossgen.config.model import RESERVED, Config, Experiment, Pool, TestSet
from crossgen.config.published import faults as published_faults
from crossgen.config.recipes import ARCHITECTURES
from crossgen.config.reconstruction import ReconstructedSource
from crossgen.config.sources import Laid
from crossgen.config.values import NAME, unknown


def check(config: Config) -> list[str]:
    """Every fault of a config as written (before `vary` is expanded), each a message with path and remedy."""
    parts = (
        _names,
        _pools,
        _subsets,
        _recipes,
        _test_sets,
        _train_sets,
        _experiments,
        _comparisons,
        _conditions,
        _spectra,
    )
    return [fault for part in parts for fault in part(config)]


def _names(config: Config) -> Iterator[str]:
    lists: dict[str, Sequence[str]] = {
        "pools": [item.name for item in config.pools],
        "test_sets": [item.name for item in config.test_sets],
        "train_sets": [item.name for item in config.train_sets],
        "subsets": [item.name for item in config.subsets],
        "recipes": [item.name for item in config.recipes],
        "conditions": [item.name for item in config.conditions],
        "experiments": [item.name for item in config.experiments],
        "ensembles": [item.name for item in config.ensembles],
    }
    for where, names in lists.items():
        for name, count in Counter(names).items():
            if count > 1:
                yield f"Doubled name {name!r} in {where}: {count} items bear it; names are unique"
            if name in RESERVED:
                yield f"Reserved name {name!r} in {where}: tables use {', '.join(RESERVED)} themselves"
            if not re.match(NAME, name):
                yield f"Wrong name {name!r} in {where}: expected letters a-z, digits and _; `vary` adds the rest"
    for name in set(lists["train_sets"]) & set(each(config)):
        yield f"Doubled name {name!r}: train_sets holds it and 'each' makes it from test_sets; rename one"


def each(config: Config) -> list[str]:
    """Names of the train sets that `each` stands for: the test sets with reals and fakes that may be trained on."""
    test_only = {pool.name for pool in config.pools if pool.test_only}
    return [
        item.name
        for item in config.test_sets
        if item.pair and not item.unseen and not {item.fake, item.real} & test_only
    ]


def _doubled(kind: str, items: Sequence[object], where: str) -> Iterator[str]:
    for item, count in Counter(items).items():
        if count > 1:
            yield f"Doubled {kind} {item!r} in {where}: {count} times; name it once"


def _pools(config: Config) -> Iterator[str]:
    if not config.pools:
        yield "No pool in pools or folders: expected at least one"
    names = [pool.name for pool in config.pools]
    for index, pool in enumerate(config.pools):
        for name in pool.shares_with:
            if name not in names:
                yield unknown("pool", name, f"pools[{index}] {pool.name!r}, shares_with", names)
    yield from made_faults(config)
    for first, second in permutations(config.pools, 2):
        if isinstance(first.source, Laid) and isinstance(second.source, Laid):
            yield from _overlaps((first, first.source), (second, second.source))


def _overlaps(first: tuple[Pool, Laid], second: tuple[Pool, Laid]) -> Iterator[str]:
    """Folders in folders: an image would be in two pools, perhaps as a real and as a fake, in training and in test."""
    (pool, inner), (other, outer) = first, second
    apart = inner.layout == outer.layout not in ("plain", "splits") and pool.label != other.label
    declared = pool.label == other.label and (other.name in pool.shares_with or pool.name in other.shares_with)
    if apart or declared or not set(inner.suffixes) & set(outer.suffixes) or not _lies_in(inner, outer):
        return
    mutual = _lies_in(outer, inner)
    if not mutual or pool.name < other.name:
        relation = "is" if mutual else "lies in"
        yield (
            f"Overlapping pools {pool.name!r} and {other.name!r}: {_folder(inner)} {relation} {_folder(outer)}, so "
            "images would be in both; give each pool a folder of its own"
        )


def _folder(source: Laid) -> Path:
    return Path(source.root, source.subset or "")


def _lies_in(inner: Laid, outer: Laid) -> bool:
    """Whether the folder of one source, by its name, is of the other's subset."""
    folder, root = _folder(inner).resolve(), Path(outer.root).resolve()
    return folder.is_relative_to(root) and is_below(folder.relative_to(root).parts, outer.subset, outer.layout)


def _recipes(config: Config) -> Iterator[str]:
    for index, item in enumerate(config.recipes):
        if ":" not in item.architecture and item.architecture not in ARCHITECTURES:
            known = [*ARCHITECTURES, "package.module:Builder"]
            yield unknown("architecture", item.architecture, f"recipes[{index}] {item.name!r}", known)


def _comparisons(config: Config) -> Iterator[str]:
    conditions, sides = [item.name for item in config.conditions], [item.sides for item in config.comparisons]
    for index, item in enumerate(config.comparisons):
        yield from (
            f"{'Empty' if len(set(sides[index])) == 1 else 'Wrong'} comparison comparisons[{index}]: {fault}"
            for fault in faults(item, conditions)
        )
        if sides[index] in sides[:index]:
            yield f"Doubled comparison comparisons[{index}]: {sides[index][0]} with {sides[index][1]}; remove one"
    yield from published_faults(config.published_findings, config.comparisons, conditions)


def _test_sets(config: Config) -> Iterator[str]:
    if not config.test_sets:
        yield "No test set in test_sets or folders: expected at least one"
    labels = {pool.name: pool.label for pool in config.pools}
    trainable = [*each(config), *(item.name for item in config.train_sets)]
    for index, item in enumerate(config.test_sets):
        where = f"test_sets[{index}] {item.name!r}"
        if item.fake is None and item.real is None:
            yield f"Empty test set {where}: expected a pool of fakes, of reals, or both"
        for label, pool in (("fake", item.fake), ("real", item.real)):
            if pool is not None:
                yield from _pool_faults(labels, pool, label, where)
        for name in item.seen_by or ():
            if name not in trainable:
                yield unknown("train set", name, f"{where}, seen_by", trainable)
        yield from _without_images(config, item, where)
        if item.unseen:
            yield from _seen(config, item, where)


def _without_images(config: Config, item: TestSet, where: str) -> Iterator[str]:
    """Reconstructions of training photographs, and generated images for training alone, give no test image."""
    source = next((pool.source for pool in config.pools if pool.name == item.fake), None)
    if isinstance(source, ReconstructedSource) and "test" not in source.splits:
        yield (
            f"Pool {item.fake!r} has no test image for {where}: its source.splits are {', '.join(source.splits)}; add"
            " test to them, or test another pool"
        )
    if isinstance(source, GeneratedSource) and not source.test_per_class:
        yield f"Pool {item.fake!r} has no test image for {where}: its source.test_per_class is 0; expected at least 1"


def _seen(config: Config, item: TestSet, where: str) -> Iterator[str]:
    if not item.pair:
        yield f"Control {where} is called unseen: that is said of a pool of fakes tested against reals; drop unseen"
    for train_set in config.train_sets:
        if item.fake in train_set.fake:
            yield f"Pool {item.fake!r} is trained on by train set {train_set.name!r}, but {where} is unseen: drop one"


def _pool_faults(labels: Mapping[str, str], pool: str, label: str, where: str) -> Iterator[str]:
    if pool not in labels:
        yield unknown("pool", pool, where, labels)
    elif labels[pool] != label:
        yield f"Pool {pool!r} holds {labels[pool]} images, but {where} takes it for {label}: expected a {label} pool"


def _train_sets(config: Config) -> Iterator[str]:
    labels = {pool.name: pool.label for pool in config.pools}
    test_only = {pool.name for pool in config.pools if pool.test_only}
    for index, item in enumerate(config.train_sets):
        where = f"train_sets[{index}] {item.name!r}"
        for label, pools in (("fake", item.fake), ("real", item.real)):
            for pool in pools:
                yield from _pool_faults(labels, pool, label, where)
                if pool in test_only:
                    yield f"Pool {pool!r} is test_only, but {where} trains on it: take it out or drop test_only"
            yield from _doubled("pool", pools, where)


def _subsets(config: Config) -> Iterator[str]:
    pools = {pool.name: pool for pool in config.pools}
    for index, item in enumerate(config.subsets):
        where, names = f"subsets[{index}] {item.name!r}", [lender.pool for lender in item.lenders]
        for name in names:
            if name not in pools:
                yield unknown("validation pool", name, where, pools)
            elif pools[name].test_only:
                yield f"Pool {name!r} is test_only, but {where} validates on it: take another pool"
        for label, count in Counter(pools[name].label for name in names if name in pools).items():
            if count > 1:
                yield f"{where}.validation names {count} pools of {label} images: expected one of each label at most"


def _experiments(config: Config) -> Iterator[str]:
    subsets, recipes = [item.name for item in config.subsets], [item.name for item in config.recipes]
    trainable = [*each(config), *(item.name for item in config.train_sets)]
    for index, item in enumerate(config.experiments):
        where = f"experiments[{index}] {item.name!r}"
        if item.subset not in subsets:
            yield unknown("subset", item.subset, where, subsets)
        if item.recipe not in recipes:
            yield unknown("recipe", item.recipe, where, recipes)
        if item.train_sets != "each":
            for name in item.train_sets:
                if name not in trainable:
                    yield unknown("train set", name, where, trainable)
            yield from _doubled("train set", item.train_sets, where)
        yield from _doubled("seed", item.seeds, where)
        yield from _lost(config, item, where)
        for key in item.vary:
            if not re.match(r"^(subset|recipe)(\.[a-z0-9_]+)+$", key):
                yield f"Unknown key {key!r} to vary in {where}: expected subset.<key> or recipe.<key>"
            if key == "subset.preset":
                yield f"Cannot vary {key!r} in {where}: a preset fills in what is not written; write a subset for each"


def _lost(config: Config, item: Experiment, where: str) -> Iterator[str]:
    """Frames that the subset's crop cannot hold; what `vary` changes shows when the crops are gathered."""
    crop = next((each.crop for each in config.subsets if each.name == item.subset), None)
    recipe = next((each for each in config.recipes if each.name == item.recipe), None)
    if crop is None or recipe is None or item.vary or recipe.packed_frame.kind != "crop":
        return
    frame = recipe.packed_frame
    if frame.size > crop.size and frame.small == "skip":
        yield (
            f"Empty training set in {where}: its recipe's frame of {frame.size} pixels fits into no crop of {crop.size}"
            f" of its subset; make frame.size at most {crop.size}, or say frame.small"
        )


def _conditions(config: Config) -> Iterator[str]:
    earlier: list[str] = []
    for index, item in enumerate(config.conditions):
        if item.base is not None and item.base not in earlier:
            where = f"conditions[{index}] {item.name!r}"
            yield f"Unknown base {item.base!r} in {where}: expected an earlier one ({', '.join(earlier) or 'none'})"
        earlier.append(item.name)
    yield from _doubled("condition", config.matrix_conditions, "matrix_conditions")
    for index, name in enumerate(config.matrix_conditions):
        if name not in earlier:
            yield unknown("condition", name, f"matrix_conditions[{index}]", earlier)


def _spectra(config: Config) -> Iterator[str]:
    if config.spectra is None:
        return
    names = [pool.name for pool in config.pools]
    yield from _doubled("split", config.spectra.splits, "spectra.splits")
    yield from _doubled("pool", config.spectra.pools or (), "spectra.pools")
    for name in config.spectra.pools or ():
        if name not in names:
            yield unknown("pool", name, "spectra.pools", names)
