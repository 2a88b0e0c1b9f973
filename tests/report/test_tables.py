import json
import re
from dataclasses import replace
from math import nan

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from synthetic_report import CONDITIONS, LOST, draw

from crossgen.config import Config
from crossgen.report.data import MEAN, ReportData
from crossgen.report.estimates import Estimate, pool
from crossgen.report.printing import Table, escape, latex, markdown, percent, points, write
from crossgen.report.summary import WIDTH, summary_text, verdict
from crossgen.report.tables import TABLES


def test_matrix_prints_the_metrics(mini):
    table = TABLES["matrix"](mini)
    frame = table.frame.set_index(["Experiment", "Condition", "Metric", "Trained on"])
    printed = frame.loc[("unbiased", "fakes_q96", "ROC-AUC", "srvgg"), "waifu2x"]
    key = {"experiment": "unbiased", "condition": "fakes_q96", "metric": "roc_auc", "train_set": "srvgg"}
    rows = mini.metrics[mini.metrics.test_generator == "waifu2x"]
    for name, value in key.items():
        rows = rows[rows[name] == value]
    row = rows.iloc[0]
    assert printed == f"{100 * row.value:.1f} [{100 * row.low:.1f}, {100 * row.high:.1f}]"
    assert list(frame.columns) == [*mini.generators, "mean", "off-diagonal mean"]
    assert len(frame) == 2 * 2 * 2 * 9


def test_unseen_generators_have_columns_and_a_mean(odd):
    printed = TABLES["matrix"](odd).frame
    assert list(printed.columns)[4:] == ["adm", "sd14", "glide", "mean", "off-diagonal mean", "unseen generators"]
    assert printed["unseen generators"].iloc[-1] != "–"
    assert "Unseen" in TABLES["summary"](odd).frame.columns
    assert re.search(r"^ +unseen: glide\n +clean +\d", summary_text(odd), re.M)


def test_matrix_csv_is_tidy_and_exact(mini, tmp_path):
    csv, *_ = write(TABLES["matrix"](mini), tmp_path / "matrix")
    back = pd.read_csv(csv)
    assert {"value", "low", "high", "reason"} <= set(back.columns)
    assert set(back.condition) == {"clean", "fakes_q96"}
    source = mini.metrics[mini.metrics.condition.isin(["clean", "fakes_q96"]) & (mini.metrics.metric != "fpr")]
    assert back.value.tolist() == pytest.approx(source.value.tolist(), nan_ok=True, abs=1e-15)


def test_undefined_cell_is_a_dash_with_its_reason(mini):
    table = TABLES["matrix"](mini)
    experiment, train_set, test_set, condition = LOST
    frame = table.frame.set_index(["Experiment", "Condition", "Metric", "Trained on"])
    assert frame.loc[(experiment, condition, "Balanced accuracy", train_set), test_set] == "– (1)"
    assert table.notes == ("(1) coverage 0.42 is below 0.9",)


def test_cell_that_nobody_computed_says_so(mini):
    assert mini.cell("raw", "adm", "sd14", "clean", "roc_auc").reason == "not computed"


def test_controls_show_the_share_called_fake(mini):
    table = TABLES["controls"](mini)
    assert list(table.frame.columns) == ["Experiment", "Trained on", "photographs_png", "bicubic"]
    assert table.frame.iloc[8].tolist() == ["raw", "mean", "80.0 [76.0, 84.0]", "80.0 [76.0, 84.0]"]


def test_control_of_fakes_only_uses_the_true_positive_rate(mini):
    row = mini.metrics.iloc[0].to_dict() | {"test_generator": "vae", "condition": "clean", "train_set": "style"}
    lost = row | {"metric": "fpr", "value": nan, "reason": "no reals"}
    metrics = pd.DataFrame([lost, row | {"metric": "tpr", "value": 0.25}])
    data = ReportData(**{**vars(draw(("adm", "sd14"))), "metrics": metrics})
    assert data.called_fake("raw", "style", "vae").value == 0.25


def test_data_counts_usable_images(mini):
    row = TABLES["data"](mini).frame.set_index("Pool").loc["photographs"]
    assert row.Quarantined == "1: truncated"
    assert sum(int(row[split]) for split in ("train", "val", "test")) == 479
    assert row["Formats"] == "JPEG 100 %"
    assert row["JPEG quality"].startswith("96: ")


def test_biases_and_attributes_cover_every_probe(mini):
    biases, attributes = TABLES["biases"](mini), TABLES["attributes"](mini)
    assert len(biases.frame) == len(mini.probes)
    assert biases.frame.Rules[0] == "jpeg_quality <= 95.5: fake; else: real"
    assert {"jpeg_quality", "width", "bytes"} < set(attributes.frame.columns)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.01, 0.2, "yes"),
        (-0.2, -0.01, "no"),
        (-0.1, 0.2, "not separated"),
        (0.0, 0.2, "not separated"),
        (nan, nan, "unknown"),
    ],
)
def test_verdict_goes_by_the_interval(low, high, expected):
    assert verdict(Estimate(value=0.1, low=low, high=high)) == expected


