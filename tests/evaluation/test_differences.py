"""Paired differences of experiments: values, intervals by definition, refusals."""

import numpy as np
import pandas as pd
import pytest
from judged_tables import STATISTICS, TEST_SETS, checked, make_facts, make_scores, metrics_of, pick
from sklearn import metrics as oracle

from crossgen import records
from crossgen.config import Comparison, Statistics
from crossgen.evaluation import statistics as weighted
from crossgen.evaluation.metrics import COMPARED, compare


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
    cells = differences[differences["interval"] == "bootstrap"]
    assert len(cells) == 3 * 3 * 2 * 2
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
    assert (row["low"], row["high"]) == pytest.approx(tuple(np.quantile(replicates, [0.025, 0.975])), abs=1e-6)


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
