"""The worst generator of each detector: which it is, and that its interval holds the true minimum."""

import numpy as np
import pytest
from judged_tables import GENERATORS, STATISTICS, TEST_SETS, make_facts, make_scores, metrics_of, pick
from scipy.stats import norm

from crossgen.config import TestSet
from crossgen.evaluation.judged import Judge, Judged
from crossgen.evaluation.worst import Worst

KEYS = {"metric": "roc_auc", "condition": "clean"}


@pytest.fixture(scope="module")
def metrics():
    facts = make_facts()
    return metrics_of(make_scores(facts), facts)


def test_it_is_the_lowest_cell_with_its_name(metrics):
    for train in GENERATORS:
        cells = metrics[(metrics["train_set"] == train) & (metrics["metric"] == "roc_auc")].set_index("test_generator")
        for which, tests in (("worst", GENERATORS), ("worst_off_diagonal", [g for g in GENERATORS if g != train])):
            row, values = cells.loc[which], cells.loc[list(tests), "value"]
            assert (row["worst_generator"], row["value"]) == (values.idxmin(), values.min())
            lowest = cells.loc[values.idxmin()]
            assert row["low"] <= lowest["low"] <= lowest["value"] <= lowest["high"] <= row["high"]
    own = metrics[metrics["train_set"].isin(GENERATORS) & (metrics["test_generator"] == "worst_off_diagonal")]
    mean = pick(metrics, train_set="mean", test_generator="worst_off_diagonal", **KEYS)
    assert mean["value"] == pytest.approx(own[own["metric"] == "roc_auc"]["value"].mean())
    assert mean["worst_generator"] is None


def test_unseen_generators_and_controls_do_not_count():
    facts = make_facts()
    sets = (*TEST_SETS[:2], TEST_SETS[2].model_copy(update={"unseen": True}), TEST_SETS[3])
    told = metrics_of(make_scores(facts, train_sets=("adm", "all3")), facts, sets)
    named = told[told["test_generator"].isin(["worst", "worst_off_diagonal"])]
    assert set(named["worst_generator"].dropna()) <= {"adm", "biggan"}
    lost = pick(told, train_set="all3", test_generator="worst_off_diagonal", **KEYS)
    assert np.isnan(lost["value"]) and lost["reason"] == "no test set off this train set's diagonal"
    assert pick(told, train_set="all3", test_generator="worst", **KEYS)["value"] > 0


def test_without_one_generators_scores_nobody_is_the_worst():
    facts = make_facts()
    scores = make_scores(facts)
    told = metrics_of(scores[(scores["train_set"] != "adm") | (scores["pool"] != "sd14")], facts)
    row = pick(told, train_set="adm", test_generator="worst", **KEYS)
    assert np.isnan(row["value"]) and row["reason"] == "undefined for sd14"
    assert "1 of 3 train sets" in pick(told, train_set="mean", test_generator="worst", **KEYS)["reason"]


def run(rng, aucs, reals=90, fakes=60):
    """One detector on generators of these true AUCs, which share their reals."""
    common = rng.normal(size=reals)
    names = tuple(f"g{k}" for k in range(len(aucs)))
    shifts = norm.ppf(aucs) * 2**0.5
    logits = np.concatenate([common, *(rng.normal(size=fakes) + shift for shift in shifts)])
    labels = np.repeat([0, 1], [reals, fakes * len(aucs)])
    rows = {name: np.r_[:reals, reals + k * fakes : reals + (k + 1) * fakes] for k, name in enumerate(names)}
    judge = Judge("raw", "other", 0, "clean")
    images = np.arange(len(labels))
    groups = np.array([f"{rng.integers(1 << 40)}" for _ in images], dtype=object)
    judged = Judged(labels, images, groups, 0 * images, rows, {judge: logits})
    return judged, judge, [TestSet(name=name, fake=name, real="photographs") for name in names]


@pytest.mark.long
@pytest.mark.parametrize("aucs", [(0.8,) * 5, (0.7, 0.8, 0.85, 0.9, 0.9)], ids=["alike", "one is worse"])
def test_the_interval_covers_the_lowest_true_value(aucs):
    """200 simulations: what covers 95 % passes but for one time in 500, what covers 87 % fails as surely."""
    from crossgen.evaluation.metrics import _cell

    rng, inside, runs = np.random.default_rng(0), 0, 200
    for _ in range(runs):
        judged, judge, tests = run(rng, aucs)
        cells = {
            (judge, test.name, str(row["metric"])): row for test in tests for row in _cell(judged, judge, test, 0.95)
        }
        worst = Worst.of(judged, tests, STATISTICS)
        row = next(r for r in worst.rows([judge], cells) if (r["test_generator"], r["metric"]) == ("worst", "roc_auc"))
        inside += row["low"] <= min(aucs) <= row["high"]
    assert inside / runs > 0.905
