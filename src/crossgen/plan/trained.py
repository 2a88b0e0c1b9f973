"""How many images a training sees: of a selection that is there, else of what its subset may keep at most."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from crossgen.config import Classes, Config, Recipe, Subset, TrainSet, derive
from crossgen.plan.counts import CLASSES, Count

LABELS = ("real", "fake")


@dataclass(frozen=True)
class Chosen:
    """Images of a train set by (split, label). `at_most`: filters may keep fewer than was counted."""

    images: Mapping[tuple[str, str], int]
    at_most: bool = False

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.images.values())

    def of(self, split: str) -> int:
        """Images of a split."""
        return sum(n for (name, _), n in self.images.items() if name == split)


def chosen(config: Config, places: Mapping[str, Any], counts: Mapping[str, Count], key: str) -> Chosen | None:
    """Images of `<subset>/<train set>`; None where no pool of it is counted."""
    path = Path(places["selections"].get(key, ""))
    if path.is_file():
        rows = pq.read_table(path, columns=["split", "label"]).to_pydict()
        found = Counter(zip(rows["split"], (LABELS[label] for label in rows["label"]), strict=True))
        return Chosen(found)
    name, _, train_set = key.partition("/")
    subset = next(item for item in config.subsets if item.name == name)
    return _expected(config, counts, subset, derive.train_sets(config)[train_set])


def _expected(config: Config, counts: Mapping[str, Count], subset: Subset, train_set: TrainSet) -> Chosen | None:
    pools = {pool.name: pool for pool in config.pools}
    found: dict[tuple[str, str], int] = {}
    for label in LABELS:
        names = [name for name in derive.chosen_pools(config, subset, train_set) if pools[name].label == label]
        if any(counts[name].total is None for name in names):
            return None
        for split in ("train", "val"):
            there = sum(counts[name].images[split] for name in names)
            found[split, label] = _kept(subset, split, round(there * subset.fraction))
    for split in ("train", "val"):
        if subset.balance_labels in (True, split) or subset.balance_classes in (True, split):
            found |= dict.fromkeys(((split, "real"), (split, "fake")), min(found[split, name] for name in LABELS))
    return Chosen(found, at_most=_is_filtered(subset))


def _kept(subset: Subset, split: str, there: int) -> int:
    limits = [subset.images_per_class if split == "train" else subset.val_per_class]
    if split == "train" and subset.images_per_content_class:
        classes = subset.classes.n if isinstance(subset.classes, Classes) else len(subset.classes or ()) or CLASSES
        limits.append(subset.images_per_content_class * classes)
    return min([there, *(limit for limit in limits if limit)])


def _is_filtered(subset: Subset) -> bool:
    """Whether anything but a stated number decides how many are kept."""
    told = subset.model_dump(include={"real", "fake", "ids", "classes"}, exclude_defaults=True)
    return bool(told) and subset.images_per_class is None


def seen(recipe: Recipe, images: Chosen) -> tuple[float, float]:
    """Images that a training looks at: (those it learns from, copies of AugMix included; those it is judged by)."""
    train = [images.images.get(("train", label), 0) for label in LABELS]
    per_epoch = _per_epoch(recipe, train)
    steps = recipe.steps or max(1, round(float(recipe.epochs or 0) * per_epoch))
    copies = recipe.splits.n if recipe.splits else 1
    return steps * recipe.batch_size * copies, images.of("val") * steps / per_epoch


def _per_epoch(recipe: Recipe, train: list[int]) -> int:
    """Steps of an epoch, as `crossgen.training.plan` counts them."""
    if recipe.balance == "batches":
        return max(1, -(-max(train) // (recipe.batch_size // 2)))
    return max(1, -(-sum(train) // recipe.batch_size))
