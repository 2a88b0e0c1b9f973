"""Curricula: what joins when."""

import pandas as pd
import pytest

from crossgen.training.curriculum import easy_to_hard, joins


def history(*values, kept):
    return pd.DataFrame({"val_roc_auc": values, "kept": [place in kept for place in range(len(values))]})


def test_pools_join_at_equal_distances_up_to_the_ramp():
    assert joins(["a", "b"], 1.0) == {"a": 0.0, "b": 1.0}
    assert joins(["c", "a", "b"], 0.5) == {"c": 0.0, "a": 0.25, "b": 0.5}
    assert list(joins(list("edcba"), 0.2).values()) == pytest.approx([0, 0.05, 0.1, 0.15, 0.2])


def test_easy_is_a_high_auc_of_the_weights_that_were_kept():
    found = {
        "best_last": history(0.5, 0.7, kept=[0, 1]),
        "best_lost": history(0.99, 0.6, kept=[1]),
        "early": history(0.9, 0.2, kept=[0]),
        "never": history(0.1, kept=[0]),
    }
    assert easy_to_hard(found) == ["early", "best_last", "best_lost", "never"]


def test_ties_are_broken_by_name_and_not_by_order():
    same = {name: history(0.8, kept=[0]) for name in ("b", "c", "a")}
    assert easy_to_hard(same) == ["a", "b", "c"]


@pytest.mark.parametrize("broken", [history(float("nan"), kept=[0]), history(0.7, kept=[])])
def test_a_pool_without_a_number_is_named(broken):
    with pytest.raises(ValueError, match="Pool 'b' cannot be placed in the curriculum.*say curriculum.order"):
        easy_to_hard({"a": history(0.7, kept=[0]), "b": broken})
