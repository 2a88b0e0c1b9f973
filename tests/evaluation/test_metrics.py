"""Metrics tables: hand-worked matrices, gaps with reasons, refusals."""

import numpy as np
import pandas as pd
import pytest
from judged_tables import GENERATORS, TEST_SETS, checked, make_facts, make_scores, metrics_of, pick
from sklearn import metrics as oracle

from crossgen import records
from crossgen.evaluation.metrics import METRICS


@pytest.fixture(scope="module")
def facts():
    return make_facts()


@pytest.fixture(scope="module")
def scores(facts):
    return make_scores(facts, conditions=("clean", "jpeg_q65"))


@pytest.fixture(scope="module")
def table(scores, facts):
    return metrics_of(scores, facts)


def test_every_cell_has_every_metric_and_the_table_passes_its_schema(table):
    assert list(table.columns) == list(records.METRICS.columns)
    checked(table, records.METRICS)
    cells = table[table["train_set"].isin(GENERATORS) & table["test_generator"].isin([t.name for t in TEST_SETS])]
    assert len(cells) == 3 * 4 * 2 * len(METRICS)
    assert set(table["train_generator"].dropna()) == set(GENERATORS)
    assert table[table["train_set"] == "mean"]["train_generator"].isna().all()
    defined = table[table["value"].notna() & table["low"].notna()]
    assert (defined["low"] <= defined["value"]).all()
    assert (defined["value"] <= defined["high"]).all()
    assert (table["value"].notna() | table["reason"].notna()).all()


def test_values_are_scikit_learns(table, scores):
    part = scores[(scores["train_set"] == "adm") & (scores["condition"] == "clean")]
    part = part[part["pool"].isin(["biggan", "photographs"])]
    labels, logits, called = part["label"], part["logit"], part["logit"] > 0
    even = 1 / part.groupby("label")["label"].transform("size")
    expected = {
        "accuracy": oracle.accuracy_score(labels, called),
        "balanced_accuracy": oracle.balanced_accuracy_score(labels, called),
        "roc_auc": oracle.roc_auc_score(labels, logits),
        "average_precision": oracle.average_precision_score(labels, logits, sample_weight=even),
        "tpr": oracle.recall_score(labels, called),
        "tnr": oracle.recall_score(labels, called, pos_label=0),
        "fpr": 1 - oracle.recall_score(labels, called, pos_label=0),
    }
    assert set(expected) == set(METRICS)
    for metric, value in expected.items():
        row = pick(table, train_set="adm", test_generator="biggan", condition="clean", metric=metric)
        assert row["value"] == pytest.approx(value), metric
        assert (row["n_real"], row["n_fake"], row["coverage"]) == (16, 12, 1.0)


def test_order_of_rows_changes_nothing(table, scores, facts):
    key = list(records.METRICS.key)
    # mean rows follow the order of train sets, sums in another order may move the last bit
    shuffled = metrics_of(scores.sample(frac=1, random_state=1), facts.sample(frac=1, random_state=2))
    pd.testing.assert_frame_equal(
        table.sort_values(key, ignore_index=True), shuffled.sort_values(key, ignore_index=True), rtol=1e-9
    )


def test_a_control_of_reals_has_the_share_called_fake_alone(table, scores):
    part = scores[(scores["pool"] == "photographs_png") & (scores["train_set"] == "sd14")]
    part = part[part["condition"] == "clean"]
    keys = {"train_set": "sd14", "test_generator": "photographs_png", "condition": "clean"}
    fpr = pick(table, **keys, metric="fpr")
    assert fpr["value"] == pytest.approx((part["logit"] > 0).mean())
    assert fpr["value"] + pick(table, **keys, metric="tnr")["value"] == pytest.approx(1)
    for metric in set(METRICS) - {"tnr", "fpr"}:
        row = pick(table, **keys, metric=metric)
        assert np.isnan(row["value"])
        assert row["reason"] == "one class only: no fakes"


def test_means_of_a_matrix_worked_by_hand(table):
    def matrix(metric):
        rows = table[(table["metric"] == metric) & (table["condition"] == "clean")]
        grid = rows.pivot(index="train_set", columns="test_generator", values="value")
        return grid.loc[list(GENERATORS), list(GENERATORS)].to_numpy()

    for metric in ("balanced_accuracy", "roc_auc"):
        grid, keys = matrix(metric), {"condition": "clean", "metric": metric}
        off = (grid.sum(axis=1) - np.diag(grid)) / 2
        expected = {
            "own": np.diag(grid), "mean": grid.mean(axis=1), "mean_off_diagonal": off,
            "own_minus_off_diagonal": np.diag(grid) - off, "biggan": grid[:, 1],
        }  # fmt: skip
        for name, values in expected.items():
            row = pick(table, train_set="mean", test_generator=name, **keys)
            half = 4.302653 * values.std(ddof=1) / 3**0.5
            assert row["value"] == pytest.approx(values.mean())
            assert row["low"] == pytest.approx(max(-1 if "minus" in name else 0, values.mean() - half))
            assert row["interval"] == "student_t"
        row = pick(table, train_set="sd14", test_generator="mean_off_diagonal", **keys)
        assert row["value"] == pytest.approx(grid[2, :2].mean())
        assert (row["n_real"], row["n_fake"]) == (16, 24)  # the shared reals count once


