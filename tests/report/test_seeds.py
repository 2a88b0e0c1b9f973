"""Several seeds: their mean and standard deviation, against numpy, in every table, figure and on the page."""

import re
from dataclasses import replace
from math import nan

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from scipy.stats import t as student
from synthetic_report import CONDITIONS, draw, printed

from crossgen.config import Ensemble
from crossgen.report.changes import change
from crossgen.report.curves import degradation
from crossgen.report.data import MEAN, OWN
from crossgen.report.dots import controls
from crossgen.report.facts import detectors, run
from crossgen.report.heatmaps import matrix
from crossgen.report.payload import columns, payload
from crossgen.report.printing import percent
from crossgen.report.seeds import seeds_text
from crossgen.report.short import in_short
from crossgen.report.summary import summary_text
from crossgen.report.tables import TABLES

ONE = "One seed: one training run; seed variation not included."
SEEDS = (3, 1, 7)


@pytest.fixture(scope="module")
def three():
    return draw(("adm", "sd14"), CONDITIONS[:2] + CONDITIONS[7:8], SEEDS)


@pytest.fixture(scope="module")
def mixed(three):
    """An experiment of three seeds, one of two, and an ensemble over the seeds of the first."""
    metrics = three.metrics[~((three.metrics["experiment"] == "unbiased") & (three.metrics["seed"] == 7))]
    both = metrics[(metrics["experiment"] == "raw") & (metrics["seed"] == 3)].assign(experiment="both", seed=0)
    named = {"both": Ensemble(name="both", experiments=("raw",), over="experiments_and_seeds")}
    names = ("raw", "unbiased", "both")
    return replace(three, metrics=pd.concat([metrics, both]), experiments=names, ensembles=named)


def values(data, experiment, train_set, test_set, condition, metric):
    """The numbers of all seeds, looked up one by one."""
    keys = ["experiment", "train_set", "test_generator", "condition", "metric"]
    key = (experiment, train_set, test_set, condition, metric)
    return np.array([row["value"] for row in data.metrics.to_dict("records") if tuple(row[k] for k in keys) == key])


def text(found, reach):
    """`reach`: how far each seed's own interval goes; it is squared and added to Student's over the seeds."""
    mean, sd = np.mean(found), np.sqrt(((found - np.mean(found)) ** 2).sum() / (len(found) - 1))
    half = student.ppf(0.975, len(found) - 1) * sd / len(found) ** 0.5
    below, above = np.hypot(half, reach), np.hypot(half, np.mean(np.minimum(found + reach, 1) - found))
    return f"{100 * mean:.1f} ± {100 * sd:.1f} [{100 * max(mean - below, 0):.1f}, {100 * min(mean + above, 1):.1f}]"


def test_the_matrix_prints_mean_and_deviation_of_the_seeds(three):
    frame = TABLES["matrix"](three).frame.set_index(["Experiment", "Condition", "Metric", "Trained on"])
    found = values(three, "unbiased", "adm", "sd14", "clean", "roc_auc")
    shown = frame.loc[("unbiased", "clean", "ROC-AUC", "adm"), "sd14"]
    assert len(found) == 3 and shown == text(found, 0.04)


def test_degraded_controls_and_summary_print_them_as_well(three):
    own = values(three, "raw", MEAN, OWN, "clean", "balanced_accuracy")
    expected = text(own, 0.05)
    degraded = TABLES["degraded"](three).frame.set_index(["Metric", "Experiment", "Condition"])
    assert degraded.loc[("Balanced accuracy", "raw", "clean"), "own generator"] == expected
    summary = TABLES["summary"](three).frame.set_index(["Experiment", "Condition"])
    assert summary.loc[("raw", "clean"), "Own"] == expected
    called = values(three, "raw", MEAN, "bicubic", "clean", "fpr")
    assert len(called) == 3 and called.std() > 0
    shown = TABLES["controls"](three).frame.set_index(["Experiment", "Trained on"]).loc[("raw", "mean"), "bicubic"]
    assert shown == text(called, 0.04)
    lines = summary_text(three).splitlines()
    assert re.search(r"^ {2,}clean +\d", lines[5]) and re.search(r"^ +± \d+\.\d +± \d+\.\d +± \d+\.\d$", lines[6])


def test_the_deviation_of_a_change_is_that_of_the_changes_of_each_seed(three):
    moved = change(three, ("raw", OWN, "roc_auc"), "fakes_q96")
    by_seed = np.mean(
        [
            values(three, "raw", name, name, "fakes_q96", "roc_auc")
            - values(three, "raw", name, name, "clean", "roc_auc")
            for name in three.train_sets
        ],
        axis=0,
    )
    assert moved.value == pytest.approx(by_seed.mean()) and moved.sd == pytest.approx(by_seed.std(ddof=1))
    assert [seed for seed, _ in moved.by_seed] == list(SEEDS)


@pytest.mark.parametrize("name", ["matrix", "degraded", "controls", "summary"])
def test_files_hold_every_seed_with_mean_and_deviation_at_full_precision(three, name):
    full = TABLES[name](three).full
    keys = ["experiment", "train_set", "test_generator", "condition", "metric"]
    assert not full.duplicated([*keys, "seed"]).any() and set(full["seed"]) == set(SEEDS)
    for key, rows in full.groupby(keys):
        found = values(three, *key)
        expected = [3, np.mean(found), np.std(found, ddof=1)]
        assert rows[["seeds", "mean", "sd"]].to_numpy() == pytest.approx(np.array([expected] * 3)), key


