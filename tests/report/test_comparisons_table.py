"""The table of comparisons, and the worst generators in matrix and summary."""

from dataclasses import replace

import pandas as pd
import pytest
from synthetic_report import CONDITIONS, draw

from crossgen.report.comparisons import verdict
from crossgen.report.data import MEAN, OWN, WORST_OFF
from crossgen.report.printing import markdown
from crossgen.report.tables import TABLES

PAIR = ("unbiased", "raw")
ONE = "one training run; seed variation not included"


@pytest.fixture(scope="module")
def data():
    return draw(("adm", "sd14", "glide"), CONDITIONS[:2])


def shown(data):
    return TABLES["comparisons"](data).frame.set_index(["Compared", "Condition", "Metric"])


def test_means_are_printed_with_interval_and_verdict(data):
    row = shown(data).loc[("unbiased − raw", "clean", "Balanced accuracy")]
    cell = data.difference(PAIR, MEAN, OWN, "clean", "balanced_accuracy")
    held = data.differences[(data.differences.train_set == MEAN) & (data.differences.test_generator == OWN)]
    held = held[(held.condition == "clean") & (held.metric == "balanced_accuracy")].iloc[0]
    said = "separated" if held.separated else "not separated"
    value = f"{100 * cell.value:+.1f} [{100 * cell.low:.1f}, {100 * cell.high:.1f}] {said}".replace("-", "−")
    assert row[data.title(OWN)] == value


def test_cells_are_counted_by_the_corrected_p(data):
    rows = data.differences
    rows = rows[(rows.kind == "cell") & (rows.condition == "clean") & (rows.metric == "roc_auc")].copy()
    rows[["p_holm", "separated"]] = [[0.01, True]] * 3 + [[0.2, False]] * 6
    rows["value"] = [0.1, -0.1, 0.2] + [0.3] * 6
    rows.iloc[-1, list(rows.columns).index("p_holm")] = float("nan")
    told = shown(replace(data, differences=rows)).loc[("unbiased − raw", "clean", "ROC-AUC")]
    assert told["Cells separated"] == "3 of 8 (2 higher, 1 lower)"
    assert told[data.title(OWN)].startswith("– (")


def test_the_verdict_is_holms_not_the_intervals():
    assert verdict({"p_holm": 0.2, "separated": False, "low": 0.1, "high": 0.2}) == "not separated"
    assert verdict({"p_holm": 0.01, "separated": True}) == "separated"
    assert verdict({"p_holm": float("nan"), "separated": False}) == "not tested"


def test_sides_that_differ_in_condition_or_seed_are_told_apart(data):
    rows = data.differences[data.differences.condition == "clean"]
    degraded = rows.assign(experiment="raw", baseline_condition="blur_s3")
    seeds = rows.assign(experiment="raw", baseline_seed=4)
    both = replace(data, differences=pd.concat([rows, degraded, seeds], ignore_index=True))
    index = {(name, condition) for name, condition, _ in shown(both).index}
    assert index == {("unbiased − raw", "clean"), ("raw", "clean − blur_s3"), ("raw, seed 0 − seed 4", "clean")}
    assert both.difference(PAIR, MEAN, OWN, "clean", "roc_auc").by_seed == (
        data.difference(PAIR, MEAN, OWN, "clean", "roc_auc").by_seed
    )


def test_every_table_says_how_many_training_runs_there_were(data):
    table = TABLES["comparisons"](data)
    assert ONE in table.caption and "Holm" in table.caption and len(table.full) == len(data.differences)
    three = draw(("adm", "sd14"), CONDITIONS[:1], seeds=(1, 2, 3))
    assert ONE not in TABLES["comparisons"](three).caption
    row = shown(three).loc[("unbiased − raw", "clean", "ROC-AUC")]
    means = three.seed_means[(three.seed_means.train_set == MEAN) & (three.seed_means.test_generator == OWN)]
    held = means[(means.metric == "roc_auc") & means.baseline.notna()].iloc[0]
    assert row[three.title(OWN)].startswith(f"{100 * held.value:+.1f} [{100 * held.low:.1f}".replace("-", "−"))
    assert len(shown(three)) == 2


def test_without_comparisons_the_table_is_empty(data):
    table = TABLES["comparisons"](replace(data, differences=data.differences.iloc[:0]))
    assert table.frame.empty and "Separated" in markdown(table)


def test_the_worst_generator_stands_beside_the_means_with_its_name(data):
    assert not any("worst" in name for name in TABLES["matrix"](data).frame.columns)
    cells = data.metrics[(data.metrics.test_generator == "mean") & (data.metrics.metric == "balanced_accuracy")]
    worst = cells.assign(test_generator=WORST_OFF, value=0.612, low=0.55, high=0.661, worst_generator="sd14")
    worst.loc[worst.train_set == MEAN, "worst_generator"] = None
    told = replace(data, metrics=pd.concat([data.metrics, worst], ignore_index=True))
    matrix = TABLES["matrix"](told).frame.set_index(["Experiment", "Condition", "Metric", "Trained on"])
    assert matrix.loc[("raw", "clean", "Balanced accuracy", "adm"), "worst off-diagonal"] == "61.2 [55.0, 66.1] (sd14)"
    assert matrix.loc[("raw", "clean", "Balanced accuracy", "mean"), "worst off-diagonal"] == "61.2 [55.0, 66.1]"
    summary = TABLES["summary"](told)
    assert summary.frame["Worst"][0] == "61.2 [55.0, 66.1]" and "worst other generator" in summary.caption
