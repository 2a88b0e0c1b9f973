"""Means over seeds, and over generators and seeds: by hand, by simulation, and in their table."""

import numpy as np
import pandas as pd
import pytest
from judged_tables import GENERATORS, STATISTICS, TEST_SETS, checked, make_facts, make_scores, metrics_of, pick
from scipy.stats import t as student

from crossgen import records
from crossgen.config import Comparison
from crossgen.crossed import one_way, over_both, over_seeds, two_way
from crossgen.evaluation.comparisons import compare
from crossgen.evaluation.seeds import seed_means

LEVEL = 0.95
WIDE = (-9.0, 9.0)


def test_errors_of_two_ways_by_hand():
    # rows are seeds: means 2 and 4, of generators 2, 3 and 4; residuals all 0 but the corners' plus and minus 1/2
    values = np.array([[1.5, 2.0, 2.5], [2.5, 4.0, 5.5]])
    squares = {"generators": 2 * 1.0, "seeds": 3 * 2.0, "rest": 4 * 0.25 / 2}
    generators, seeds, both = two_way(values)
    assert generators == pytest.approx(((squares["generators"] / 6) ** 0.5, 2))
    assert seeds == pytest.approx(((squares["seeds"] / 6) ** 0.5, 1))
    total = squares["generators"] + squares["seeds"] - squares["rest"]
    degrees = total**2 / (squares["generators"] ** 2 / 2 + squares["seeds"] ** 2 / 1 + squares["rest"] ** 2 / 2)
    assert both == pytest.approx(((total / 6) ** 0.5, degrees))


def test_the_interval_is_never_narrower_than_either_alone():
    rng = np.random.default_rng(0)
    for _ in range(50):
        values = (
            rng.normal(size=(3, 1)) * rng.random() + rng.normal(size=(1, 5)) * rng.random() + rng.normal(size=(3, 5))
        )
        estimate, p_value = over_both(values, LEVEL, WIDE)
        for alone in (values.mean(axis=0), values.mean(axis=1)):
            assert estimate.high - estimate.value >= one_way(alone).half(LEVEL) - 1e-12
        assert (p_value < 0.05) == (estimate.low > 0 or estimate.high < 0)


def test_one_seed_or_one_generator_is_students_t():
    values = np.array([[0.6, 0.7, 0.8]])
    half = student.ppf(0.975, 2) * 0.1 / 3**0.5
    for each in (values, values.T):
        estimate, p_value = over_both(each, LEVEL, WIDE)
        assert estimate[:3] == pytest.approx((0.7, 0.7 - half, 0.7 + half))
        assert p_value == pytest.approx(2 * student.sf(0.7 / (0.1 / 3**0.5), 2))
    assert np.isnan(over_both(np.ones((3, 4)), LEVEL, WIDE)[0].low)


def test_a_cells_interval_holds_seeds_and_images():
    found = np.array([[0.1, 0.05, 0.2], [0.3, 0.2, 0.4]])
    estimate, _ = over_seeds(found, LEVEL, WIDE)
    half = student.ppf(0.975, 1) * 0.1  # standard deviation 0.1 x sqrt 2, of two
    assert estimate[:3] == pytest.approx((0.2, 0.2 - np.hypot(half, 0.075), 0.2 + np.hypot(half, 0.1)))
    alike, p_value = over_seeds(np.array([[0.3, 0.2, 0.4]] * 3), LEVEL, WIDE)
    assert alike[:3] == pytest.approx((0.3, 0.2, 0.4)) and p_value < 0.05
    lost, p_value = over_seeds(np.array([[0.1, np.nan, np.nan], [0.3, 0.2, 0.4]]), LEVEL, WIDE)
    assert lost.value == pytest.approx(0.2) and np.isnan([lost.low, lost.high, p_value]).all()


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("spread", [(0.1, 0.02, 0.03), (0.05, 0.1, 0.02), (0.1, 0.0, 0.03)])
def test_two_ways_cover(seeds, spread):
    """2,000 simulations: 95 % is seen within 93.5 and 96.5 but for one time in 500. Few seeds may cover more."""
    rng, runs = np.random.default_rng(1), 2000
    shapes = ((1, 8), (seeds, 1), (seeds, 8))
    inside = 0
    for _ in range(runs):
        values = sum(size * rng.normal(size=shape) for size, shape in zip(spread, shapes, strict=True))
        estimate, _ = over_both(values, LEVEL, WIDE)
        inside += estimate.low <= 0 <= estimate.high
    assert 0.935 < inside / runs < {2: 0.995, 3: 0.98, 5: 0.965}[seeds]


