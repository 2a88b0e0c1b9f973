"""Operating points against the metrics, the plain intervals, and an oracle that tries every threshold."""

import math

import numpy as np
import pandas as pd
import pytest
from judged_tables import GENERATORS, STATISTICS, TEST_SETS, make_facts, make_scores, metrics_of, pick

from crossgen import intervals, records
from crossgen.evaluation import oracle
from crossgen.evaluation.judged import Judged
from crossgen.evaluation.label_rates import labels_of, rated
from crossgen.evaluation.operating import operating_points
from crossgen.evaluation.oracle_kernel import walked
from crossgen.evaluation.own_images import Validation
from crossgen.evaluation.points import NAMES, RATES
from crossgen.evaluation.statistics import balanced_accuracy, bootstrap_weights
from crossgen.evaluation.thresholds import choose
from crossgen.intervals import Clusters


def validation(n_real=30, n_fake=24, seed=0):
    labels = np.repeat([0, 1], [n_real, n_fake])
    names = [f"v{k:02d}" for k in range(len(labels))]
    logits = np.random.default_rng(seed).normal(labels - 0.2, 1)
    rows = {"image_id": names, "group": names, "stratum": "a", "label": labels, "logit": logits}
    return Validation.of(pd.DataFrame(rows))


@pytest.fixture(scope="module")
def told():
    facts = make_facts()
    scores = make_scores(facts, conditions=("clean", "blur"))
    gone = scores.image_id.eq("biggan/3.png") & scores.train_set.eq("adm")
    scores = scores[~gone]
    thresholds = {("raw", name, 0): choose(validation(seed=k), STATISTICS) for k, name in enumerate(GENERATORS)}
    judged = Judged.of(scores, facts, TEST_SETS)
    points = operating_points(judged, thresholds, TEST_SETS, STATISTICS)
    return facts, scores, thresholds, judged, points


def test_at_the_logit_0_the_numbers_are_the_metrics(told):
    facts, scores, _, _, points = told
    keys = ["experiment", "train_set", "seed", "test_generator", "condition", "metric"]
    rows = pd.DataFrame(points.rows)
    both = rows[rows.rule == "fixed"].merge(metrics_of(scores, facts), on=keys, suffixes=("", "_metrics"))
    assert len(both) == len(rows[(rows.rule == "fixed") & rows.metric.isin(RATES)]) > 100
    for name in ("value", "low", "high", "n_real", "n_fake", "coverage"):
        np.testing.assert_allclose(both[name], both[f"{name}_metrics"], rtol=1e-12, atol=1e-12, err_msg=name)
    assert both.value.isna().any() and (both.value.isna() == both.value_metrics.isna()).all()


def test_the_tables_are_whole_and_every_gap_has_its_reason(told):
    *_, points = told
    rows = pd.DataFrame(points.rows)
    records.check(records.from_rows(points.rows, records.OPERATING_POINTS), records.OPERATING_POINTS, "test")
    assert set(zip(rows.rule, rows.metric, strict=True)) == set(NAMES)
    assert rows[rows.value.isna()].reason.notna().all() and rows[rows.low.isna()].reason.notna().all()
    defined = rows[rows.low.notna()]
    assert (defined.low <= defined.value + 1e-12).all() and (defined.value <= defined.high + 1e-12).all()
    bins = pd.DataFrame(points.bins)
    records.check(records.from_rows(points.bins, records.RELIABILITY), records.RELIABILITY, "test")
    keys = ["train_set", "test_generator", "condition", "rule"]
    np.testing.assert_allclose(bins.groupby(keys)["mass"].sum(), 1)


def test_a_control_has_the_rates_of_its_label_and_nothing_that_needs_both(told):
    *_, points = told
    control = pd.DataFrame(points.rows).query("test_generator == 'photographs_png' and condition == 'clean'")
    control = control[control.train_set == "adm"]
    assert pick(control, rule="fpr_10", metric="fpr").value + pick(control, rule="fpr_10", metric="tnr").value == 1
    for rule, metric in (("fixed", "tpr"), ("temperature", "ece"), ("oracle", "bias"), ("fixed", "oracle_gap")):
        row = pick(control, rule=rule, metric=metric)
        assert math.isnan(row.value) and row.reason == "one class only: no fakes"
    assert "photographs_png" not in set(pd.DataFrame(points.bins).test_generator)