def test_one_seed_has_no_deviation_and_every_table_of_detectors_says_what_that_means(tiny, mini):
    for name in ("matrix", "degraded", "controls", "summary"):
        table = TABLES[name](mini)
        assert ONE in table.caption and "±" not in str(table.frame.to_numpy())
        assert table.full["sd"].isna().all() and (table.full["seeds"] == 1).all()
    for name in ("biases", "attributes"):
        assert "the same for every training seed" in TABLES[name](tiny).caption
    assert ONE in summary_text(tiny) and ("Training runs:", ONE) in in_short(tiny)


def test_a_number_that_is_undefined_in_one_seed_has_no_mean_of_the_others(three):
    metrics = three.metrics.copy()
    key = (metrics["train_set"] == "adm") & (metrics["test_generator"] == "sd14") & (metrics["seed"] == 1)
    metrics.loc[key, ["value", "low", "high"]] = nan
    metrics.loc[key, "reason"] = "no fakes"
    lost = replace(three, metrics=metrics)
    cell = lost.cell("raw", "adm", "sd14", "clean", "roc_auc")
    assert not cell.defined and not cell.has_sd and cell.reason == "1 of 3 seeds: no fakes"
    full = TABLES["matrix"](lost).full
    assert full[(full["train_set"] == "adm") & (full["test_generator"] == "sd14")][["mean", "sd"]].isna().all(axis=None)


def test_experiments_of_other_numbers_of_seeds_are_told_apart(mixed, tiny):
    told = seeds_text(mixed)
    assert "All seeds in one (both): seed variation not included." in told and "2 seeds (unbiased): mean ±" in told
    assert "3 seeds (raw): mean ±" in told
    assert mixed.seeds_of("raw") == SEEDS and mixed.seeds_of_pair(("unbiased", "raw")) == (3, 1)
    assert not mixed.cell("both", MEAN, OWN, "clean", "roc_auc").has_sd
    views = {view["name"]: view["seeds"] for view in payload(mixed)["views"]}
    starts = {"raw": "3 seeds: mean ±", "unbiased": "2 seeds: mean ±", "both": "All seeds in one: seed variation"}
    assert all(views[name].startswith(text) for name, text in (starts | {"unbiased − raw": "2 seeds: mean ±"}).items())
    assert {view["name"]: view["seeds"] for view in payload(tiny)["views"]} == {"raw": ONE}
    subtitle = matrix(mixed, "clean", "roc_auc").texts[1].get_text()
    assert subtitle.endswith("mean ± sd over 1–3 seeds")


def test_an_ensemble_is_no_detector_and_says_what_it_is(mixed):
    assert detectors(mixed) == 2 * (3 + 2)
    facts = run(mixed)
    assert facts["Ensembles"] == "both: mean logit of raw, all seeds together"
    assert facts["Experiments"] == "raw, unbiased" and facts["Detectors"].startswith("10 (2 experiments")
    assert "both" in set(TABLES["matrix"](mixed).frame["Experiment"])
    assert [about for about, _ in in_short(mixed)][3] == "Ensembles both"


def test_cells_of_the_page_print_mean_and_deviation_as_the_tables_do(three):
    told, names, count = payload(three), columns(three), 0
    for at, row in enumerate((*three.train_sets, MEAN)):
        for place, column in enumerate(names):
            cell = told["cells"]["raw"]["roc_auc"]["conditions"]["clean"][at * len(names) + place]
            estimate = three.cell("raw", row, column, "clean", "roc_auc")
            if cell:
                signed = column == "own_minus_off_diagonal"
                form = percent(estimate) if not signed or estimate.value < 0 else f"+{percent(estimate)}"
                assert printed(cell, signed) == form and "±" in form
                assert told["about"][cell[3]][4] == 3 and cell[4] == int(signed and estimate.separated)
                count += 1
    assert count == 3 * 4 + 2


def test_heat_maps_show_the_deviation_below_the_mean(three):
    axes = matrix(three, "clean", "balanced_accuracy").axes[0]
    found = values(three, "raw", "adm", "adm", "clean", "balanced_accuracy")
    shown = [item.get_text() for item in axes.texts]
    assert shown[:2] == [f"{100 * found.mean():.0f}", f"±{100 * found.std(ddof=1):.1f}"]
    for data in (three, draw(seeds=(0, 1), conditions=CONDITIONS[:1])):
        figure = matrix(data, "clean", "balanced_accuracy")
        renderer = FigureCanvasAgg(figure).get_renderer()
        figure.draw(renderer)
        boxes = [item.get_window_extent(renderer) for axes in figure.axes for item in axes.texts]
        assert not [(a, b) for i, a in enumerate(boxes) for b in boxes[i + 1 :] if a.overlaps(b)]


def test_curves_and_dots_draw_a_thick_bar_of_a_deviation(three, mini):
    for figure in (degradation(three, "roc_auc"), controls(three)):
        assert "thick: ± sd over seeds" in figure.texts[1].get_text()
        assert [line for axes in figure.axes for line in axes.lines if line.get_linewidth() == 3.2]
    first = three.cell("raw", MEAN, OWN, "clean", "roc_auc")
    drawn = degradation(three, "roc_auc").axes[0].lines
    bar = next(line for line in drawn if line.get_linewidth() == 3.2)
    assert list(bar.get_ydata()) == pytest.approx([100 * (first.value - first.sd), 100 * (first.value + first.sd)])
    assert "thick" not in degradation(mini, "roc_auc").texts[1].get_text()