def test_summary_shows_undegraded_conditions_and_the_fall(mini):
    frame = TABLES["summary"](mini).frame.set_index(["Experiment", "Condition"])
    assert [condition for _, condition in frame.index[:3]] == ["clean", "fakes_q96", "all_q96"]
    falls = np.array([
        mini.cell("raw", name, MEAN, "fakes_q96", "balanced_accuracy").value
        - mini.cell("raw", name, MEAN, "clean", "balanced_accuracy").value
        for name in mini.train_sets
    ])  # fmt: skip
    low, high = stats.t.interval(0.95, 7, falls.mean(), stats.sem(falls))
    expected = f"{100 * falls.mean():.1f} [{100 * low:.1f}, {100 * high:.1f}]".replace("-", "−")
    assert frame.loc[("raw", "fakes_q96"), "Change"] == expected
    assert frame.loc[("unbiased", "clean"), "Own > off-diagonal"] == "yes"


def test_summary_text_is_plain_and_narrow(mini):
    long = "unbiased+images_per_class=16+label_smoothing=0.125"
    for data in (mini, draw(("adm", "sd14"), CONDITIONS[:1], (0, 1, 2), ("raw", long))):
        text = summary_text(data)
        assert max(map(len, text.splitlines())) <= WIDTH
        assert all(name in text for name in data.experiments)
    assert "one training run; seed variation not included" in summary_text(mini)
    assert "3 seeds: mean ± standard deviation" in text.replace("\n    ", " ")


def test_seeds_pool_to_the_mean_with_the_interval_of_all():
    rows = [{"value": 0.5, "low": 0.4, "high": 0.6}, {"value": 0.7, "low": 0.65, "high": 0.8}]
    both = pool(rows, {"low": 0.3, "high": 0.9, "reason": None})
    assert (both.value, both.low, both.high) == (pytest.approx(0.6), 0.3, 0.9)
    alone = pool(rows)
    assert not alone.has_interval and alone.reason == "no interval over seeds"
    assert both.sd == pytest.approx(np.std([0.5, 0.7], ddof=1))
    lost = pool([*rows, {"value": nan, "low": nan, "high": nan, "reason": "one class"}])
    assert not lost.defined
    assert lost.reason == "1 of 3 seeds: one class"


def test_order_comes_from_the_config(mini):
    folder = {"kind": "folder", "root": "x"}
    labels = {"b": "fake", "a": "fake", "photos": "real"}
    pairs = [{"name": name, "fake": name, "real": "photos"} for name in ("b", "a")]
    recipe = {"architecture": "tiny", "frame": {"kind": "crop", "size": 64}, "optimiser": {"lr": 0.1}, "steps": 1}
    config = Config.model_validate_json(
        json.dumps({
            "schema_version": 1, "data": "toy", "report": "toy",
            "pools": [{"name": n, "label": label, "source": folder} for n, label in labels.items()],
            "test_sets": [*pairs, {"name": "png", "real": "photos"}],
            "train_sets": [{"name": "both", "fake": ["a", "b"], "real": ["photos"]}],
            "subsets": [{"name": "all_files"}],
            "recipes": [{"name": "r", **recipe}],
            "conditions": [{"name": "clean"}],
            "experiments": [
                {"name": "joint", "subset": "all_files", "recipe": "r", "train_sets": ["both"], "seeds": [1]},
                {"name": "single", "subset": "all_files", "recipe": "r"},
            ],
            "ensembles": [{"name": "both_of_them", "experiments": ["joint", "single"]}],
            "comparisons": [{"experiment": "joint", "baseline": "single"}],
        })
    )  # fmt: skip
    frames = {name: value for name, value in vars(mini).items() if isinstance(value, pd.DataFrame)}
    data = ReportData.from_config(config, frames)
    assert (data.generators, data.controls, data.train_sets) == (("b", "a"), ("png",), ("b", "a", "both"))
    assert data.experiments == ("joint", "single", "both_of_them") and list(data.ensembles) == ["both_of_them"]
    assert (data.seeds, data.comparisons, data.plain) == ((0, 1), (("joint", "single"),), "clean")


def test_numbers_as_text():
    assert percent(Estimate(0.875, 0.801, 0.923)) == "87.5 [80.1, 92.3]"
    assert percent(Estimate(0.875)) == "87.5"
    assert points(Estimate(-0.031, -0.08, 0.0002)) == "−3.1 [−8.0, 0.0]"
    assert points(Estimate(-0.0001)) == "0.0"


def test_latex_escapes_what_latex_would_read():
    frame = pd.DataFrame({"a_b": ["50 % & more", "−1.5"]})
    text = latex(Table("fakes_q96 at 100 %", frame, frame))
    assert r"\caption{fakes\_q96 at 100 \%}" in text
    assert r"a\_b" in text
    assert r"50 \% \& more" in text
    assert "$-$1.5" in text
    assert escape("a_b{c}") == r"a\_b\{c\}"


