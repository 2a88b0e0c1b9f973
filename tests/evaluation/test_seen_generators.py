"""Whose generator a train set has learned, under whatever name: means, minima, seeds, differences and breakdowns."""

import numpy as np
import pandas as pd
import pytest
from broken_tables import answers_of, known_facts
from judged_tables import GENERATORS, STATISTICS, TEST_SETS, make_facts, make_scores, metrics_of, pick

from crossgen.config import Breakdowns, Comparison, TestSet
from crossgen.config.test_sets import counted, other_tests, own_tests
from crossgen.evaluation.breakdowns import break_down
from crossgen.evaluation.comparisons import compare
from crossgen.evaluation.means import Grid
from crossgen.evaluation.seeds import seed_means
from crossgen.intervals import student_t


def sets_of(unseen=(), **seen_by):
    """Test sets of both labels by name, each with the train sets that have seen it."""
    return tuple(
        TestSet(name=name, fake=name, real="photographs", unseen=name in unseen, seen_by=trains)
        for name, trains in seen_by.items()
    )


def means_of(tests, **values):
    """(train set, column) -> the mean, of a matrix with these rows."""
    grid = Grid(np.array(list(values.values())), tuple(values), tests, 0.95)
    return {(mean.train_set, mean.test_generator): mean for mean in grid.means()}


def value(means, *key):
    return pytest.approx(means[key].estimate.value, nan_ok=True)


def test_the_column_of_a_learned_generator_is_own_whatever_the_train_set_is_called():
    found = means_of(sets_of(a=("pairs",), b=(), c=(), d=("other",)), pairs=[0.9, 0.6, 0.5, 0.7])
    assert value(found, "pairs", "mean") == 0.675 and value(found, "pairs", "mean_off_diagonal") == 0.6
    assert value(found, "mean", "own") == 0.9 and value(found, "mean", "mean_off_diagonal") == 0.6
    assert value(found, "mean", "own_minus_off_diagonal") == 0.3
    assert found["pairs", "mean_off_diagonal"].tests == ("b", "c", "d")
    by_name = means_of(sets_of(a=None, b=None, c=None, d=None), pairs=[0.9, 0.6, 0.5, 0.7])
    assert ("mean", "own") not in by_name and np.isnan(by_name["pairs", "mean_off_diagonal"].estimate.value)


def test_a_train_set_of_several_generators_has_them_all_for_its_own():
    tests = sets_of(a=("two", "all"), b=("two", "all"), c=("all", "c"))
    found = means_of(tests, two=[0.9, 0.8, 0.5], all=[1.0, 1.0, 1.0], c=[0.6, 0.7, 0.9], else_=[0.1, 0.2, 0.3])
    assert value(found, "two", "mean_off_diagonal") == 0.5 and value(found, "c", "mean_off_diagonal") == 0.65
    assert np.isnan(found["all", "mean_off_diagonal"].estimate.value)  # nothing is left that it has not learned
    assert np.isnan(found["else_", "mean_off_diagonal"].estimate.value)  # and nothing is its own
    assert found["mean", "own"].trains == ("two", "c")
    assert value(found, "mean", "own") == (0.85 + 0.9) / 2
    assert value(found, "mean", "mean_off_diagonal") == (0.5 + 0.65) / 2
    assert value(found, "mean", "b") == (0.8 + 0.7) / 2
    alone = means_of(tests, all=[1.0, 0.9, 0.8])
    assert value(alone, "mean", "own") == 0.9 and np.isnan(alone["mean", "mean_off_diagonal"].estimate.value)


