"""Paired differences of experiments: values, intervals by definition, refusals."""

import numpy as np
import pandas as pd
import pytest
from judged_tables import STATISTICS, TEST_SETS, checked, make_facts, make_scores, metrics_of, pick
from scipy.stats import t as student
from scipy.stats import ttest_1samp
from sklearn import metrics as oracle

from crossgen import records
from crossgen.config import Comparison, Statistics
from crossgen.evaluation import resampling
from crossgen.evaluation import statistics as weighted
from crossgen.evaluation.comparisons import COMPARED, compare
from crossgen.evaluation.pairing import holm, mcnemar


@pytest.fixture(scope="module")
def facts():
    return make_facts()


@pytest.fixture(scope="module")
def two(facts):
    return make_scores(facts, experiments=("raw", "unbiased"), conditions=("clean", "jpeg_q65"))


PAIR = Comparison(experiment="unbiased", baseline="raw")


def test_differences_are_differences_of_metrics(two, facts):
    differences, table = compare(two, facts, TEST_SETS, [PAIR], STATISTICS), metrics_of(two, facts)
    assert list(differences.columns) == list(records.DIFFERENCES.columns)
    checked(differences, records.DIFFERENCES)
    key = ["train_set", "seed", "test_generator", "condition", "metric"]
    wide = table.pivot(index=key, columns="experiment", values="value")
    expected = (wide["unbiased"] - wide["raw"]).reindex(differences.set_index(key).index)
    known = ~differences["test_generator"].eq("photographs_png").to_numpy()
    assert differences["value"].to_numpy()[known] == pytest.approx(expected.to_numpy()[known])
    assert set(differences["metric"]) == set(COMPARED)
    cells = differences[differences["kind"] == "cell"]
    assert len(cells) == 3 * 3 * 2 * 4 and set(cells["interval"]) == {"bootstrap_t"}
    assert ((cells["low"] < cells["value"]) & (cells["value"] < cells["high"])).all()


def test_interval_of_a_difference_is_the_bootstrap_of_groups_by_its_definition(two, facts):
    statistics = Statistics(replicates=100, seed=5)
    row = pick(
        compare(two, facts, TEST_SETS, [PAIR], statistics),
        train_set="adm", test_generator="sd14", condition="clean", metric="roc_auc",
    )  # fmt: skip
    part = two[(two["train_set"] == "adm") & (two["condition"] == "clean")]
    part = part[part["pool"].isin(["sd14", "photographs"])].pivot(
        index="image_id", columns="experiment", values="logit"
    )
    about = facts.set_index("image_id").loc[part.index]
    replicates = []
    for weight in weighted.bootstrap_weights(about["group"].to_numpy(), statistics.seed, statistics.replicates):
        weights = pd.Series(weight.astype(float), part.index)
        for _, stratum in about.groupby(["label", "stratum"]):
            groups = weights[stratum.drop_duplicates("group").index]
            weights[stratum.index] /= groups.mean()
        pair = [oracle.roc_auc_score(about["label"], part[name], sample_weight=weights) for name in ("unbiased", "raw")]
        replicates.append(pair[0] - pair[1])
    # fewest groups: the fakes' six in two strata, whose weights give a mean half of its variance
    error = np.std(replicates, ddof=1) * 2**0.5
    half = student.ppf(0.975, 6 - 2) * error
    assert (row["low"], row["high"]) == pytest.approx((row["value"] - half, row["value"] + half), abs=1e-6)
    assert row["p_value"] == pytest.approx(2 * student.sf(abs(row["value"]) / error, 4))


def test_pairing_narrows_the_interval(facts):
    scores = make_scores(facts)
    other = scores.assign(experiment="unbiased")
    other["logit"] += np.random.default_rng(0).normal(scale=0.05, size=len(other)).astype(np.float32)
    both = pd.concat([scores, other], ignore_index=True)
    keys = {"train_set": "adm", "test_generator": "biggan", "metric": "roc_auc"}
    row = pick(compare(both, facts, TEST_SETS, [PAIR], STATISTICS), **keys)
    cell = pick(metrics_of(scores, facts), **keys)
    assert row["high"] - row["low"] < 0.3 * (cell["high"] - cell["low"])


def test_an_experiment_against_its_copy_has_no_interval(facts):
    scores = make_scores(facts)
    both = pd.concat([scores, scores.assign(experiment="unbiased")], ignore_index=True)
    differences = compare(both, facts, TEST_SETS, [PAIR], STATISTICS)
    assert (differences["value"] == 0).all()
    assert differences["low"].isna().all()
    assert differences["reason"].str.startswith("no interval").all()


def test_differences_use_the_images_that_both_scored(two, facts):
    lost = two[(two["experiment"] == "raw") & (two["pool"] == "sd14")].index[:3]
    kept = two.drop(index=lost)
    ids = two.loc[lost, "image_id"]
    without = compare(
        two[~(two["image_id"].isin(ids) & (two["train_set"] == "adm") & (two["condition"] == "clean"))],
        facts, TEST_SETS, [PAIR], STATISTICS,
    )  # fmt: skip
    pd.testing.assert_frame_equal(compare(kept, facts, TEST_SETS, [PAIR], STATISTICS), without)


def test_nothing_in_common_is_refused(two, facts):
    with pytest.raises(ValueError, match="share no train set and seed"):
        compare(two, facts, TEST_SETS, [Comparison(experiment="unbiased", baseline="absent")], STATISTICS)


def test_no_comparison_gives_an_empty_table(two, facts):
    differences = compare(two, facts, TEST_SETS, [], STATISTICS)
    assert len(differences) == 0
    checked(differences, records.DIFFERENCES)


def side(**places):
    return Comparison(experiment="raw", baseline="raw", **places)