def test_unseen_generators_have_a_mean_of_their_own_and_move_no_other(facts, scores):
    sets = [item.model_copy(update={"unseen": item.name == "sd14"}) for item in TEST_SETS]
    judged = scores[scores["train_set"] != "sd14"]
    keys = {"metric": "roc_auc", "condition": "clean"}
    beside = metrics_of(judged, facts, test_sets=sets)
    without = metrics_of(judged, facts, test_sets=[item for item in sets if not item.unseen])
    cell = pick(beside, train_set="adm", test_generator="sd14", **keys)["value"]
    assert pick(beside, train_set="adm", test_generator="mean_unseen", **keys)["value"] == pytest.approx(cell)
    both = [pick(beside, train_set=name, test_generator="sd14", **keys)["value"] for name in ("adm", "biggan")]
    row = pick(beside, train_set="mean", test_generator="mean_unseen", **keys)
    assert row["value"] == pytest.approx(np.mean(both)) and row["n_fake"] == 12
    for name in ("own", "mean", "mean_off_diagonal", "own_minus_off_diagonal"):
        assert pick(beside, train_set="mean", test_generator=name, **keys)["value"] == pytest.approx(
            pick(without, train_set="mean", test_generator=name, **keys)["value"]
        )
    assert "mean_unseen" not in set(without["test_generator"])


def test_missing_images_lower_coverage_and_missing_cells_stay_gaps(scores, facts):
    gone = (scores["train_set"] == "adm") & (scores["condition"] == "clean")
    some = scores[~(gone & (scores["pool"] == "biggan") & (scores["image_id"].str.endswith(("/0.png", "/1.png"))))]
    row = pick(metrics_of(some, facts), train_set="adm", test_generator="biggan", condition="clean", metric="tpr")
    assert (row["n_fake"], row["coverage"]) == (10, pytest.approx(26 / 28))
    none = metrics_of(scores[~(gone & (scores["pool"] == "biggan"))], facts)
    keys = {"condition": "clean", "metric": "roc_auc"}
    row = pick(none, train_set="adm", test_generator="biggan", **keys)
    assert np.isnan(row["value"])
    assert row["reason"] == "no fakes of pool biggan were scored"
    assert row["n_fake"] == 0
    mean = pick(none, train_set="adm", test_generator="mean", **keys)
    assert np.isnan(mean["value"])
    assert mean["reason"] == "undefined for biggan"
    assert np.isnan(pick(none, train_set="mean", test_generator="own_minus_off_diagonal", **keys)["value"])
    assert not np.isnan(pick(none, train_set="mean", test_generator="own", **keys)["value"])
    checked(none, records.METRICS)


def test_a_whole_condition_missing_from_one_detector_is_shown(scores, facts):
    kept = scores[~((scores["train_set"] == "adm") & (scores["condition"] == "jpeg_q65"))]
    row = pick(metrics_of(kept, facts), train_set="adm", test_generator="sd14", condition="jpeg_q65", metric="tnr")
    assert np.isnan(row["value"])
    assert row["coverage"] == 0


def test_quarantined_images_count_against_coverage(facts, scores):
    extra = facts[facts["pool"] == "adm"].head(2).assign(image_id=["adm/x", "adm/y"], quarantine="truncated")
    table = metrics_of(scores, pd.concat([facts, extra], ignore_index=True))
    row = pick(table, train_set="adm", test_generator="adm", condition="clean", metric="tpr")
    assert (row["n_fake"], row["coverage"]) == (12, pytest.approx(28 / 30))


def test_a_train_set_of_several_generators_has_no_diagonal(facts):
    table = metrics_of(make_scores(facts, train_sets=("all3",)), facts)
    row = pick(table, train_set="all3", test_generator="mean_off_diagonal", metric="roc_auc")
    assert np.isnan(row["value"])
    assert "nothing to average" in row["reason"]
    assert not np.isnan(pick(table, train_set="all3", test_generator="mean", metric="roc_auc")["value"])
    assert "mean" not in set(table["train_set"])


def test_one_generator_gives_a_mean_without_interval(facts):
    table = metrics_of(make_scores(facts, train_sets=("adm",)), facts)
    row = pick(table, train_set="mean", test_generator="own", metric="roc_auc")
    assert np.isnan(row["low"])
    assert row["reason"] == "no interval: one generator only"
    checked(table, records.METRICS)


def _spoil(scores, facts, how):
    scores, facts = scores.copy(), facts.copy()
    if how in ("nan", "inf"):
        scores.loc[3, "logit"] = float(how)
    elif how == "twice":
        scores = pd.concat([scores, scores.head(1)], ignore_index=True)
    elif how == "stranger":
        scores.loc[0, "image_id"] = "adm/unknown.png"
    elif how == "train row":
        facts.loc[facts["image_id"] == scores.loc[0, "image_id"], "split"] = "train"
    elif how == "label":
        scores.loc[0, "label"] = 1 - scores.loc[0, "label"]
    elif how == "pool label":
        facts.loc[facts["pool"] == "adm", "label"] = 0
    elif how == "facts twice":
        facts = pd.concat([facts, facts.head(1)], ignore_index=True)
    elif how == "column":
        facts = facts.drop(columns="group")
    return scores, facts


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("nan", "logit that is NaN"), ("inf", "NaN or infinite"), ("twice", "judged twice"),
        ("stranger", "no test image"),
        ("train row", "no test image"), ("label", "another label"), ("pool label", "fake pool of test set 'adm'"),
        ("facts twice", "twice"), ("column", r"lack the columns \['group'\]"),
    ],
)  # fmt: skip
def test_tables_that_do_not_fit_are_refused(scores, facts, how, message):
    with pytest.raises(ValueError, match=message):
        metrics_of(*_spoil(scores, facts, how))


# ---- differences