def test_a_learned_generator_beside_the_matrix_is_no_longer_unseen_to_those_who_learned_it():
    tests = sets_of(unseen=("c", "d"), a=("a",), b=("b",), c=(), d=("pairs",))
    found = means_of(tests, a=[0.9, 0.6, 0.5, 0.7], pairs=[0.8, 0.6, 0.4, 1.0])
    assert value(found, "a", "mean_unseen") == 0.6 and value(found, "pairs", "mean_unseen") == 0.4
    assert value(found, "pairs", "mean") == 0.7 and value(found, "pairs", "mean_off_diagonal") == 0.7
    assert value(found, "mean", "own") == 0.95 and value(found, "mean", "mean_unseen") == 0.5
    assert found["mean", "own"].tests == ("a", "b", "d")
    only = means_of(sets_of(unseen=("d",), a=("a",), b=("b",), d=("pairs",)), a=[0.9, 0.6, 0.7], pairs=[0.8, 0.6, 1.0])
    assert found["mean", "mean_unseen"].trains == ("a", "pairs") and only["mean", "mean_unseen"].trains == ("a",)
    assert value(only, "mean", "mean_unseen") == 0.7 and np.isnan(only["pairs", "mean_unseen"].estimate.value)
    nobody = means_of(sets_of(unseen=("d",), a=("a",), d=("pairs",)), pairs=[0.8, 1.0])
    assert "nothing to average" in nobody["mean", "mean_unseen"].reason


def test_the_rule_by_itself():
    tests = (*sets_of(unseen=("d",), a=("x",), b=("x", "y"), d=("y",)), TestSet(name="png", real="p", seen_by=("x",)))
    assert own_tests(tests, "x") == ("a", "b") and own_tests(tests, "y") == ("b", "d") and own_tests(tests, "a") == ()
    assert other_tests(tests, "x") == () and other_tests(tests, "y") == ("a",)
    assert counted(tests, ("x", "y", "z")) == ("y",) and counted(tests, ("x", "z")) == ("x",)
    told_by_names = TestSet(name="a", fake="a", real="p"), TestSet(name="d", fake="d", real="p", unseen=True)
    assert [item.is_seen_by(item.name) for item in told_by_names] == [True, False]


#: `pairs` has learned the generator of `biggan`; every other train set that of its name.
SEEN = tuple(
    item.model_copy(update={"seen_by": (item.name, *(["pairs"] if item.name == "biggan" else []))})
    if item.pair
    else item
    for item in TEST_SETS
)


def test_a_matrix_whose_train_sets_bear_the_test_sets_names_does_not_move():
    facts = make_facts()
    scores = make_scores(facts)
    told = tuple(item.model_copy(update={"seen_by": (item.name,) if item.pair else ()}) for item in TEST_SETS)
    pd.testing.assert_frame_equal(metrics_of(scores, facts, told), metrics_of(scores, facts), check_exact=True)


@pytest.fixture(scope="module")
def facts():
    return make_facts()


@pytest.fixture(scope="module")
def scores(facts):
    """Two experiments of one train set, which does worst on the generator that it has learned."""
    scores = make_scores(facts, experiments=("raw", "unbiased"), train_sets=("pairs",))
    scores.loc[scores["pool"] == "biggan", "logit"] -= 2
    second = scores.assign(seed=1, logit=scores["logit"] + np.random.default_rng(7).normal(size=len(scores)))
    return pd.concat([scores, second.astype({"logit": np.float32})], ignore_index=True)


@pytest.fixture(scope="module")
def metrics(scores, facts):
    return metrics_of(scores, facts, SEEN)


KEYS = {"experiment": "raw", "seed": 0, "metric": "balanced_accuracy"}


def cells_of(table, **keys):
    return [pick(table, test_generator=name, **keys)["value"] for name in GENERATORS]