def test_two_conditions_two_train_sets_and_two_seeds_may_be_compared(two, facts):
    scores = pd.concat([two, make_scores(facts, ("raw",), seed=5).assign(seed=1)], ignore_index=True)
    pairs = [
        side(condition="clean", baseline_condition="jpeg_q65"),
        side(condition="clean", train_set="adm", baseline_train_set="sd14"),
        side(condition="clean", seed=0, baseline_seed=1),
    ]
    table = compare(scores, facts, TEST_SETS, pairs[:2], STATISTICS)
    checked(table, records.DIFFERENCES)
    cells = metrics_of(scores, facts).set_index(
        ["experiment", "train_set", "seed", "condition", "test_generator", "metric"]
    )["value"]
    degraded = table[table["baseline_condition"] == "jpeg_q65"]
    lost = degraded[degraded["seed"] == 1]  # never scored under it
    assert lost["value"].isna().all() and lost["p_holm"].isna().all() and not lost["separated"].any()
    assert set(lost[lost["kind"] == "cell"]["reason"]) == {"no images of one class that both have scored"}
    degraded = degraded[degraded["seed"] == 0]
    assert len(degraded[degraded["kind"] == "cell"]) == 3 * 3 * 4
    row = pick(degraded, train_set="adm", test_generator="sd14", metric="roc_auc")
    at = ("adm", 0, "clean"), ("adm", 0, "jpeg_q65")
    assert row["value"] == pytest.approx(
        cells["raw", *at[0], "sd14", "roc_auc"] - cells["raw", *at[1], "sd14", "roc_auc"]
    )
    trains = table[(table["baseline_condition"] == "clean") & (table["seed"] == 0)]
    row = pick(trains, train_set="adm", test_generator="biggan", metric="roc_auc")
    expected = (
        cells["raw", "adm", 0, "clean", "biggan", "roc_auc"] - cells["raw", "sd14", 0, "clean", "biggan", "roc_auc"]
    )
    assert row["baseline_train_set"] == "sd14" and row["value"] == pytest.approx(expected)
    seeds = compare(scores, facts, TEST_SETS, pairs[2:], STATISTICS)
    row = pick(seeds, train_set="adm", test_generator="biggan", metric="roc_auc")
    expected = (
        cells["raw", "adm", 0, "clean", "biggan", "roc_auc"] - cells["raw", "adm", 1, "clean", "biggan", "roc_auc"]
    )
    assert (row["seed"], row["baseline_seed"]) == (0, 1) and row["value"] == pytest.approx(expected)


def test_accuracy_is_tested_by_mcnemar_on_who_was_right(two, facts):
    differences = compare(two, facts, TEST_SETS, [PAIR], STATISTICS)
    row = pick(differences, train_set="adm", test_generator="sd14", condition="clean", metric="accuracy")
    part = two[(two["train_set"] == "adm") & (two["condition"] == "clean") & two["pool"].isin(["sd14", "photographs"])]
    right = part.assign(right=(part["logit"] > 0) == (part["label"] == 1)).pivot(
        index="image_id", columns="experiment", values="right"
    )
    groups = facts.set_index("image_id").loc[right.index, "group"]
    expected = mcnemar(right["unbiased"].to_numpy(), right["raw"].to_numpy(), groups.to_numpy())
    assert (row["only_first"], row["only_baseline"], row["test"]) == (expected.first, expected.second, "mcnemar_groups")
    assert row["p_value"] == pytest.approx(expected.p_value)
    assert row["value"] == pytest.approx((row["only_first"] - row["only_baseline"]) / len(right))
    assert row["n_real"] + row["n_fake"] == len(right)
    alone = compare(two, facts.assign(group=facts["image_id"]), TEST_SETS, [PAIR], STATISTICS)
    assert set(alone[(alone["metric"] == "accuracy") & (alone["kind"] == "cell")]["test"]) == {"mcnemar_exact"}


def test_holm_corrects_within_each_table(two, facts):
    differences = compare(two, facts, TEST_SETS, [PAIR], STATISTICS)
    for _, rows in differences.groupby("family"):
        shared = ["experiment", "baseline", "seed", "condition", "baseline_condition", "metric", "kind"]
        assert (rows[shared].nunique() == 1).all()
        assert rows["p_holm"].to_numpy() == pytest.approx(holm(rows["p_value"]), nan_ok=True)
    assert differences["family"].nunique() == 2 * 4 * 3
    sizes = differences.groupby("kind")["family"].value_counts().groupby("kind").unique()
    assert {kind: list(each) for kind, each in sizes.items()} == {"cell": [9], "margin": [9], "overall": [4]}
    assert (differences["separated"] == (differences["p_holm"] < 0.05)).all()


def test_p_values_of_means_are_students_t(two, facts):
    differences = compare(two, facts, TEST_SETS, [PAIR], STATISTICS)
    cells = differences[(differences["kind"] == "cell") & (differences["metric"] == "roc_auc")]
    own = cells[cells["train_set"] == cells["test_generator"]]
    values = own[own["condition"] == "clean"]["value"]
    row = pick(differences, train_set="mean", test_generator="own", condition="clean", metric="roc_auc")
    assert row["p_value"] == pytest.approx(ttest_1samp(values, 0).pvalue) and row["kind"] == "overall"
    assert (row["p_value"] < 0.05) == (row["low"] > 0 or row["high"] < 0)


def test_large_work_gives_the_same_table(two, facts, monkeypatch):
    plain = compare(two, facts, TEST_SETS, [PAIR], STATISTICS)
    monkeypatch.setattr(resampling, "PAYS", 0)
    pd.testing.assert_frame_equal(compare(two, facts, TEST_SETS, [PAIR], STATISTICS), plain, rtol=1e-9)
