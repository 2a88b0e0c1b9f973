"""A small decision tree on attributes of images, and its rules in words (scikit-learn is imported when one grows)."""

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from crossgen.intervals import Codes, Numbers

DEPTH = 3
#: Categories beyond the most frequent ones get no column of their own.
CATEGORIES = 20


@dataclass(frozen=True)
class Column:
    """What the tree may split on: values [n], and words for "at most t" and "above t"."""

    values: Numbers
    low: Callable[[float], str]
    high: Callable[[float], str]


def as_text(values: pd.Series) -> pd.Series:
    """Categories as text; an absent one is called `missing`."""
    return values.astype(object).where(values.notna(), "missing").map(str)


def encode(attributes: Mapping[str, pd.Series], numbers: Set[str]) -> list[Column]:
    """Columns of the attributes that vary: one for a number, one a category (one in all if there are two)."""
    columns: list[Column] = []
    for name, values in attributes.items():
        if values.nunique(dropna=False) > 1:
            columns += [_number(name, values)] if name in numbers else _categories(name, as_text(values))
    return columns


def distinct(columns: Sequence[Column]) -> list[Column]:
    """The columns less those that part the images exactly as one before them: `format is PNG` stands for
    `progressive is missing`. For rules to be read; no accuracy depends on it."""
    kept: list[Column] = []
    for column in columns:
        parts = (column.values, 1 - column.values)
        if not any(np.array_equal(part, each.values) for each in kept for part in parts):
            kept.append(column)
    return kept


def matrix(columns: Sequence[Column]) -> Numbers:
    """Values of the columns as [n, columns]."""
    return np.column_stack([column.values for column in columns])


def _number(name: str, values: pd.Series) -> Column:
    """A number; an absent one lies below all others, so that the tree can split it off."""
    found = values.to_numpy(np.float64, na_value=np.nan)
    absent = np.isnan(found)
    lowest = float(found[~absent].min())
    filled = np.where(absent, lowest - 1, found)

    def low(threshold: float) -> str:
        if not absent.any():
            return f"{name} <= {threshold:.4g}"
        return f"{name} is missing" if threshold < lowest else f"{name} is missing or <= {threshold:.4g}"

    def high(threshold: float) -> str:
        return f"{name} is present" if absent.any() and threshold < lowest else f"{name} > {threshold:.4g}"

    return Column(filled, low, high)


def _categories(name: str, values: pd.Series) -> list[Column]:
    counts = values.value_counts()
    names = sorted(counts.index, key=lambda each: (-counts[each], each))[:CATEGORIES]
    if len(counts) == 2:
        return [_category(name, values, names[1], f"{name} is {names[0]}")]
    return [_category(name, values, each, f"{name} is not {each}") for each in names]


def _category(name: str, values: pd.Series, category: str, otherwise: str) -> Column:
    return Column(
        np.asarray(values == category, dtype=np.float64), lambda _: otherwise, lambda _: f"{name} is {category}"
    )


@dataclass(frozen=True)
class Tree:
    """A fitted tree (scikit-learn's)."""

    model: Any

    @classmethod
    def fitted(cls, values: Numbers, labels: Codes) -> "Tree":
        """Grow a tree of depth 3 on `values` [n, columns] that weighs both labels alike; deterministic."""
        from sklearn.tree import DecisionTreeClassifier

        model = DecisionTreeClassifier(max_depth=DEPTH, min_samples_leaf=0.01, class_weight="balanced", random_state=0)
        return cls(model.fit(values, labels))

    def shares(self, values: Numbers) -> Numbers:
        """Fake share [n] of each row's leaf, both labels weighed alike."""
        return np.asarray(self.model.predict_proba(values)[:, 1])

    def in_words(self, columns: Sequence[Column]) -> str:
        """`format is PNG -> fake (100 %); ...`: the leaf's label and its share, both labels weighed alike."""
        return "; ".join(self._rules(columns, 0, ()))

    def _rules(self, columns: Sequence[Column], node: int, path: tuple[str, ...]) -> Iterator[str]:
        tree = self.model.tree_
        calls = {bool(tree.value[leaf][0][1] > 0.5) for leaf in self._leaves(node)}
        if len(calls) == 1:  # splits that change no verdict say nothing
            fake = float(tree.value[node][0][1])
            label, share = ("fake", fake) if calls == {True} else ("real", 1 - fake)
            yield f"{' and '.join(path) or 'always'} -> {label} ({100 * share:.0f} %)"
            return
        column, threshold = columns[tree.feature[node]], float(tree.threshold[node])
        yield from self._rules(columns, tree.children_left[node], (*path, column.low(threshold)))
        yield from self._rules(columns, tree.children_right[node], (*path, column.high(threshold)))

    def _leaves(self, node: int) -> Iterator[int]:
        tree = self.model.tree_
        if tree.children_left[node] < 0:
            yield node
        else:
            yield from self._leaves(tree.children_left[node])
            yield from self._leaves(tree.children_right[node])