def test_markdown_keeps_pipes_inside_cells():
    frame = pd.DataFrame({"x": ["a|b"]})
    assert r"a\|b" in markdown(Table("t", frame, frame))


def test_every_table_is_written_for_small_and_odd_reports(tiny, tmp_path):
    odd = draw(extra=("all8",), seeds=(0, 1), experiments=("raw", "unbiased", "aligned"))
    for name, build in TABLES.items():
        for data in (tiny, odd):
            paths = write(build(data), tmp_path / name)
            assert [path.suffix for path in paths] == [".csv", ".md", ".tex"]
            assert all(path.stat().st_size for path in paths)
    assert "all8" in set(TABLES["matrix"](odd).frame["Trained on"])


def test_what_was_lost_is_shown_by_pool_stage_and_reason(mini):
    names = ["stage", "lost_for", "pool", "image_id", "reason"]
    rows = [
        ("training", "raw/adm/crop", "photographs", "photographs/b.jpg", "truncated"),
        ("training", "q96/adm/crop", "photographs", "photographs/b.jpg", "truncated"),  # one image, lost twice
        ("training", "q96/adm/crop", "photographs", "photographs/a.jpg", "truncated"),
        ("test", "crop96_0 clean", "photographs", "photographs/c\n.jpg", "undecodable"),
        ("test", "crop96_0 webp", "cyclegan", "cyclegan/d.png", "too_large"),
    ]
    facts = mini.facts.copy()  # image 3 of the photographs is quarantined already
    facts["conversion"] = facts["image_id"].map(
        {"photographs/0": "grey", "photographs/1": "grey", "photographs/2": "cmyk"}
    )
    facts.loc[facts["image_id"] == "photographs/5", "quarantine"] = "empty"
    lossy = replace(mini, losses=pd.DataFrame(rows, columns=names), facts=facts)
    table = TABLES["losses"](lossy)
    assert table.frame.values.tolist() == [
        ["training", "photographs", "truncated", "2", "photographs/a.jpg"],
        ["test", "photographs", "undecodable", "1", "photographs/c\\n.jpg"],
        ["test", "cyclegan", "too_large", "1", "cyclegan/d.png"],
    ]
    assert len(table.full) == len(rows)
    shown = TABLES["data"](lossy).frame.set_index("Pool")
    assert shown.loc["photographs", "Lost later"] == "2: training, truncated, 1: test, undecodable"
    assert shown.loc["photographs", "Converted"] == "2: grey, 1: cmyk"
    assert shown.loc["photographs", "Quarantined"] == "1: truncated, 1: empty"
    assert shown.loc["srvgg", ["Converted", "Quarantined", "Lost later"]].tolist() == ["0", "0", "0"]
    assert "None." in markdown(TABLES["losses"](mini)) and "None." not in markdown(table)


def test_the_waterfall_shows_declared_steps_and_others_only_where_they_removed_something(mini):
    steps = [("found", "", 0), ("quarantine", "", 0), ("drop_leaks", "own", 2), ("real.width", "[1, 9]", 0)]
    rows = []
    for position, (step, setting, removed) in enumerate(steps):
        lost = sum(number for *_, number in steps[: position + 1])
        for split, label, name in (("train", 0, "p"), ("train", 0, "q"), ("train", 1, "f"), ("val", 1, "f")):
            mine = removed if name == "q" else 0
            place = {"subset": "raw", "train_set": "f", "position": position, "step": step, "setting": setting}
            left = 1500 - (lost if name == "q" else 0)
            rows.append(place | {"split": split, "label": label, "pool": name, "removed": mine, "left": left})
    table = TABLES["waterfall"](replace(mini, waterfall=pd.DataFrame(rows)))
    assert table.frame.values.tolist() == [
        ["raw", "f", "found", "3,000", "1,500", "0", "1,500"],
        ["raw", "f", "drop_leaks own", "2,998 (−2)", "1,500", "0", "1,500"],
        ["raw", "f", "real.width [1, 9]", "2,998", "1,500", "0", "1,500"],
    ]
    assert len(table.full) == 16 and "None." in markdown(TABLES["waterfall"](mini))


def test_files_that_are_there_twice(mini):
    assert "None." in markdown(TABLES["duplicates"](mini))
    place = {"pool": "adm", "split": "test", "label": 1, "other_pool": "adm", "other_split": "train", "other_label": 1}
    counts = {"relation": "across_split", "files": 17, "images": 17, "other_images": 18}
    rows = pd.DataFrame([place | counts | {"examples": json.dumps([["adm/a\n1", "adm/b"], ["adm/c", "adm/d"]])}])
    table = TABLES["duplicates"](replace(mini, duplicates=rows))
    assert table.frame.to_dict("records") == [
        {
            "Shared": "across splits", "Pool": "adm (fake, test)", "And": "adm (fake, train)", "Files": "17",
            "Images": "17 and 18", "First": "adm/a\\n1 = adm/b",
        }
    ]  # fmt: skip
    assert "None." not in table.caption and len(table.full) == 1
