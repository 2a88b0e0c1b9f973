"""A small boosted forest on attributes of images (scikit-learn is imported when one grows)."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np

from crossgen.intervals import Codes, Numbers

#: Small on purpose: header facts are few and coarse, and what 40 trees of 8 leaves do not find is not worth finding.
ROUNDS, LEAVES, RATE = 40, 8, 0.2
#: Rows that are learned from, drawn with a fixed seed; judged are all.
LEARNED = 20_000


@dataclass(frozen=True)
class Boosted:
    """A fitted model (scikit-learn's histogram gradient boosting)."""

    model: Any

    @classmethod
    def fitted(cls, values: Numbers, labels: Codes) -> "Boosted":
        """Boost on `values` [n, columns], both labels weighed alike; deterministic. A leaf holds 1 % of the rows, at
        least two, at most 20; of more than LEARNED rows so many are drawn."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        if len(labels) > LEARNED:
            chosen = np.random.default_rng(0).choice(len(labels), LEARNED, replace=False)
            values, labels = values[chosen], labels[chosen]
        model = HistGradientBoostingClassifier(
            max_iter=ROUNDS, learning_rate=RATE, max_leaf_nodes=LEAVES, early_stopping=False, max_bins=128,
            min_samples_leaf=max(2, min(20, len(labels) // 100)), class_weight="balanced", random_state=0,
        )  # fmt: skip
        with _one_thread():
            return cls(model.fit(values, labels))

    def shares(self, values: Numbers) -> Numbers:
        """Fake share [n] that the model gives each row, both labels weighed alike."""
        with _one_thread():
            return np.asarray(self.model.predict_proba(values)[:, 1])


def _one_thread() -> AbstractContextManager[Any]:
    """On tables this small, threads that wait for each other cost more than they do: ten times, on a busy machine."""
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(1, user_api="openmp")
    return limits