def test_the_worst_other_generator_is_none_that_was_learned(metrics, scores, facts):
    cells = dict(zip(GENERATORS, cells_of(metrics, train_set="pairs", **KEYS), strict=True))
    assert min(cells, key=cells.get) == "biggan"
    others = {name: cells[name] for name in ("adm", "sd14")}
    row = pick(metrics, train_set="pairs", test_generator="worst_off_diagonal", **KEYS)
    assert (row["worst_generator"], row["value"]) == (min(others, key=others.get), min(others.values()))
    alone = metrics_of(scores, facts, [item for item in SEEN if item.name != "biggan"])
    without = pick(alone, train_set="pairs", test_generator="worst", **KEYS)
    assert (row["low"], row["high"]) == (without["low"], without["high"])
    mean = pick(metrics, train_set="mean", test_generator="worst_off_diagonal", **KEYS)
    assert mean["value"] == row["value"]
    whole = pick(metrics, train_set="mean", test_generator="worst", **KEYS)
    assert whole["value"] == cells["biggan"]


def test_means_over_seeds_keep_to_it(metrics):
    table = seed_means(metrics, compare_nothing(), SEEN, 0.95)
    seeds = [cells_of(metrics, train_set="pairs", **KEYS | {"seed": seed}) for seed in (0, 1)]
    keys = {"experiment": "raw", "train_set": "mean", "metric": "balanced_accuracy"}
    adm, biggan, sd14 = np.mean(seeds, axis=0)
    assert pick(table, test_generator="own", **keys)["value"] == pytest.approx(biggan)
    assert pick(table, test_generator="mean_off_diagonal", **keys)["value"] == pytest.approx((adm + sd14) / 2)
    worst = np.mean([min(cells[0], cells[2]) for cells in seeds])
    assert pick(table, test_generator="worst_off_diagonal", **keys)["value"] == pytest.approx(worst)


def compare_nothing():
    facts = make_facts()
    return compare(make_scores(facts), facts, TEST_SETS, (), STATISTICS)


def test_paired_differences_keep_to_it(scores, facts):
    pair = Comparison(experiment="unbiased", baseline="raw")
    table = compare(scores[scores["seed"] == 0], facts, SEEN, (pair,), STATISTICS)
    adm, biggan, sd14 = cells_of(table, train_set="pairs", metric="balanced_accuracy")
    keys = {"train_set": "mean", "metric": "balanced_accuracy"}
    assert pick(table, test_generator="own", **keys)["value"] == pytest.approx(biggan)
    assert pick(table, test_generator="mean_off_diagonal", **keys)["value"] == pytest.approx((adm + sd14) / 2)


def test_breakdowns_off_the_diagonal_leave_learned_fakes_out():
    facts = known_facts()
    answers = answers_of(make_scores(facts, train_sets=("pairs",)), facts, SEEN)
    table = break_down(answers, {}, Breakdowns(), 0.95)
    fakes = table[(table["metric"] == "tpr") & (table["by"] == "class")].groupby("test_generator")["n"].sum()
    assert fakes.to_dict() == {
        "biggan": 40,
        "pooled": 120,
        "pooled_off_diagonal": 80,
    }  # by class on the own test set alone


def test_means_of_one_train_set_are_over_the_generators_that_it_is_tested_on():
    values = [0.9, 0.6, 0.5, 0.7]
    found = means_of(sets_of(a=("pairs",), b=(), c=(), d=()), pairs=values)
    others, own = found["mean", "mean_off_diagonal"], found["mean", "own"]
    assert others.estimate == found["pairs", "mean_off_diagonal"].estimate == student_t(np.array(values[1:]), 0.95)
    assert others.estimate.low < 0.5 and own.estimate.value == 0.9 and np.isnan(own.estimate.low)
    gap = found["mean", "own_minus_off_diagonal"].estimate
    assert gap == student_t(0.9 - np.array(values[1:]), 0.95, (-1.0, 1.0)) and gap.value == pytest.approx(0.3)
    twice = means_of(sets_of(a=("pairs",), b=("more",), c=(), d=()), pairs=values, more=values)
    assert twice["mean", "mean_off_diagonal"].trains == ("pairs", "more")
    assert len(twice["mean", "mean_off_diagonal"].values) == 2
