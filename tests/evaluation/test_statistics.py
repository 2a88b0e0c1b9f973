"""Weighted metrics against scikit-learn, the bootstrap against its definition, intervals against their promise."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn import metrics as oracle

from crossgen import intervals, separation
from crossgen.evaluation import statistics
from crossgen.intervals import Clusters

LEVEL = 0.95


def judged(seed, n=120, ties=True):
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < 0.4).astype(np.int64)
    logits = rng.normal(size=n) + labels
    return (np.round(logits, 1) if ties else logits), labels, rng.gamma(1, size=n)


def alone(labels):
    """Clusters in which every image is a group."""
    return Clusters.of(np.arange(len(labels)), labels, np.zeros(len(labels)))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("ties", [True, False])
def test_weighted_metrics_agree_with_scikit_learn(seed, ties):
    logits, labels, weights = judged(seed, ties=ties)
    called = (logits > 0).astype(int)
    even = weights / np.where(labels == 1, weights[labels == 1].sum(), weights[labels == 0].sum())
    expected = {
        "roc_auc": oracle.roc_auc_score(labels, logits, sample_weight=weights),
        "average_precision": oracle.average_precision_score(labels, logits, sample_weight=even),
        "accuracy": oracle.accuracy_score(labels, called, sample_weight=weights),
        "balanced_accuracy": oracle.balanced_accuracy_score(labels, called, sample_weight=weights),
        "tpr": oracle.recall_score(labels, called, sample_weight=weights),
        "tnr": oracle.recall_score(labels, called, sample_weight=weights, pos_label=0),
    }
    for name, value in expected.items():
        assert getattr(statistics, name)(logits, labels, weights) == pytest.approx(value, abs=1e-12), name


def test_numbers_worked_by_hand():
    # fakes 2, 0, -1; reals 1, 0, -1, -2: pairs won 4 + 2.5 + 1.5 of 12
    logits, labels = np.array([2.0, 0, -1, 1, 0, -1, -2]), np.array([1, 1, 1, 0, 0, 0, 0])
    ones = np.ones(7)
    assert statistics.roc_auc(logits, labels, ones) == pytest.approx(8 / 12)
    assert statistics.tpr(logits, labels, ones) == pytest.approx(1 / 3)  # a logit of 0 is called real
    assert statistics.tnr(logits, labels, ones) == pytest.approx(3 / 4)
    assert statistics.accuracy(logits, labels, ones) == pytest.approx(4 / 7)
    assert statistics.balanced_accuracy(logits, labels, ones) == pytest.approx((1 / 3 + 3 / 4) / 2)
    # precision at prevalence 1/2 where the fakes stand: 1, (2/3)/(2/3+2/4), 1/(1+3/4)
    precision = (1 + (2 / 3) / (2 / 3 + 2 / 4) + 1 / (1 + 3 / 4)) / 3
    assert statistics.average_precision(logits, labels, ones) == pytest.approx(precision)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision", "accuracy", "balanced_accuracy", "tpr", "tnr"])
def test_a_weight_is_a_number_of_copies(name, monkeypatch):
    monkeypatch.setattr(separation, "CHUNK", 300)  # several chunks
    logits, labels, _ = judged(7, n=90)
    counts = np.random.default_rng(0).poisson(1, size=(20, 90))
    metric = getattr(statistics, name)
    found = metric(logits, labels, counts)
    assert found.shape == (20,)
    for value, count in zip(found, counts, strict=True):
        rows = np.repeat(np.arange(90), count)
        assert value == pytest.approx(metric(logits[rows], labels[rows], np.ones(len(rows))), abs=1e-12)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision", "balanced_accuracy"])
def test_a_label_without_weight_leaves_no_number(name):
    logits, labels, weights = judged(3)
    for label in (0, 1):
        assert np.isnan(getattr(statistics, name)(logits, labels, weights * (labels != label)))


def test_bootstrap_weights_depend_on_seed_replicate_and_group_alone():
    groups = np.array(["a", "b", "a", "c"], dtype=object)
    weights = statistics.bootstrap_weights(groups, seed=3, replicates=6)
    assert weights.shape == (6, 4)
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (statistics.bootstrap_weights(groups[::-1], 3, 6) == weights[:, ::-1]).all()
    assert (statistics.bootstrap_weights(["c", "new"], 3, 4)[:, 0] == weights[:4, 3]).all()
    assert not np.isclose(statistics.bootstrap_weights(groups, 4, 6), weights).any()
    assert len(np.unique(weights)) == 18


def test_bootstrap_weights_are_independent_exponentials():
    weights = statistics.bootstrap_weights([f"g{i}" for i in range(300)], 0, 1000).astype(float)
    assert weights.min() > 0
    assert weights.mean() == pytest.approx(1, abs=0.01)
    assert weights.var() == pytest.approx(1, abs=0.03)
    assert np.exp(-weights).mean() == pytest.approx(0.5, abs=0.003)
    for axis in (weights, weights.T):
        off = np.corrcoef(axis)[~np.eye(len(axis), dtype=bool)]
        assert np.abs(off.mean()) < 0.002
        assert off.std() == pytest.approx(axis.shape[1] ** -0.5, rel=0.05)


def test_strata_keep_their_share_and_groups_stay_whole():
    groups = np.array([0, 0, 0, 1, 2, 3, 3])
    strata = np.array([0, 0, 0, 0, 1, 1, 1])
    weights = statistics.balance_strata(statistics.bootstrap_weights(groups, 0, 50), groups, strata)
    assert np.allclose(weights[:, [0, 3]].mean(axis=1), 1)
    assert np.allclose(weights[:, [4, 5]].mean(axis=1), 1)
    assert (weights[:, 0] == weights[:, 2]).all()


def test_bootstrap_spread_is_that_of_the_groups():
    logits, labels, groups = clustered(np.random.default_rng(5), groups=80, size=4, shift=1.0, shared=0.6)
    clusters = Clusters.of(groups, labels, np.zeros(len(labels)))
    weights = statistics.bootstrap_weights(groups, 0, 2000)
    spread = statistics.roc_auc(logits, labels, weights).std()
    above, below = intervals.placements(logits[labels == 1], logits[labels == 0])
    residuals = np.empty(len(labels))
    residuals[labels == 1] = (above - above.mean()) / len(above)
    residuals[labels == 0] = (below - below.mean()) / len(below)
    assert spread == pytest.approx(clusters.covariance(residuals, residuals) ** 0.5, rel=0.07)
    ap = statistics.average_precision(logits, labels, weights)
    estimate = statistics.average_precision_estimate(logits, labels, clusters, LEVEL)
    assert estimate.value == pytest.approx(float(statistics.average_precision(logits, labels, np.ones(len(labels)))))
    assert estimate.high - estimate.low == pytest.approx(np.ptp(np.quantile(ap, [0.025, 0.975])), rel=0.07)


def test_average_precision_estimate_has_the_value_of_its_definition_with_ties():
    logits, labels, _ = judged(11)
    estimate = statistics.average_precision_estimate(logits, labels, alone(labels), LEVEL)
    assert estimate.value == pytest.approx(float(statistics.average_precision(logits, labels, np.ones(len(labels)))))


# ---- intervals


def test_wilson_is_the_textbook_one_for_images_alone():
    labels = np.ones(10, dtype=np.int64)
    estimate = intervals.rate(np.arange(10) < 8, labels == 1, alone(labels), LEVEL)
    assert estimate[:3] == pytest.approx((0.8, 0.4901625, 0.9433178), abs=1e-6)


def test_a_group_of_copies_counts_once():
    hits, labels = np.arange(40) % 4 > 0, np.ones(40, dtype=np.int64)
    once = intervals.rate(hits, labels == 1, alone(labels), LEVEL)
    copied = np.repeat(np.arange(40), 5)
    clusters = Clusters.of(copied, labels[copied], np.zeros(200))
    fivefold = intervals.rate(hits[copied], labels[copied] == 1, clusters, LEVEL)
    assert fivefold[:3] == pytest.approx(once[:3], abs=0.01)  # t with 39 degrees for z


def test_first_errors_do_not_narrow_the_interval_of_a_rate():
    labels = np.ones(200, dtype=np.int64)
    clusters = Clusters.of(np.arange(200) // 5, labels, np.zeros(200))
    lows = [intervals.rate(np.arange(200) >= errors, labels == 1, clusters, LEVEL).low for errors in range(12)]
    assert lows[0] == pytest.approx(1 / (1 + norm.ppf(0.975) ** 2 / 40), abs=0.005)  # forty groups, not 200 images
    assert lows[0] == max(lows)
    scattered = [intervals.rate(np.arange(200) % 40 >= errors, labels == 1, clusters, LEVEL).low for errors in range(9)]
    assert scattered == sorted(scattered, reverse=True)


def test_mover_squares_and_adds():
    labels = np.repeat([1, 0], [10, 20])
    hits = np.concatenate([np.arange(10) < 8, np.arange(20) < 18])
    fake, real = (intervals.rate(hits, labels == label, alone(labels), LEVEL) for label in (1, 0))
    both = intervals.mean_of_rates(hits, labels, alone(labels), LEVEL)
    assert both.value == pytest.approx(0.85)
    assert both.low == pytest.approx(0.85 - np.hypot(fake.value - fake.low, real.value - real.low) / 2)
    assert both.high == pytest.approx(0.85 + np.hypot(fake.high - fake.value, real.high - real.value) / 2)


def test_pairs_of_a_real_and_its_fake_are_not_torn():
    labels, groups = np.tile([0, 1], 50), np.repeat(np.arange(50), 2)
    hits = np.repeat(np.random.default_rng(0).random(50) < 0.7, 2)  # both right or both wrong
    paired = intervals.mean_of_rates(hits, labels, Clusters.of(groups, labels, np.zeros(100)), LEVEL)
    torn = intervals.mean_of_rates(hits, labels, alone(labels), LEVEL)
    assert (paired.high - paired.low) == pytest.approx(2**0.5 * (torn.high - torn.low), rel=0.03)


@pytest.mark.parametrize("seed", range(3))
def test_auc_is_scikit_learns(seed):
    logits, labels, _ = judged(seed)
    estimate = intervals.roc_auc(logits, labels, alone(labels), LEVEL)
    assert estimate.value == pytest.approx(oracle.roc_auc_score(labels, logits))
    assert 0 < estimate.low < estimate.value < estimate.high < 1


def test_auc_compares_within_blocks_only():
    logits, labels = np.array([1.0, 0, 10, 11]), np.array([1, 0, 1, 0])
    assert intervals.roc_auc(logits, labels, alone(labels), LEVEL, np.array([0, 0, 1, 1])).value == 0.5


def test_perfect_and_constant_scores_have_no_zero_width():
    labels = np.repeat([0, 1], [60, 40])
    unseen = intervals.wilson(0.0, 40, LEVEL)[1]
    for estimate in (
        intervals.roc_auc(labels * 1.0, labels, alone(labels), LEVEL),
        statistics.average_precision_estimate(labels * 1.0, labels, alone(labels), LEVEL),
    ):
        assert estimate[:3] == pytest.approx((1, 1 - unseen, 1))
    assert intervals.roc_auc(-1.0 * labels, labels, alone(labels), LEVEL)[:3] == pytest.approx((0, 0, unseen))
    constant = intervals.roc_auc(0.0 * labels, labels, alone(labels), LEVEL)
    assert constant.low < 0.5 == constant.value < constant.high
    almost = np.where(np.arange(100) == 59, 2.0, labels)  # one real above all fakes
    assert intervals.roc_auc(almost, labels, alone(labels), LEVEL).low <= 1 - unseen


def test_one_group_knows_next_to_nothing():
    labels = np.repeat([0, 1], 20)
    clusters = Clusters.of(labels, labels, np.zeros(40))
    assert intervals.rate(np.ones(40, dtype=bool), labels == 1, clusters, LEVEL).low < 0.25
    assert intervals.roc_auc(labels * 1.0, labels, clusters, LEVEL).low < 0.25


def test_student_t_over_generators():
    estimate = intervals.student_t([0.6, 0.7, 0.8], LEVEL)
    assert estimate[:3] == pytest.approx((0.7, 0.7 - 4.302653 * 0.1 / 3**0.5, 0.7 + 4.302653 * 0.1 / 3**0.5))
    assert intervals.student_t([0.9, 1.0, 1.0], LEVEL).high == 1
    assert np.isnan(intervals.student_t([0.9], LEVEL).low)
    assert np.isnan(intervals.student_t([1.0, 1.0], LEVEL).low)


def test_a_rate_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no images"):
        intervals.rate(np.zeros(3, dtype=bool), np.zeros(3, dtype=bool), alone(np.ones(3)), LEVEL)


# ---- coverage by simulation


def clustered(rng, groups, size, shift, shared):
    """`groups` photographs of each label with `size` images; a part `shared` of the variance is the photograph's."""
    photograph = np.repeat(np.arange(2 * groups), size)
    labels = (photograph >= groups).astype(np.int64)
    common = rng.normal(size=2 * groups)[photograph] * shared**0.5
    return common + rng.normal(size=len(labels)) * (1 - shared) ** 0.5 + labels * shift, labels, photograph


