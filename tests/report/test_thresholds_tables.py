"""Thresholds, what they come to and calibration as tables, and the reliability diagram."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from synthetic_report import MINI

from crossgen.records import OPERATING_POINTS, RELIABILITY, THRESHOLDS
from crossgen.report.printing import markdown
from crossgen.report.reliability import pooled, reliability
from crossgen.report.tables import TABLES
from crossgen.report.thresholds import FEW

RULES = ("fixed", "best_balanced_accuracy", "equal_error_rate", "fpr_1", "fpr_5", "fpr_10", "temperature")


def chosen(experiments=("raw", "unbiased"), seeds=(0,)):
    rows = [
        {
            "experiment": experiment, "train_set": train_set, "seed": seed, "rule": rule, "value": 0.25 + place,
            "low": -0.5, "high": 7.125, "n_real": 120 if train_set == "srvgg" else 12, "n_fake": 400, "reason": None,
        }
        for experiment, train_set, seed, (place, rule) in product(experiments, MINI, seeds, enumerate(RULES))
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=list(THRESHOLDS.columns))
    lost = (frame["rule"] == "fpr_5") & (frame["n_real"] < 20)
    frame.loc[lost, ["value", "low", "high"]] = np.nan
    frame.loc[lost, "reason"] = "12 reals of validation: 5 % of them needs at least 20"
    return frame


def points(experiments=("raw", "unbiased"), conditions=("clean", "jpeg_q30")):
    numbers = {
        ("fixed", "balanced_accuracy"): 0.625, ("best_balanced_accuracy", "balanced_accuracy"): 0.75,
        ("best_balanced_accuracy", "oracle_gap"): 0.0625, ("fixed", "oracle_gap"): 0.1875, ("oracle", "bias"): 0.011,
        ("fpr_10", "tpr"): 0.5, ("fpr_10", "fpr"): 0.31, ("fixed", "nll"): 0.7125, ("temperature", "nll"): 0.5,
        ("fixed", "ece"): 0.2,
    }  # fmt: skip
    rows = [
        {
            "experiment": experiment, "train_set": "mean", "seed": 0, "test_generator": kind, "condition": condition,
            "rule": rule, "metric": metric, "value": value, "low": value - 0.01, "high": value + 0.01, "n_real": 9,
            "n_fake": 9, "coverage": 1.0, "interval": "student_t", "reason": None,
        }
        for experiment, kind, condition, ((rule, metric), value) in product(
            experiments, ("own", "mean_off_diagonal"), conditions, numbers.items()
        )
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(OPERATING_POINTS.columns))


def bins(rules=("fixed", "temperature")):
    rows = [
        {
            "experiment": "raw", "train_set": train, "seed": 0, "test_generator": test, "condition": "clean",
            "rule": rule, "bin": place, "mass": 0.25, "score": (place + 0.5) / 15,
            "fakes": 1.0 if train == test else 0.2,
        }
        for train, test, rule, place in product(MINI, MINI, rules, (0, 4, 9, 14))
        if not (rule == "temperature" and train == "style")
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(RELIABILITY.columns))


@pytest.fixture(scope="module")
def told(mini):
    return replace(mini, thresholds=chosen(), operating_points=points(), reliability=bins())


def test_thresholds_stand_beside_the_half_and_say_where_they_rest_on_few_images(told):
    table = TABLES["thresholds"](told)
    rows = table.frame.set_index(["Experiment", "Trained on"])
    few, enough = rows.loc[("raw", "cyclegan")], rows.loc[("unbiased", "srvgg")]
    assert few["Best balanced accuracy"] == "1.25 [−0.50, 7.12]" and few["0.5"] == enough["0.5"] == "0.00"
    assert (few["Note"], enough["Note"]) == (FEW, "") and (few["Reals"], few["Fakes"]) == ("12", "400")
    assert few["FPR 5 %"] == "– (1)" and enough["FPR 5 %"].startswith("4.25")
    assert table.notes == ("(1) 12 reals of validation: 5 % of them needs at least 20",)
    assert "Seed" not in rows and "No test image is seen" in table.caption
    both = TABLES["thresholds"](replace(told, thresholds=chosen(seeds=(0, 3))))
    assert both.frame["Seed"].tolist()[:2] == ["0", "3"]


def test_operating_points_have_a_row_an_experiment_and_condition_for_each_mean(told):
    frame = TABLES["operating_points"](told).frame
    row = frame.set_index(["Mean", "Experiment", "Condition"]).loc[("off-diagonal mean", "raw", "jpeg_q30")]
    assert row["At 0.5"] == "62.5 [61.5, 63.5]" and row["At the threshold"] == "75.0 [74.0, 76.0]"
    assert row["Oracle gap"] == "6.2 [5.2, 7.2]" and row["FPR met at FPR 10 %"] == "31.0 [30.0, 32.0]"
    assert row["TPR at FPR 1 %"].startswith("–")
    assert len(frame) == 2 * 2 * len(told.conditions)


def test_calibration_is_printed_before_and_after(told):
    table = TABLES["calibration"](told)
    row = table.frame.set_index(["Mean", "Experiment", "Condition"]).loc[("own generator", "unbiased", "clean")]
    assert row["NLL"] == "0.713 [0.703, 0.723]" and row["NLL after"] == "0.500 [0.490, 0.510]"
    assert row["ECE"] == "20.0 [19.0, 21.0]"
    assert set(table.full["metric"]) == {"nll", "ece"}  # those that there are, of its own


def test_a_report_without_thresholds_has_empty_tables(mini):
    for name in ("thresholds", "operating_points", "calibration"):
        assert TABLES[name](mini).frame.empty and TABLES[name](mini).caption in markdown(TABLES[name](mini))


def test_bins_of_several_cells_are_weighed_by_their_mass():
    rows = pd.DataFrame({
        "bin": [0, 0, 3], "mass": [0.1, 0.3, 0.6], "score": [0.02, 0.04, 0.2], "fakes": [0.0, 1.0, np.nan],
    })  # fmt: skip
    found = pooled(rows)
    assert found.loc[0].tolist() == pytest.approx([0.035, 0.75, 0.4]) and found["mass"].sum() == pytest.approx(1)


def test_the_diagram_shows_other_generators_than_the_own_and_says_who_has_no_temperature(told):
    figure = reliability(told, "raw")
    before, _, after, _ = figure.axes
    assert [line.get_label() for line in before.lines[1:]] == [*MINI, "all together"]
    for line in before.lines[1:]:
        shown = line.get_ydata()[np.isfinite(line.get_ydata())]
        assert shown == pytest.approx([20] * 4)  # the own ones are at 100
    assert "style" not in [line.get_label() for line in after.lines]
    assert [text.get_text() for text in after.texts] == ["1 of 8 train sets\nhave no temperature"]
    assert "other generators than the own, clean" in figure.texts[1].get_text()


def test_a_detector_of_one_generator_is_drawn_on_its_own(told):
    alone = bins()
    alone = alone[(alone.train_set == "adm") | (alone.train_set == alone.test_generator)]
    figure = reliability(replace(told, reliability=alone), "raw")
    assert "the own generator" in figure.texts[1].get_text()
    assert reliability(replace(told, reliability=bins(())), "raw").axes[0].get_title("left") == "as it is"
