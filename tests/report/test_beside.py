"""Our numbers beside published ones: found cell by cell, subtracted, or missing with a reason."""

from dataclasses import replace

import pandas as pd
import pytest
from synthetic_report import CONDITIONS, draw

from crossgen.config import PublishedComparison, derive
from crossgen.config.loading import load
from crossgen.literature.reading import table
from crossgen.report.beside_table import cells
from crossgen.report.figures import plan
from crossgen.report.page import render
from crossgen.report.printing import markdown
from crossgen.report.tables import TABLES
from toys import ROOT

EIGHT = ("midjourney", "sd14", "sd15", "adm", "glide", "wukong", "vqdm", "biggan")
SAID = {"training_set": ("GenImage", "toys")}


def item(name, experiment="raw", **more):
    return PublishedComparison(table=name, experiment=experiment, **more)


@pytest.fixture(scope="module")
def data():
    drawn = draw(EIGHT, CONDITIONS)
    return replace(drawn, compared=(item("genimage_table2", despite=("training_set",), differs=SAID),))


def placed(data, asked):
    return cells(data, asked).set_index(["train_generator", "test_generator", "condition"])


def test_every_cell_of_table_2_stands_beside_ours(data):
    rows = placed(data, data.compared[0])
    assert len(rows) == 72
    assert (rows["reason"] == "").all()
    ours = data.cell("raw", "sd14", "adm", "clean", "balanced_accuracy")
    row = rows.loc[("sd14", "adm", "clean")]
    assert row["published"] == 53.5
    assert row["value"] == pytest.approx(100 * ours.value)
    assert row["difference"] == pytest.approx(100 * ours.value - 53.5)
    assert row["difference_low"] == pytest.approx(100 * ours.low - 53.5)
    assert row["within"] == (100 * ours.low <= 53.5 <= 100 * ours.high)
    mean = data.cell("raw", "sd14", "mean", "clean", "balanced_accuracy")
    assert rows.loc[("sd14", "mean", "clean"), "value"] == pytest.approx(100 * mean.value)


def test_another_condition_stands_for_the_clean_images(data):
    asked = item("genimage_table2", condition="all_q96")
    ours = data.cell("raw", "sd14", "adm", "all_q96", "balanced_accuracy")
    assert placed(data, asked).loc[("sd14", "adm", "clean"), "value"] == pytest.approx(100 * ours.value)


def test_table_4_is_the_mean_over_eight_train_sets(data):
    row = placed(data, item("genimage_table4", detector="swin_t")).loc[("mean_of_8", "glide", "clean")]
    ours = data.cell("raw", "mean", "glide", "clean", "balanced_accuracy")
    assert (row["published"], row["value"]) == (76.9, pytest.approx(100 * ours.value))


def test_table_5_is_found_by_what_conditions_do_not_by_their_names(data):
    renamed = tuple(
        each.model_copy(update={"name": f"c{place}"}) if each.steps else each for place, each in enumerate(CONDITIONS)
    )
    names = {old.name: new.name for old, new in zip(CONDITIONS, renamed, strict=True)}
    moved = replace(
        data, conditions=renamed, metrics=data.metrics.assign(condition=data.metrics["condition"].map(names))
    )
    rows = placed(moved, item("genimage_table5", detector="resnet50"))
    for theirs, ours in {"lr112": "resize_112", "jpeg30": "jpeg_q30", "blur5": "blur_s5"}.items():
        value = 100 * data.cell("raw", "sd14", "sd14", ours, "balanced_accuracy").value
        assert rows.loc[("sd14", "sd14", theirs), "value"] == pytest.approx(value)
    assert rows.loc[("sd14", "sd14", "mean"), "reason"] == "no condition here is mean"


def test_a_difference_is_the_paired_one(data):
    asked = item("unbiased_difference", "unbiased", baseline="raw", detector="resnet50")
    rows = placed(data, asked)
    ours = data.difference(("unbiased", "raw"), "sd15", "biggan", "clean", "balanced_accuracy")
    row = rows.loc[("sd15", "biggan", "constrained_minus_raw")]
    assert (row["published"], row["value"]) == (41.29, pytest.approx(100 * ours.value))
    assert rows.loc[("mean_of_3", "mean", "constrained_minus_raw"), "reason"] == "no detector of mean_of_3 here"