def coverage(runs, by_group):
    shift, rng = 1.5, np.random.default_rng(1)
    truth = np.array([norm.cdf(shift / 2), norm.cdf(shift / 2), norm.cdf(shift / 2**0.5)])
    inside = np.zeros(3)
    for _ in range(runs):
        logits, labels, groups = clustered(rng, groups=40, size=5, shift=shift, shared=0.6)
        groups = groups if by_group else np.arange(len(labels))
        clusters = Clusters.of(groups, labels, np.zeros(len(labels)))
        right = (logits > shift / 2) == (labels == 1)
        found = (
            intervals.rate(right, labels == 1, clusters, LEVEL),
            intervals.mean_of_rates(right, labels, clusters, LEVEL),
            intervals.roc_auc(logits, labels, clusters, LEVEL),
        )
        inside += [each.low <= true <= each.high for each, true in zip(found, truth, strict=True)]
    return inside / runs


def test_intervals_by_group_cover_and_intervals_by_image_do_not():
    assert (coverage(400, by_group=True) > 0.915).all()
    assert (coverage(400, by_group=False) < 0.85).all()


@pytest.mark.long
def test_coverage_is_what_it_says():
    found = coverage(4000, by_group=True)
    assert ((found > 0.93) & (found < 0.97)).all(), found
