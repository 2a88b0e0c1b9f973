"""Metrics tables: hand-worked matrices, gaps with reasons, refusals, paired differences."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as oracle

from crossgen import records
from crossgen.config import Comparison, Statistics, TestSet
from crossgen.evaluation import statistics as weighted
from crossgen.evaluation.metrics import COMPARED, METRICS, compare, compute_metrics

GENERATORS = ("adm", "biggan", "sd14")
TEST_SETS = (
    *(TestSet(name=name, fake=name, real="photographs") for name in GENERATORS),
    TestSet(name="photographs_png", real="photographs_png"),
)
STATISTICS = Statistics(replicates=200)


def make_facts(fakes=12, reals=16):
    pools = dict.fromkeys(GENERATORS, (1, fakes)) | {"photographs": (0, reals), "photographs_png": (0, 6)}
    return pd.DataFrame(
        {
            "image_id": f"{pool}/{i}.png", "group": f"{pool}-{i // 2}", "stratum": f"package{i % 4 // 2}",
            "pool": pool, "split": "test", "label": label, "quarantine": None,
        }
        for pool, (label, count) in pools.items()
        for i in range(count)
    )  # fmt: skip


def make_scores(facts, experiments=("raw",), seed=0, conditions=("clean",), train_sets=GENERATORS):
    rng = np.random.default_rng(seed)
    parts = []
    for experiment in experiments:
        for train_set in train_sets:
            for condition in conditions:
                part = facts[["pool", "image_id", "label"]].copy()
                part["logit"] = (rng.normal(size=len(part)) + part["label"] - 0.5).astype(np.float32)
                keys = {"experiment": experiment, "train_set": train_set, "seed": 0, "condition": condition}
                parts.append(part.assign(**keys))
    return pd.concat(parts, ignore_index=True)


def metrics_of(scores, facts, test_sets=TEST_SETS):
    return compute_metrics(scores, facts, test_sets, {name: name for name in GENERATORS}, STATISTICS)


def pick(table, **keys):
    for name, value in keys.items():
        table = table[table[name] == value]
    assert len(table) == 1, (keys, len(table))
    return table.iloc[0]


def checked(table, schema):
    return records.check(records.from_rows(table.to_dict("records"), schema), schema, "test")


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
    if how == "nan":
        scores.loc[3, "logit"] = np.nan
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
        ("nan", "logit that is NaN"), ("twice", "judged twice"), ("stranger", "no test image"),
        ("train row", "no test image"), ("label", "another label"), ("pool label", "fake pool of test set 'adm'"),
        ("facts twice", "twice"), ("column", r"lack the columns \['group'\]"),
    ],
)  # fmt: skip
def test_tables_that_do_not_fit_are_refused(scores, facts, how, message):
    with pytest.raises(ValueError, match=message):
        metrics_of(*_spoil(scores, facts, how))


# ---- differences


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