def test_what_is_not_here_has_a_reason():
    few = draw(("adm", "sd14"), CONDITIONS[:1])
    rows = placed(few, item("genimage_table2"))
    assert rows.loc[("sd14", "glide", "clean"), "reason"] == "not tested here"
    assert rows.loc[("glide", "adm", "clean"), "reason"] == "no detector of glide here"
    assert rows.loc[("sd14", "mean", "clean"), "reason"] == "other test generators here"
    assert rows.loc[("sd14", "adm", "clean"), "reason"] == ""


def test_the_table_prints_all_and_says_what_differs(data):
    made = TABLES["published"](data)
    assert len(made.frame) == len(made.full) == len(table("genimage_table2").numbers)
    text = markdown(made)
    assert "training set differs. Published: GenImage; here: toys." in text
    assert "None." in markdown(TABLES["published"](replace(data, compared=())))


def test_three_heat_maps_are_drawn(data):
    drawn = plan(data)["published_genimage_table2_raw"]()
    titles = [axes.get_title("left") for axes in drawn.axes if axes.get_title("left")]
    assert titles == ["published", "here", "here − published"]
    rows, axes = placed(data, data.compared[0]), drawn.axes[2]
    muted = {text.get_text() for text in axes.texts if text.get_style() == "italic"}
    assert len(muted) > 0 or not rows["within"].any()
    assert sum(text.get_style() == "italic" for text in axes.texts) == rows["within"].sum()


def test_the_page_has_a_section_only_where_asked(data):
    tables = {name: build(data) for name, build in TABLES.items()}
    assert "Beside published numbers" in render(data, {}, tables, {})
    assert "Beside published numbers" not in render(replace(data, compared=()), {}, tables, {})


def test_no_number_is_compared_without_its_kind(data):
    rows = cells(data, item("unbiased_difference", "unbiased", detector="resnet50"))
    assert set(rows["reason"]) == {"a difference, and no baseline"}
    assert isinstance(rows, pd.DataFrame)


def test_the_complete_run_has_a_number_beside_every_published_one():
    """Tables 2 to 5, both heat maps, their repetition, detectors of SD V1.4; not means over conditions, nor over three
    train sets where all eight were trained."""
    config = load([ROOT / "config" / "genimage.yaml"])
    trained: dict[str, set[str]] = {}
    for detector in derive.detectors(config):
        trained.setdefault(detector.experiment.name, {"mean"}).add(detector.train_set.name)
    full = draw(EIGHT, config.conditions, experiments=("raw", "constrained"))
    found = {}
    for asked in config.compare_published:
        names = trained[asked.experiment]
        of = {name: getattr(full, name) for name in ("metrics", "differences")}
        here = replace(full, **{name: rows[rows["train_set"].isin(names)] for name, rows in of.items()})
        drawn = "constrained" if "constrained" in asked.experiment else "raw"
        baseline = "raw" if asked.baseline else None
        rows = cells(here, asked.model_copy(update={"experiment": drawn, "baseline": baseline}))
        found[asked.name] = rows["value"].notna().mean()
        gaps = rows.loc[rows["reason"] != "", ["train_generator", "condition"]].to_numpy().tolist()
        assert gaps in ([], [["sd14", "mean"]], [["mean_of_3", "raw"]]), asked.name
    assert len(found) == 41 and min(found.values()) == 6 / 7


def test_weights_from_elsewhere_stand_beside_the_only_train_set_and_fakes_brought_to_jpeg():
    conditions = load([ROOT / "config" / "ablations" / "genimage" / "aligned.yaml"]).conditions
    drawn = draw(EIGHT, conditions, experiments=("aligned",), extra=("pairs",))
    asked = item("aligned_dda_genimage", "aligned")
    assert set(cells(drawn, asked)["reason"]) == {"no detector of official_weights here"}
    alone = replace(drawn, metrics=drawn.metrics[drawn.metrics["train_set"] == "pairs"])
    rows = placed(alone, asked)
    ours = alone.cell("aligned", "pairs", "adm", "fakes_q96", "balanced_accuracy")
    assert len(rows) == 8 and (rows["reason"] == "").all() and set(rows["our_condition"]) == {"fakes_q96"}
    row = rows.loc[("official_weights", "adm", "fakes_jpeg96")]
    assert (row["published"], row["value"]) == (52.4, pytest.approx(100 * ours.value))
    without = replace(alone, conditions=conditions[2:])  # both labels brought to it: another test
    assert set(cells(without, asked)["reason"]) == {"no condition here is fakes_jpeg96"}
