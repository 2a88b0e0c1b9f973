"""Temperature against logistic regression, errors of P(fake) against scikit-learn and a loop over bins."""

import math

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss

from crossgen.evaluation import calibration
from crossgen.evaluation.statistics import bootstrap_weights
from crossgen.intervals import Clusters


def drawn(n=300, scale=3.0, seed=0):
    random = np.random.default_rng(seed)
    labels = np.repeat([0, 1], [n, n // 3])
    return scale * random.normal(2 * labels - 1, 1.5), labels


def fitted(logits, labels, weights):
    """1 / T of scikit-learn: logistic regression on the logit, without intercept."""
    share = np.where(labels == 1, weights / weights[labels == 1].sum(), weights / weights[labels == 0].sum())
    model = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10, max_iter=1000)
    return 1 / model.fit(logits[:, None], labels, sample_weight=share * 1e3).coef_[0, 0]


def test_the_temperature_is_logistic_regressions():
    logits, labels = drawn()
    weights = bootstrap_weights([f"g{k // 2}" for k in range(len(labels))], 0, 200)
    found = calibration.temperature(logits, labels, weights, 0.95)
    assert found.value == pytest.approx(fitted(logits, labels, np.ones(len(labels))), rel=1e-4)
    replicates = [fitted(logits, labels, each.astype(float)) for each in weights]
    assert (found.low, found.high) == pytest.approx(np.quantile(replicates, [0.025, 0.975]), rel=2e-3)
    assert found.reason is None and found.low < found.value < found.high


def test_a_temperature_at_its_bound_is_no_number_and_says_why():
    labels = np.repeat([0, 1], 20)
    weights = np.ones((100, 40), np.float32)
    right = calibration.temperature(2.0 * labels - 1, labels, weights, 0.95)
    assert math.isnan(right.value) and right.reason.startswith("all validation images rightly called")
    wrong = calibration.temperature(1.0 - 2.0 * labels, labels, weights, 0.95)
    assert math.isnan(wrong.value) and wrong.reason.startswith("validation logits tell too little")


def test_an_interval_that_reaches_a_bound_says_so():
    logits = np.array([-2.0] * 19 + [1e-3] + [2.0] * 20)
    labels = np.repeat([0, 1], 20)
    random = np.random.default_rng(0)
    weights = random.exponential(size=(100, 40)).astype(np.float32)
    weights[:10, 19] = 0  # in a tenth of the replicates every image is rightly called
    found = calibration.temperature(logits, labels, weights, 0.95)
    assert found.reason.startswith("the interval reaches the bounds") and found.low == pytest.approx(0.01, rel=0.05)


@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_nll_and_brier_are_scikit_learns_with_both_labels_of_the_same_weight(scale):
    logits, labels = drawn()
    judged = calibration.Judgement.of(logits, labels, scale)
    clusters = Clusters.of(np.arange(len(labels)), labels, np.zeros(len(labels)))
    shares, weights = expit(logits / scale), np.where(labels == 1, 3.0, 1.0)
    nll, brier = (calibration.estimate(judged, name, clusters, 0.95) for name in ("nll", "brier"))
    assert nll.value == pytest.approx(log_loss(labels, shares, sample_weight=weights), rel=1e-5)
    assert brier.value == pytest.approx(brier_score_loss(labels, shares, sample_weight=weights))


def test_ece_is_a_loop_over_bins():
    logits, labels = drawn(seed=3)
    judged = calibration.Judgement.of(logits, labels)
    shares, weights = expit(logits), np.where(labels == 1, 3.0, 1.0) / (2 * 300)
    error = 0.0
    for number in range(15):
        inside = (shares >= number / 15) & (shares < (number + 1) / 15 + (number == 14))
        error += abs((weights * (labels - shares))[inside].sum())
    clusters = Clusters.of(np.arange(len(labels)), labels, np.zeros(len(labels)))
    assert calibration.estimate(judged, "ece", clusters, 0.95).value == pytest.approx(error)
    bins = calibration.binned(judged, calibration.equal_width(judged))
    assert bins.mass.sum() == pytest.approx(1) and np.nansum(bins.mass * abs(bins.fakes - bins.score)) == pytest.approx(
        error
    )
    held = np.bincount(calibration.equal_mass(judged), judged.mass, 15)
    assert held.min() > 0.06 and held.max() < 0.074


def test_equal_scores_share_a_bin_of_equal_mass():
    logits, labels = np.repeat([-1.0, 0.0, 2.0], 20), np.tile([0, 1], 30)
    place = calibration.equal_mass(calibration.Judgement.of(logits, labels))
    assert [len(set(part)) for part in np.split(place, 3)] == [1, 1, 1] and len(set(place)) == 3


@pytest.mark.parametrize("measure", calibration.MEASURES)
def test_intervals_are_about_those_of_a_bootstrap_of_groups(measure):
    logits, labels = drawn(400, scale=1.0, seed=5)
    groups = np.arange(len(labels)) // 4
    logits = logits + np.random.default_rng(1).normal(size=len(groups))[groups]  # images of a group are alike
    clusters = Clusters.of(groups, labels, np.zeros(len(labels)))
    found = calibration.estimate(calibration.Judgement.of(logits, labels), measure, clusters, 0.95)
    random, values = np.random.default_rng(0), []
    by_label = [np.unique(groups[labels == label]) for label in (0, 1)]
    places = {group: np.flatnonzero(groups == group) for group in np.unique(groups)}
    for _ in range(300):
        chosen = [random.choice(part, len(part)) for part in by_label]
        rows = np.concatenate([places[group] for part in chosen for group in part])
        judged = calibration.Judgement.of(logits[rows], labels[rows])
        parts = calibration.MEASURES[measure][0](judged)
        values.append(judged.mass @ parts)
    ratio = (found.high - found.low) / (2 * 1.96) / np.std(values)
    assert 0.8 < ratio < (1.4 if measure.startswith("ece") else 1.2)  # where a bin's error may turn its sign: too wide


def test_images_all_alike_have_no_interval():
    judged = calibration.Judgement.of(np.array([-1.0, -1.0, 1.0, 1.0]), np.array([0, 0, 1, 1]))
    found = calibration.estimate(judged, "nll", Clusters.of(np.arange(4), judged.labels, np.zeros(4)), 0.95)
    assert math.isnan(found.low) and found.value == pytest.approx(np.log1p(np.exp(-1)))