def test_a_detector_without_validation_images_keeps_the_logit_0_and_says_why_it_has_no_more(told):
    facts, scores, _, judged, _ = told
    empty = pd.DataFrame(columns=["image_id", "group", "stratum", "label", "logit"])
    none = choose(Validation.of(empty, "published"), STATISTICS)
    points = operating_points(judged, {("raw", name, 0): none for name in GENERATORS}, TEST_SETS, STATISTICS)
    rows = pd.DataFrame(points.rows).query("train_set == 'adm' and test_generator == 'sd14' and condition == 'clean'")
    assert pick(rows, rule="fixed", metric="tpr").value == pytest.approx(
        pick(metrics_of(scores, facts), train_set="adm", test_generator="sd14", condition="clean", metric="tpr").value
    )
    assert not math.isnan(pick(rows, rule="fixed", metric="oracle_gap").value)
    for rule, metric in (("fpr_5", "tpr"), ("best_balanced_accuracy", "oracle_gap"), ("temperature", "nll")):
        row = pick(rows, rule=rule, metric=metric)
        assert math.isnan(row.value) and row.reason == "published"


def test_rates_at_any_threshold_are_those_of_the_plain_intervals():
    random = np.random.default_rng(0)
    groups = random.integers(0, 40, 150)
    labels = np.where(groups < 5, random.integers(0, 2, 150), groups % 2)  # some groups have both labels
    strata, logits = groups % 3, random.normal(size=150) + groups / 20
    clusters = Clusters.of(groups, labels, strata)
    sides = labels_of(labels, clusters, 0.9)
    for threshold in (-9.0, 0.5, 1.0, 9.0):
        found = rated(logits, threshold, sides)
        right = (logits > threshold) == (labels == 1)
        plain = {
            "tpr": intervals.rate(right, labels == 1, clusters, 0.9),
            "tnr": intervals.rate(right, labels == 0, clusters, 0.9),
            "fpr": intervals.rate(~right, labels == 0, clusters, 0.9),
            "balanced_accuracy": intervals.mean_of_rates(right, labels, clusters, 0.9),
        }
        assert found.keys() == plain.keys()
        for name, estimate in plain.items():
            assert found[name][:3] == pytest.approx(estimate[:3], abs=1e-12), (threshold, name)
            assert found[name].interval == estimate.interval


def test_the_oracle_tries_every_threshold_in_every_replicate():
    random = np.random.default_rng(2)
    labels = random.integers(0, 2, 60)
    logits = np.round(random.normal(labels, 1), 1)  # with ties
    weights = bootstrap_weights([f"g{k // 2}" for k in range(60)], 0, 20)
    passed = np.array([(logits <= 0.3).sum(), 0, 60, (logits <= -0.2).sum()])
    best, at = oracle.accuracies(oracle.signed_shares(weights, labels), oracle.Walk.of(logits), passed)
    tried = np.array([balanced_accuracy(logits - t, labels, weights) for t in (-99.0, *np.unique(logits))])
    np.testing.assert_allclose(best, tried.max(axis=0), rtol=1e-5)
    for threshold, values in zip((0.3, -99.0, 99.0, -0.2), at, strict=True):
        np.testing.assert_allclose(values, balanced_accuracy(logits - threshold, labels, weights), rtol=1e-5)


def test_the_compiled_walk_is_the_plain_one_bit_by_bit():
    random = np.random.default_rng(3)
    labels = random.integers(0, 2, 90)
    walk = oracle.Walk.of(np.round(random.normal(labels, 1), 1))
    shares = oracle.signed_shares(bootstrap_weights(np.arange(90), 0, 16), labels)
    passed = np.array([0, 0, 17, 90])
    for plain, fast in zip(oracle.walked(shares, *walk, passed), walked(shares, *walk, passed), strict=True):
        np.testing.assert_array_equal(plain, fast)


def test_the_gap_is_what_the_oracle_adds_and_never_below_nothing(told):
    *_, points = told
    rows = pd.DataFrame(points.rows)
    cells = rows[rows.train_set.isin(GENERATORS) & rows.test_generator.isin(GENERATORS)]
    keys = ["train_set", "test_generator", "condition"]
    of = {(r, m): cells[(cells.rule == r) & (cells.metric == m)].set_index(keys) for r, m in NAMES}
    best = of["oracle", "balanced_accuracy"].value
    for rule in ("fixed", "best_balanced_accuracy"):
        gap = of[rule, "oracle_gap"]
        np.testing.assert_allclose(gap.value, best - of[rule, "balanced_accuracy"].value, atol=1e-6)
        assert (gap.value >= -1e-9).all() and gap.interval.eq("bootstrap").all()
    assert (of["oracle", "bias"].value >= 0).all() and of["oracle", "bias"].value.mean() > 0


def test_what_others_scored_moves_no_number(told):
    facts, scores, thresholds, _, points = told
    alone = Judged.of(scores[scores.train_set == "sd14"], facts, TEST_SETS)
    rows = pd.DataFrame(operating_points(alone, thresholds, TEST_SETS, STATISTICS).rows).query("train_set == 'sd14'")
    whole = pd.DataFrame(points.rows).query("train_set == 'sd14'")
    pd.testing.assert_frame_equal(rows.reset_index(drop=True), whole.reset_index(drop=True))
