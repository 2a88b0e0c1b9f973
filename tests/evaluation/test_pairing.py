"""Tests of differences against textbook examples and independent implementations."""

import numpy as np
import pytest
from scipy.stats import binomtest
from scipy.stats import t as student

from crossgen.evaluation.pairing import Spread, holm, mcnemar, paired

LEVEL = 0.95


def test_interval_and_p_agree_about_zero():
    rng = np.random.default_rng(0)
    replicates, spread = rng.normal(0.1, 0.05, size=(50, 400)), Spread(20, 1.1)
    values = np.linspace(-0.3, 0.3, 50)
    found = paired(replicates, values, spread, LEVEL)
    error = 1.1 * replicates.std(axis=1, ddof=1)
    assert found.low == pytest.approx(values - student.ppf(0.975, 20) * error)
    assert found.p_value == pytest.approx(2 * student.sf(np.abs(values) / error, 20))
    assert ((found.p_value < 0.05) == ((found.low > 0) | (found.high < 0))).all()
    assert 5 < (found.p_value < 0.05).sum() < 45


def test_limits_stay_possible_and_nothing_that_varies_has_none():
    found = paired(np.array([[0.9, 0.5, -0.2], [0.0, 0, 0]]), np.array([0.9, 0.0]), Spread(1, 1.0), LEVEL)
    assert (found.low[0], found.high[0]) == (-1, 1)
    assert np.isnan([found.low[1], found.high[1], found.p_value[1]]).all()


def test_the_spread_is_that_of_the_label_with_fewer_groups():
    labels = np.repeat([0, 1], [40, 12])
    groups, strata = np.concatenate([np.arange(40), 40 + np.arange(12) // 2]), labels
    spread = Spread.of(groups, strata, labels)
    assert spread.degrees == 5 and spread.factor == pytest.approx((7 / 5) ** 0.5)
    halves = Spread.of(groups, strata * 2 + (groups % 2), labels)
    assert halves.degrees == 4 and halves.factor == pytest.approx((4 / 2) ** 0.5)
    uneven = Spread.of(np.array([0, 0, 0, 0, 1, 2]), np.zeros(6), np.zeros(6, dtype=int))  # Kish: 36 / 18 groups
    assert uneven.degrees == 1 and uneven.factor == pytest.approx((3 / 1) ** 0.5)
    assert Spread.of(np.zeros(3), np.zeros(3), np.ones(3, dtype=int)).degrees == 1


def test_exponential_weights_know_a_mean_too_well_by_the_factor():
    rng = np.random.default_rng(1)
    values, weights = rng.normal(size=6), rng.exponential(size=(200_000, 6))
    means = (weights @ values) / weights.sum(axis=1)
    labels = np.zeros(6, dtype=int)
    factor = Spread.of(np.arange(6), labels, labels).factor
    assert factor * means.std() == pytest.approx(values.std(ddof=1) / 6**0.5, rel=0.01)


@pytest.mark.parametrize("counts", [(10, 3), (0, 6), (7, 7), (1, 0)])
def test_mcnemar_of_single_images_is_the_binomial_test(counts):
    only_first, only_second = counts
    first = np.repeat([True, False, True, False], [only_first, only_second, 20, 5])
    second = np.repeat([False, True, True, False], [only_first, only_second, 20, 5])
    found = mcnemar(first, second, np.arange(len(first)))
    assert (found.first, found.second, found.test) == (*counts, "mcnemar_exact")
    assert found.p_value == pytest.approx(binomtest(only_first, sum(counts)).pvalue)


def test_mcnemar_of_groups_by_hand():
    # groups of 3, 2 and 2 images: b - c is 2, -1 and 1, so (2/3 - 1/2 + 1/2)^2 / (4/9 + 1/4 + 1/4)
    groups = np.array([0, 0, 0, 1, 1, 2, 2])
    first = np.array([1, 1, 1, 0, 1, 1, 0], dtype=bool)
    second = np.array([0, 0, 1, 1, 1, 0, 0], dtype=bool)
    found = mcnemar(first, second, groups)
    assert (found.first, found.second, found.test) == (3, 1, "mcnemar_groups")
    chi2 = (2 / 3) ** 2 / (4 / 9 + 1 / 4 + 1 / 4)
    assert found.p_value == pytest.approx(2 * student.sf(chi2**0.5, 10**9), abs=1e-6)


def test_copies_of_images_are_no_more_evidence():
    rng = np.random.default_rng(2)
    first, second, groups = rng.random(60) < 0.8, rng.random(60) < 0.6, np.arange(60) // 2
    once = mcnemar(first, second, groups)
    copies = np.repeat(np.arange(60), 5)
    assert mcnemar(first[copies], second[copies], groups[copies]).p_value == pytest.approx(once.p_value)


def test_mcnemar_holds_its_level_for_groups():
    rng, runs, false = np.random.default_rng(3), 2000, 0
    groups = np.repeat(np.arange(50), 4)
    for _ in range(runs):
        shared = rng.normal(size=(2, 50))[:, groups] + rng.normal(size=(2, 200))
        false += mcnemar(shared[0] > 0, shared[1] > 0, groups).p_value < 0.05
    assert abs(false / runs - 0.05) < 4 * (0.05 * 0.95 / runs) ** 0.5


def test_no_disagreement_is_no_evidence_and_no_images_none_at_all():
    both = np.ones(5, dtype=bool)
    assert mcnemar(both, both, np.arange(5)).p_value == 1
    assert mcnemar(both, both, np.zeros(5)).p_value == 1
    assert np.isnan(mcnemar(both[:0], both[:0], np.arange(0)).p_value)
    # they disagree, but evenly within each group
    assert mcnemar(np.array([True, False]), np.array([False, True]), np.zeros(2)).p_value == 1


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == pytest.approx([1, 1])
    found = holm([np.nan, 0.02, 0.01])
    assert np.isnan(found[0]) and found[1:] == pytest.approx([0.02, 0.02])
    assert len(holm([])) == 0
