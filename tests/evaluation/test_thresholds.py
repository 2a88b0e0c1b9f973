"""Thresholds against a search of all of them, with ties, by reals alone, and where there is nothing to choose by."""

import math

import numpy as np
import pandas as pd
import pytest

from crossgen.config import Statistics
from crossgen.evaluation import statistics as weighted
from crossgen.evaluation.own_images import Validation
from crossgen.evaluation.thresholds import RULES, Curve, Steps, choose

STATISTICS = Statistics(replicates=100)


def drawn(n_real=40, n_fake=30, seed=0, shift=1.0, groups=None):
    random = np.random.default_rng(seed)
    labels = np.repeat([0, 1], [n_real, n_fake])
    n = len(labels)
    rows = {"image_id": [f"i{k:03d}" for k in range(n)], "group": groups or [f"g{k // 2}" for k in range(n)]}
    logits = np.round(random.normal(shift * labels, 1), 1)  # with ties
    return pd.DataFrame({**rows, "stratum": "a", "label": labels, "logit": logits})


def searched(logits, labels, weights, rule):
    """The best of many thresholds, between and beyond all logits; a set, where several are as good."""
    values = np.unique(logits)
    candidates = np.concatenate([[values[0] - 1], values, values + 1e-6, (values[1:] + values[:-1]) / 2])
    real, fake = (weights * (labels == label) for label in (0, 1))
    fpr = np.array([real[logits > t].sum() / real.sum() for t in candidates])
    fnr = np.array([fake[logits <= t].sum() / fake.sum() for t in candidates])
    if RULES[rule].share is not None:
        return candidates[fpr <= RULES[rule].share + 1e-9].min(keepdims=True)
    cost = fpr + fnr if rule == "best_balanced_accuracy" else abs(fpr - fnr)
    return candidates[cost <= cost.min() + 1e-9]


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_finds_what_a_search_finds(rule):
    rows = drawn(200, 150)
    logits, labels = rows["logit"].to_numpy(), rows["label"].to_numpy()
    weights = np.vstack([np.ones(len(rows)), np.random.default_rng(1).exponential(size=(5, len(rows)))])
    found = RULES[rule].choose(Curve.of(Steps.of(logits, labels), weights))
    for value, replicate in zip(found, weights, strict=True):
        best = searched(logits, labels, replicate, rule)
        assert np.isclose(value, best).any(), (value, best)
    assert choose(Validation.of(rows), STATISTICS)[rule].value == found[0]


def test_of_equally_good_thresholds_the_middle_of_the_widest_interval_is_taken():
    logits, labels = np.array([-3.0, -1.0, 0.0, 4.0, 5.0]), np.array([0, 1, 0, 1, 1])
    curve = Curve.of(Steps.of(logits, labels), np.ones((1, 5)))
    assert RULES["best_balanced_accuracy"].choose(curve).tolist() == [2.0]  # 0 to 4; -3 to -1 is worse
    tied = Curve.of(Steps.of(np.array([-3.0, -1.0, 0.0, 5.0]), np.array([0, 1, 0, 1])), np.ones((1, 4)))
    assert RULES["best_balanced_accuracy"].choose(tied).tolist() == [2.5]  # -3 to -1 is as good, and narrower


def test_a_false_alarm_rate_is_kept_by_the_lowest_threshold_that_keeps_it():
    logits, labels = np.arange(40.0), np.repeat([0, 1], 20)
    found = {name: choose(Validation.of(frame(logits, labels)), STATISTICS)[name] for name in ("fpr_5", "fpr_10")}
    assert (found["fpr_5"].value, found["fpr_10"].value) == (18.0, 17.0)  # called fake is above it


def frame(logits, labels):
    n = len(labels)
    names = {"image_id": [f"i{k:03d}" for k in range(n)], "group": [f"g{k}" for k in range(n)]}
    return pd.DataFrame({**names, "stratum": "a", "label": labels, "logit": logits})


def test_intervals_are_those_of_a_loop_over_replicates():
    rows = drawn()
    validation = Validation.of(rows)
    weights = validation.weights(STATISTICS)
    chosen = choose(validation, STATISTICS)
    for rule in ("equal_error_rate", "fpr_10"):
        logits, labels = validation.logits, validation.labels
        steps = Steps.of(logits, labels)
        replicates = [RULES[rule].choose(Curve.of(steps, each[None].astype(float)))[0] for each in weights]
        low, high = np.quantile(replicates, [0.025, 0.975])
        value = chosen[rule].value
        assert (chosen[rule].low, chosen[rule].high) == pytest.approx((min(low, value), max(high, value)))
        assert chosen[rule].low < chosen[rule].high


def test_weights_are_of_groups_and_those_of_the_test_images():
    rows = drawn(groups=[f"g{k % 7}" for k in range(70)])
    validation = Validation.of(rows.sample(frac=1, random_state=0))
    weights = validation.weights(STATISTICS)
    same = weighted.bootstrap_weights(rows.sort_values("image_id")["group"], 0, 100)
    ratio = weights / same
    for label in (0, 1):
        assert np.ptp(ratio[:, validation.labels == label], axis=1).max() < 1e-5  # balanced within a label, no more
    again = Validation.of(rows).weights(STATISTICS)
    assert (weights == again).all()


def test_what_cannot_be_chosen_says_why():
    few = choose(Validation.of(drawn(12, 9)), STATISTICS)
    assert math.isnan(few["fpr_5"].value) and few["fpr_5"].reason.startswith("12 reals of validation: 5 % of them")
    assert few["fpr_10"].reason is None and few["fixed"] == (0.0, *few["fixed"][1:3], "fixed: not chosen")
    reals = choose(Validation.of(drawn(40, 0), "no fakes were shown"), STATISTICS)
    assert reals["fpr_5"].reason is None and not math.isnan(reals["fpr_5"].value)
    for rule in ("best_balanced_accuracy", "equal_error_rate", "temperature"):
        assert math.isnan(reals[rule].value) and reals[rule].reason == "no fakes were shown", rule
    nothing = choose(Validation.of(drawn(0, 0)), STATISTICS)
    assert nothing["fpr_1"].reason == "no reals among the validation images"
    assert nothing["equal_error_rate"].reason == "no reals and no fakes among the validation images"


def test_a_gap_without_any_replicate_in_it_has_no_interval():
    found = choose(Validation.of(frame(np.array([-2.0, -1.0, 1.0, 3.0]), np.array([0, 0, 1, 1]))), STATISTICS)
    assert found["best_balanced_accuracy"].value == 0.0
    assert found["best_balanced_accuracy"].reason == "no interval: no replicate differs"


def test_a_logit_that_is_no_number_is_refused():
    rows = drawn().assign(logit=lambda t: t["logit"].where(t["image_id"] != "i004", np.inf))
    with pytest.raises(ValueError, match="Validation image 'i004' has a logit that is no number"):
        Validation.of(rows)
