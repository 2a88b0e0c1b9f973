"""What stands behind the cells, packed for the page."""

import base64
from dataclasses import replace

import pandas as pd
import pytest
from synthetic_cells import PICTURES

from crossgen.report import behind as module
from crossgen.report.behind import CELL, behind

PLACE = ("raw", "clean", "realsr", "style")


def held(told, place):
    found = told["cells"]
    for name in place:
        found = found[name]
    return found


def rows(frame, place):
    mask = True
    for name, value in zip(CELL, place, strict=True):
        mask &= frame[name] == value
    return frame[mask]


def test_curves_are_the_tables_in_thousandths(mini):
    (seed,) = held(behind(mini), PLACE)["seeds"]
    mine = rows(mini.curves, PLACE)
    for name, (x, y) in {"roc": seed["roc"], "calibration": seed["calibration"][:2]}.items():
        part = mine[mine["curve"] == name].sort_values("position")
        assert [x, y] == [[round(1000 * value) for value in part[column]] for column in ("x", "y")]
    assert sum(seed["calibration"][2]) == mine[mine["curve"] == "calibration"]["n"].sum()
    (low, high), reals, fakes = seed["scores"]
    bins = mine[mine["curve"] == "scores_real"]
    assert (low, high) == (round(bins["x"].min(), 3), round(bins["upper"].max(), 3))
    assert len(reals) == len(fakes) == len(bins) and sum(reals) == pytest.approx(1000, abs=len(bins))


def test_errors_have_words_and_shared_pictures(mini):
    told = behind(mini)
    cell = held(told, PLACE)
    assert cell["classes"] == [["cat", 1, 11, 20, 200, 700], ["dog", 0, 10, 20, 200, 700]]
    first, _, last = cell["images"]
    assert first == ["style/1.png", 1, "cat, 128 x 96 JPEG, quality 90, 1.2 standard deviations wrong", 0]
    assert last[-1] == -1
    assert [base64.b64decode(address.partition(",")[2]) for address in told["pictures"]] == list(PICTURES)


def test_several_seeds_have_a_curve_each(mini):
    more = mini.curves.assign(seed=1)
    both = replace(mini, curves=pd.concat([mini.curves, more]))
    assert len(held(behind(both), PLACE)["seeds"]) == 2


def test_a_large_run_keeps_the_plain_condition_then_none(mini, monkeypatch):
    cells = len(mini.curves[[*CELL, "seed"]].drop_duplicates())
    monkeypatch.setattr(module, "MOST", cells)
    assert behind(mini)["left_out"] == [] and set(behind(mini)["cells"]["raw"]) == {"clean", "fakes_q96"}
    monkeypatch.setattr(module, "MOST", cells // 2)
    assert behind(mini)["left_out"] == ["fakes_q96"] and set(behind(mini)["cells"]["raw"]) == {"clean"}
    monkeypatch.setattr(module, "MOST", cells // 2 - 1)
    assert behind(mini) == {"cells": {}, "pictures": [], "left_out": ["clean", "fakes_q96"]}


def test_without_tables_there_is_nothing(tiny):
    assert behind(tiny) == {"cells": {}, "pictures": [], "left_out": []}
