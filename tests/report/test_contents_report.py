"""The matrix of contents: what was learned, numbers by group, and what they come to."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from synthetic_report import CONDITIONS, draw

from crossgen.records import CONTENTS
from crossgen.report.figures import plan
from crossgen.report.page import render
from crossgen.report.printing import markdown
from crossgen.report.tables import TABLES

GROUPS = ("animals", "places")


def with_contents(data, learned):
    """`learned`: experiment to its groups; numbers are drawn, learned groups higher."""
    rng, rows = np.random.default_rng(0), []
    parts = {name: (*GROUPS, *(("learned", "not_learned", "learned_minus_not") if len(known) < 2 else ()))
             for name, known in learned.items()}  # fmt: skip
    for (experiment, names), place, metric in product(
        parts.items(), ("own", "others"), ("balanced_accuracy", "roc_auc")
    ):
        for name in names:
            value = rng.uniform(0.6, 0.9) if name != "learned_minus_not" else 0.2
            row = dict.fromkeys(CONTENTS.columns) | {"experiment": experiment, "train_set": "mean", "seed": 0}
            row |= {"condition": "clean", "place": place, "class_group": name, "metric": metric, "n_real": 9}
            row |= {"learned": 30 if name in learned[experiment] else 0, "n_fake": 9}
            rows.append(row | {"value": value, "low": value - 0.1, "high": value + 0.1})
    return replace(data, contents=pd.DataFrame(rows), class_groups=GROUPS)


@pytest.fixture(scope="module")
def data():
    drawn = draw(("adm", "sd14"), CONDITIONS, experiments=("some", "every"))
    return with_contents(drawn, {"some": ("animals",), "every": GROUPS})


def test_every_group_has_a_column_and_what_was_learned_is_said(data):
    rows = TABLES["class_matrix"](data).frame
    assert len(rows) == 8
    first = rows[(rows["Experiment"] == "some") & (rows["Place"] == "own generators")].iloc[0]
    assert first["Learned"] == "animals"
    assert first["Learned − not"] == "+20.0 [10.0, 30.0]"
    assert "[" in first["animals"]


def test_who_learned_every_group_has_a_reason_in_place_of_a_difference(data):
    made = TABLES["class_matrix"](data)
    row = made.frame[made.frame["Experiment"] == "every"].iloc[0]
    assert row["Learned − not"] == row["learned"] == "– (1)"
    assert made.notes == ("(1) learned every group",)


def test_the_figure_outlines_what_was_learned(data):
    drawn = plan(data)["contents"]()
    titles = [axes.get_title("left") for axes in drawn.axes if axes.get_title("left")]
    assert titles == ["own generators", "other generators", "learned − not learned"]
    outlined = [patch for patch in drawn.axes[0].patches if not patch.get_fill()]
    assert len(outlined) == 3


def test_without_groups_there_is_no_figure_and_no_section(data):
    bare = replace(data, class_groups=(), contents=data.contents.iloc[:0])
    assert "contents" not in plan(bare)
    assert "names no groups" in markdown(TABLES["class_matrix"](bare))
    tables = {name: build(bare) for name, build in TABLES.items()}
    assert "<h3>Contents</h3>" not in render(bare, {}, tables, {})
    tables = {name: build(data) for name, build in TABLES.items()}
    assert "<h3>Contents</h3>" in render(data, {}, tables, {})