@pytest.mark.parametrize("spread", [(0.02, 0.1), (0.02, 0.0), (0.05, 0.02)])
def test_seeds_with_images_cover(spread):
    images, of_seeds = spread
    rng, runs, inside = np.random.default_rng(2), 2000, 0
    for _ in range(runs):
        values = images * rng.normal() + of_seeds * rng.normal(size=3)
        half = student.ppf(0.975, 10**6) * images
        estimate, _ = over_seeds(np.column_stack([values, values - half, values + half]), LEVEL, WIDE)
        inside += estimate.low <= 0 <= estimate.high
    assert 0.935 < inside / runs < 0.99


@pytest.fixture(scope="module")
def three():
    facts = make_facts()
    seeds = [make_scores(facts, ("raw", "unbiased"), seed=seed).assign(seed=seed) for seed in (4, 2, 9)]
    scores = pd.concat([*seeds, make_scores(facts, ("single",), seed=7)], ignore_index=True)
    pairs = [Comparison(experiment="unbiased", baseline="raw"), Comparison(experiment="raw", baseline="single")]
    metrics = metrics_of(scores, facts)
    again = scores.assign(seed=scores["seed"].replace(9, 0))  # a seed that the single one has
    differences = compare(again, facts, TEST_SETS, pairs, STATISTICS)
    return metrics, differences, seed_means(metrics, differences, TEST_SETS, LEVEL)


def of_seeds(table, **keys):
    for name, value in keys.items():
        table = table[table[name] == value]
    return table


def test_the_table_holds_what_has_several_seeds(three):
    metrics, differences, table = three
    checked(table, records.SEED_MEANS)
    of_metrics = table[table["baseline"].isna()]
    assert set(of_metrics["experiment"]) == {"raw", "unbiased"} and (of_metrics["seeds"] == 3).all()
    assert len(of_metrics) * 3 == len(metrics[metrics["experiment"] != "single"])
    paired = table[table["baseline"].notna()]
    assert len(paired) * 3 == len(of_seeds(differences, baseline="raw"))
    assert set(paired["kind"]) == {"cell", "margin", "overall"}


def test_a_cell_and_a_mean_are_those_of_their_seeds(three):
    metrics, differences, table = three
    keys = {"experiment": "raw", "train_set": "adm", "test_generator": "sd14", "metric": "roc_auc"}
    cells = of_seeds(metrics, **keys)
    estimate, _ = over_seeds(cells[["value", "low", "high"]].to_numpy(), LEVEL, (0, 1))
    row = pick(table[table["baseline"].isna()], **keys)
    assert tuple(row[["value", "low", "high"]]) == pytest.approx(estimate[:3])
    assert row["sd"] == pytest.approx(cells["value"].std())
    own = of_seeds(differences, experiment="unbiased", baseline="raw", metric="roc_auc", kind="cell")
    own = own[own["train_set"] == own["test_generator"]].pivot(index="seed", columns="train_set", values="value")
    row = pick(table, experiment="unbiased", baseline="raw", train_set="mean", test_generator="own", metric="roc_auc")
    estimate, p_value = over_both(own.to_numpy(), LEVEL, (-1, 1))
    assert tuple(row[["value", "low", "high", "p_value"]]) == pytest.approx((*estimate[:3], p_value))
    assert row["p_holm"] >= p_value and row["interval"] == "two_way"


def test_worst_generators_have_means_over_seeds_too(three):
    metrics, _, table = three
    keys = {"experiment": "raw", "test_generator": "worst_off_diagonal", "metric": "roc_auc"}
    values = of_seeds(metrics, **keys)
    values = values[values["train_set"] != "mean"].pivot(index="seed", columns="train_set", values="value")
    row = pick(table[table["baseline"].isna()], train_set="mean", **keys)
    assert row["value"] == pytest.approx(float(values.to_numpy().mean())) and row["interval"] == "two_way"
    assert len(values.columns) == len(GENERATORS)


def test_what_one_seed_lacks_is_undefined_in_all(three):
    metrics, differences, _ = three
    lost = metrics.copy()
    gone = (lost["train_set"] == "adm") & (lost["test_generator"] == "sd14") & (lost["seed"] == 2)
    lost.loc[gone, ["value", "low", "high"]] = np.nan
    lost.loc[gone, "reason"] = "no fakes"
    table = seed_means(lost, differences.iloc[:0], TEST_SETS, LEVEL)
    row = pick(table, experiment="raw", train_set="adm", test_generator="sd14", metric="roc_auc")
    assert np.isnan(row["value"]) and row["reason"] == "1 of 3 seeds: no fakes"
    assert np.isnan(pick(table, experiment="raw", train_set="mean", test_generator="mean", metric="roc_auc")["value"])
    single = seed_means(metrics[metrics["seed"] == 2], differences.iloc[:0], TEST_SETS, LEVEL)
    assert len(checked(single, records.SEED_MEANS)) == 0
