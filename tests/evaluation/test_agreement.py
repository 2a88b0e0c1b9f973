"""Correlation of training rows against GenImage's published matrix; disagreement against other libraries."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from broken_tables import answers_of, drawn, known_facts
from judged_tables import make_scores
from scipy.stats import spearmanr
from sklearn.metrics import cohen_kappa_score

from crossgen import records
from crossgen.evaluation.agreement import correlate, correlation, disagree, kappa, measures, spearman
from crossgen.intervals import Clusters

NAMES = ("midjourney", "sd14", "sd15", "adm", "glide", "wukong", "vqdm", "biggan")
#: Accuracy of ResNet-50 in percent, trained on a row's generator and tested on a column's: GenImage (2023), Table 2.
TABLE_2 = """
98.8 76.4 76.9 64.1 78.9 71.4 52.5 50.1
54.9 99.9 99.7 53.5 61.9 98.2 56.6 52.0
54.4 99.8 99.9 52.7 60.1 98.5 56.9 51.3
58.6 53.1 53.2 99.0 97.1 53.0 61.5 88.3
50.7 50.0 50.1 56.0 99.9 50.3 51.0 74.0
54.5 99.7 99.6 51.4 58.3 99.9 58.7 50.9
50.1 50.0 50.0 50.7 60.1 50.2 99.9 66.8
49.9 49.9 49.9 50.6 68.4 49.9 50.6 99.9
"""
#: Pearson correlation of its rows, to two digits, above the diagonal.
EXPECTED = """
.24 .23 -.32 -.08 .22 -.63 -.47
1.00 -.68 -.39 1.00 -.44 -.43
-.70 -.41 1.00 -.43 -.44
.73 -.72 .05 .54
-.44 .07 .63
-.40 -.45
.18
"""


def published():
    matrix = [list(map(float, line.split())) for line in TABLE_2.split("\n") if line]
    rows = [
        {"train_set": train, "test_generator": test, "value": matrix[i][j] / 100, "metric": "balanced_accuracy"}
        for i, train in enumerate(NAMES)
        for j, test in enumerate(NAMES)
    ]
    return pd.DataFrame(rows).assign(experiment="genimage", seed=0, condition="clean")


def test_rows_of_genimages_matrix_correlate_as_published():
    found = correlate(published(), NAMES, ["clean"], 0.95)
    expected = [float(value) for value in EXPECTED.split()]
    assert found["value"].round(2).tolist() == pytest.approx(expected, abs=0.011)
    assert found[["train_set", "other"]].to_numpy().tolist()[:2] == [["midjourney", "sd14"], ["midjourney", "sd15"]]
    assert set(found["columns"]) == {8} and set(found["reason"]) == {"rests on 8 test sets only"}
    assert found["value"].min() == pytest.approx(-0.72, abs=0.01)
    records.check(pa.Table.from_pandas(found, preserve_index=False), records.CORRELATIONS, "test")


def test_fishers_interval_is_the_textbooks():
    rng = np.random.default_rng(0)
    first = rng.normal(size=30)
    second = first + rng.normal(size=30)
    found = correlation(first, second, 0.95)
    value = np.corrcoef(first, second)[0, 1]
    low, high = np.tanh(np.arctanh(value) + np.array([-1, 1]) * 1.959964 / np.sqrt(27))
    assert (found["value"], found["low"], found["high"]) == pytest.approx((value, low, high), abs=1e-6)


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ([0.5, 0.5, 0.5, 0.5], [0.1, 0.2, 0.3, 0.5], "a training row is constant"),
        ([0.5, np.nan, 0.6, 0.7], [0.1, 0.2, np.nan, 0.5], "2 test sets in common: fewer than 3"),
        ([0.5, 0.6, 0.9], [0.1, 0.2, 0.25], "no interval: 3 test sets, r = 0.891"),
        ([0.1, 0.2, 0.3, 0.4], [0.2, 0.3, 0.4, 0.5], "no interval: 4 test sets, r = 1.000"),
    ],
)
def test_what_has_no_correlation_or_no_interval_says_why(first, second, reason):
    found = correlation(np.array(first), np.array(second), 0.95)
    assert found["reason"] == reason and np.isnan(found["low"])
    assert np.isnan(found["value"]) == (not reason.startswith("no interval"))


def test_a_lost_cell_leaves_its_column_out():
    table = published()
    lost = (table["train_set"] == "sd14") & (table["test_generator"] == "glide")
    found = correlate(table.assign(value=table["value"].mask(lost)), NAMES, ["clean"], 0.95)
    of_sd14 = (found["train_set"] == "sd14") | (found["other"] == "sd14")
    assert set(found[of_sd14]["columns"]) == {7} and set(found[~of_sd14]["columns"]) == {8}


def test_one_train_set_correlates_with_none():
    found = correlate(published()[lambda table: table["train_set"] == "adm"], NAMES, ["clean"], 0.95)
    assert found.empty and list(found.columns) == list(records.CORRELATIONS.columns)


def pair_of(n=300, per_group=3, seed=0, noise=1.0):
    """Logits of two detectors that share what a group of images has in common, and the clusters."""
    rng = np.random.default_rng(seed)
    groups = np.arange(n) // per_group
    shared = rng.normal(size=groups.max() + 1)[groups] + rng.normal(size=n)
    first, second = shared + noise * rng.normal(size=n), shared + noise * rng.normal(size=n) + 0.2
    return first, second, Clusters.of(groups, np.ones(n), np.zeros(n, dtype=int))


def test_kappa_and_spearman_are_those_of_other_libraries():
    first, second, clusters = pair_of()
    share, agreement, rank = measures(first, second, clusters, 0.95)
    calls = (first > 0, second > 0)
    assert share["value"] == pytest.approx((calls[0] != calls[1]).mean())
    assert agreement["value"] == pytest.approx(cohen_kappa_score(*calls))
    assert rank["value"] == pytest.approx(spearmanr(first, second).statistic)
    ties = np.round(first), np.round(second)
    assert spearman(*ties, clusters, 0.95)[0].value == pytest.approx(spearmanr(*ties).statistic, abs=1e-12)
    for row in (share, agreement, rank):
        assert row["low"] < row["value"] < row["high"] and row["reason"] is None


def resampled(first, second, statistic, draws=600):
    """Standard deviation of a statistic when whole groups of three are drawn anew."""
    rng = np.random.default_rng(7)
    starts = 3 * rng.integers(0, len(first) // 3, (draws, len(first) // 3))
    places = (starts[:, :, None] + np.arange(3)).reshape(draws, -1)
    return np.std([statistic(first[rows], second[rows]) for rows in places])


@pytest.mark.parametrize(
    "noise", [pytest.param(0.3, marks=pytest.mark.long), 1.0, pytest.param(3.0, marks=pytest.mark.long)]
)
def test_intervals_are_as_wide_as_resampled_groups_say(noise):
    first, second, clusters = pair_of(600, noise=noise)
    rank = spearman(first, second, clusters, 0.95)[0]
    scale = (np.arctanh(rank.high) - np.arctanh(rank.low)) / 2 / 1.972 * (1 - rank.value**2)
    assert scale == pytest.approx(resampled(first, second, lambda a, b: spearmanr(a, b).statistic), rel=0.12)
    both = kappa(first > 0, second > 0, clusters, 0.95)[0]
    expected = resampled(first > 0, second > 0, cohen_kappa_score)
    assert (both.high - both.low) / 2 / 1.972 == pytest.approx(expected, rel=0.12)


def test_intervals_by_group_are_wider_than_by_image():
    first, second, clusters = pair_of(600, per_group=3, noise=0.5)
    alone = Clusters.of(np.arange(600), np.ones(600), np.zeros(600, dtype=int))
    first = np.repeat(first[::3], 3)  # images of a group are alike: one witness, not three
    second = np.repeat(second[::3], 3)
    for grouped, single in zip(*(measures(first, second, each, 0.95) for each in (clusters, alone)), strict=True):
        assert grouped["high"] - grouped["low"] > 1.5 * (single["high"] - single["low"])


def test_what_cannot_be_said_of_two_detectors_has_its_reason():
    one = Clusters.of(np.arange(4), np.ones(4), np.zeros(4, dtype=int))
    same = np.array([1.0, 2.0, 3.0, 4.0])
    told = {row["measure"]: row for row in measures(same, same, one, 0.95)}
    assert told["kappa"]["reason"].startswith("both call every image the same") and np.isnan(told["kappa"]["value"])
    assert told["spearman"]["value"] == 1 and told["spearman"]["reason"].startswith("no interval")
    assert told["differently_judged"]["value"] == 0 and told["differently_judged"]["high"] > 0.2
    flat = spearman(np.ones(4), same, one, 0.95)
    assert np.isnan(flat[0].value) and flat[1] == "one of them gives every image the same logit"
    agreed = kappa(same > 2, same > 2, one, 0.95)
    assert agreed[0].value == 1 and agreed[1] == "no interval: no group differs from another"
    nothing = measures(same[:0], same[:0], one, 0.95)
    assert [row["reason"] for row in nothing] == ["no image that both have scored"] * 3


def test_pairs_are_of_one_experiment_or_of_one_train_set():
    facts = known_facts()
    scores = make_scores(facts, experiments=("raw", "unbiased"), conditions=("clean", "jpeg"))
    found = disagree(answers_of(scores, facts), 0.95)
    assert len(found) == 3 * 2 * (2 * 3 + 3)  # measures, conditions, pairs within and across
    across = found[found["experiment"] != found["other_experiment"]]
    assert (across["train_set"] == across["other_train_set"]).all() and len(across) == 3 * 2 * 3
    assert set(found["n"]) == {180}  # controls are not among them
    records.check(pa.Table.from_pandas(found, preserve_index=False), records.DISAGREEMENTS, "test")


def test_only_images_that_both_scored_count():
    answers = drawn()
    first = next(iter(answers.logits))
    answers.logits[first][answers.rows(answers.seen)[:50]] = np.nan
    found = disagree(answers, 0.95)
    assert set(found[found["train_set"] == first.train_set]["n"]) == {130} and found["n"].max() == 180


def test_one_detector_disagrees_with_none():
    facts = known_facts()
    found = disagree(answers_of(make_scores(facts, train_sets=("adm",)), facts), 0.95)
    assert found.empty and list(found.columns) == list(records.DISAGREEMENTS.columns)
