"""Published numbers: every one is in one table, has a source, and means come out of their cells."""

import numpy as np
import pandas as pd
import pytest

from crossgen.code import closure, data_files
from crossgen.literature.catalogue import sources
from crossgen.literature.reading import FILES, KEYS, PublishedTable, numbers, table, tables

TABLES = list(tables().values())


def test_every_number_stands_in_one_table():
    shown = pd.concat([each.numbers for each in TABLES])
    assert len(shown) == len(numbers())
    assert not shown.duplicated(["file", *KEYS]).any()


def test_every_source_is_told_and_used():
    assert set(numbers()["source"]) == set(sources())
    assert all(source.citation and source.at for source in sources().values())
    assert {source.trust for source in sources().values()} == {
        "primary", "independent", "secondary", "derived", "read_by_eye",
    }  # fmt: skip


def test_shares_are_percent():
    shares = numbers()[~numbers()["difference"]]
    assert shares["value"].between(0, 100).all()
    assert numbers()["confidence"].ne("").all()


@pytest.mark.parametrize("each", TABLES, ids=lambda each: each.entry.name)
def test_a_panel_holds_all_its_numbers(each: PublishedTable):
    assert sum(panel.notna().sum().sum() for panel in each.panels().values()) == len(each.numbers)


@pytest.mark.parametrize("name", ["genimage_table2", "genimage_table3", "genimage_table4", "progan_weights"])
def test_printed_means_are_those_of_the_cells(name: str):
    panel = table(name).panels()[""]
    cells = panel.drop(columns="mean").mean(axis=1)
    assert np.abs(cells - panel["mean"]).max() <= 0.1  # printed digits are truncated here and there


def test_the_mean_over_train_sets_is_table_4s_row():
    by_test = table("genimage_table2").panels()[""].mean()
    printed = table("genimage_table4").panels()[""].loc["resnet50"]
    assert np.abs(by_test - printed).max() <= 0.1


@pytest.mark.parametrize("origin", ["unbiased", "reproduction"])
def test_constrained_less_raw_is_the_difference(origin: str):
    raw, constrained, difference = (table(f"{origin}_{kind}").panels() for kind in ("raw", "constrained", "difference"))
    assert set(raw) == set(constrained) == set(difference)
    for detector, panel in difference.items():
        gap = (constrained[detector] - raw[detector] - panel).abs()
        assert gap.max(axis=None) < 0.02


def test_a_changed_number_makes_the_tables_again():
    files = {path.name for module in closure("crossgen.commands.tabulate") for path in data_files(module)}
    assert {f"reading.{file}.csv" for file in FILES} | {"catalogue.tables.yaml", "catalogue.sources.yaml"} <= files


def test_an_unknown_table_is_refused_with_the_choices():
    with pytest.raises(ValueError, match=r"Unknown published table 'table2': expected one of genimage_table2, "):
        table("table2")
