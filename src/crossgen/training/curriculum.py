"""Curricula: in which order pools of fakes join a training, and when."""

from collections.abc import Mapping, Sequence

import pandas as pd


def joins(order: Sequence[str], ramp: float) -> dict[str, float]:
    """Pool to the share of the steps after which it joins: the k-th of n after ramp x (k - 1) / (n - 1).

    `order`: pools from easy to hard, at least two; `ramp` in (0, 1]. The first is there from the beginning.
    """
    return {pool: ramp * place / (len(order) - 1) for place, pool in enumerate(order)}


def easy_to_hard(histories: Mapping[str, pd.DataFrame]) -> list[str]:
    """Pools by the validation ROC-AUC of the weights that were kept, highest first; ties by name.

    `histories`: pool of fakes to the HISTORY of a detector trained on it alone. Raises ValueError where that number
    does not exist.
    """
    measured = {pool: _kept(pool, history) for pool, history in histories.items()}
    return sorted(measured, key=lambda pool: (-measured[pool], pool))


def _kept(pool: str, history: pd.DataFrame) -> float:
    """The last of the rows that were kept: that of the weights that remained."""
    kept = history[history["kept"].astype(bool)]
    value = float(kept["val_roc_auc"].iloc[-1]) if len(kept) else float("nan")
    if value != value:
        raise ValueError(
            f"Pool {pool!r} cannot be placed in the curriculum: the history of its detector has no val_roc_auc in the"
            " epoch that was kept; train that detector again, or say curriculum.order."
        )
    return value
