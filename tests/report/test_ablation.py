"""Means along the axes of ablations: the table and the figures."""

from dataclasses import replace

import pytest
from synthetic_report import CONDITIONS, draw

from crossgen.config.axes import Ablation
from crossgen.report.data import MEAN, OWN
from crossgen.report.figures import plan
from crossgen.report.printing import markdown, percent
from crossgen.report.tables import TABLES

NUMBERS = Ablation(("images_per_class",), {"a": (480,), "b": (30,), "c": (60,), "d": (15,)})
SWITCHES = Ablation(
    ("aligned", "size"), {"a": (True, "any"), "b": (True, "same"), "c": (False, "any"), "d": (False, "same")}
)


@pytest.fixture(scope="module")
def data():
    drawn = draw(("adm", "sd14", "glide"), CONDITIONS, seeds=(0, 1), experiments=("a", "b", "c", "d"))
    return replace(drawn, ablations=(NUMBERS, SWITCHES))


def test_rows_stand_in_the_order_of_the_axes(data):
    rows = TABLES["ablation"](data).frame
    first = rows[(rows["Ablation"] == "images per class") & (rows["Condition"] == "clean")]
    first = first[first["Metric"] == "ROC-AUC"]
    assert list(first["Varied"]) == [f"images per class {n}" for n in (15, 30, 60, 480)]
    assert list(first["Experiment"]) == ["d", "b", "c", "a"]
    cell = data.cell("d", MEAN, OWN, "clean", "roc_auc")
    assert first[data.title(OWN)].iloc[0] == percent(cell)
    second = rows[rows["Ablation"] == "aligned by size"]
    assert list(second["Varied"].iloc[:2]) == ["aligned on, size any", "aligned on, size same"]


def test_the_full_table_has_a_column_an_axis(data):
    full = TABLES["ablation"](data).full
    assert set(full["ablation"]) == {"images_per_class", "aligned_by_size"}
    numbers = full[full["ablation"] == "images_per_class"]
    assert dict(zip(numbers["experiment"], numbers["at_images_per_class"], strict=True)) == {
        "a": 480, "b": 30, "c": 60, "d": 15,
    }  # fmt: skip
    assert set(numbers["train_set"]) == {MEAN}


def test_a_run_without_ablations_has_an_empty_table_and_no_figure(data):
    none = replace(data, ablations=())
    assert "None." in markdown(TABLES["ablation"](none))
    assert not [name for name in plan(none) if name.startswith("ablation")]


def drawn(data, name, panel=0):
    return plan(data)[f"ablation_{name}"]().axes[panel]


def test_numbers_are_drawn_to_scale(data):
    axes = drawn(data, "images_per_class")
    own = axes.containers[0].lines[0]
    values = [100 * data.cell(name, MEAN, OWN, "clean", "balanced_accuracy").value for name in "dbca"]
    assert list(own.get_ydata()) == pytest.approx(values)
    assert list(own.get_xdata()) == pytest.approx([15, 30, 60, 480], rel=0.05)
    assert axes.get_xscale() == "log" and [tick.get_text() for tick in axes.get_xticklabels()] == [
        "15",
        "30",
        "60",
        "480",
    ]
    assert own.get_linestyle() == "-"


def test_words_are_drawn_side_by_side_and_not_joined(data):
    axes = drawn(data, "aligned_by_size")
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["on", "off"]
    lines = [container.lines[0] for container in axes.containers]
    assert len(lines) == 4 and {line.get_linestyle() for line in lines} == {"None"}
    places = sorted(x for line in lines for x in line.get_xdata() if x < 0.5)
    assert len(set(places)) == 4 and max(map(abs, places)) < 0.2


def test_every_seed_has_a_dot(data):
    axes = drawn(data, "aligned_by_size")
    dots = [line for line in axes.lines if line.get_marker() == "."]
    assert len(dots) == 8  # two kinds of means of four experiments
    cell = data.cell("a", MEAN, OWN, "clean", "balanced_accuracy")
    assert [100 * value for _, value in cell.by_seed] in [pytest.approx(list(line.get_ydata())) for line in dots]


def test_one_seed_has_none():
    one = replace(draw(("adm", "sd14"), CONDITIONS, experiments=("a", "b", "c", "d")), ablations=(SWITCHES,))
    assert not [line for line in drawn(one, "aligned_by_size").lines if line.get_marker() == "."]
