"""The page in a real browser: what stands behind a cell, differences of any two, downloads."""

import csv
import io
import re
from dataclasses import replace
from itertools import product
from math import hypot
from xml.etree import ElementTree

import pandas as pd
import pytest
from synthetic_cells import curves_of, misjudged_of
from synthetic_report import draw
from visiting import GRID, PLOTTED, TABLE, Visit

from crossgen.report.payload import columns, tenths
from crossgen.report.printing import percent

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def three():
    """Three experiments of two kinds of detectors; the third is in no comparison with the second."""
    data = draw(experiments=("raw", "unbiased", "other"))
    rows = [
        {"experiment": name, "train_set": "realsr", "seed": 0, "architecture": kind}
        for name, kind in (("raw", "timm"), ("unbiased", "timm"), ("other", "f3net"))
    ]
    return replace(
        data,
        comparisons=data.comparisons,
        curves=curves_of(data, data.matrix_conditions),
        misjudged=misjudged_of(data, data.matrix_conditions),
        detectors=pd.DataFrame(rows, columns=data.detectors.columns),
        files={
            "metrics": ("metrics.parquet",),
            "curves": ("curves.parquet",),
            "scores": tuple(
                f"scores/{experiment}/{train_set}/seed0.parquet"
                for experiment, train_set in product(data.experiments, data.train_sets)
            ),
        },
    )


@pytest.fixture(scope="module")
def desk(chromium, three, write_page):
    visit = Visit(chromium, write_page(three, ("learning_raw",)), accept_downloads=True)
    yield visit
    visit.close()


def select(desk, row, column):
    desk.page.locator(f'[data-row="{row}"][data-column="{column}"]').click()


def reset(desk, view="raw", condition="clean"):
    desk.choose("matrix-detector", "")
    desk.choose("matrix-view", view)
    desk.choose("matrix-condition", condition)
    desk.choose("matrix-metric", "balanced_accuracy")


def test_a_click_shows_the_curves_of_the_cell(desk, three):
    reset(desk)
    for (y, row), (x, column) in product([(0, "cyclegan"), (2, "realsr")], [(1, "realesrgan"), (6, "style")]):
        select(desk, y, x)
        key = {"experiment": "raw", "condition": "clean", "train_set": row, "test_generator": column}
        mine = three.curves[(three.curves[list(key)] == pd.Series(key)).all(axis=1)]
        roc, calibration, logits = desk.read(PLOTTED, "behind-charts")
        for shown, name in ((roc, "roc"), (calibration, "calibration")):
            part = mine[mine["curve"] == name].sort_values("position")
            (trace,) = shown
            assert trace["x"] == [round(1000 * value) / 10 for value in part["x"]]
            assert trace["y"] == [round(1000 * value) / 10 for value in part["y"]]
        assert [sum(trace["y"]) for trace in logits] == pytest.approx([100, 100], abs=2)
        assert f"{row} → {column}, clean: raw" in desk.page.inner_text("#behind-caption")
        told = desk.page.locator("#behind-charts figcaption").first.inner_text()
        assert percent(three.cell("raw", row, column, "clean", "roc_auc")) in told


def test_worst_classes_and_images_are_told(desk):
    reset(desk)
    select(desk, 0, 1)
    assert desk.read(TABLE, "behind-classes") == [
        ["cat", "raw", "fake", "11 of 20", "55.0 [20.0, 70.0]"],
        ["dog", "raw", "real", "10 of 20", "50.0 [20.0, 70.0]"],
    ]
    assert desk.page.locator("#behind-images figure").count() == 3
    assert desk.page.locator("#behind-images img").count() == 2
    assert "realesrgan/3.png" in desk.page.inner_text("#behind-images")


def test_keys_select_a_cell_as_well(desk):
    reset(desk)
    select(desk, 0, 0)
    desk.page.keyboard.press("ArrowDown")
    desk.page.keyboard.press("Enter")
    assert "realesrgan → cyclegan" in desk.page.inner_text("#behind-caption")


def test_what_has_no_curves_says_why(desk):
    reset(desk)
    select(desk, 0, 8)
    assert "A mean has no curves" in desk.page.inner_text("#behind-caption")
    assert desk.page.locator("#behind-more").is_hidden() and desk.read(PLOTTED, "behind-charts") == []
    select(desk, 0, 1)
    desk.choose("matrix-condition", "blur_s5")
    assert "kept under clean, fakes_q96" in desk.page.inner_text("#behind-caption")


def test_a_difference_shows_both_sides(desk):
    reset(desk, "unbiased − raw")
    select(desk, 1, 2)
    roc, calibration, first, second = desk.read(PLOTTED, "behind-charts")
    assert len(roc) == len(calibration) == 2 and len(first) == len(second) == 2
    assert "unbiased and raw" in desk.page.inner_text("#behind-caption")


def links(desk):
    return desk.read("() => [...document.querySelectorAll('.detail .from a')].map(one => one.getAttribute('href'))")


def test_a_cell_leads_to_its_row_its_scores_and_the_card(desk, three):
    reset(desk)
    select(desk, 1, 2)
    assert links(desk) == [
        "metrics.parquet",
        "scores/raw/realesrgan/seed0.parquet",
        "card.html#from-raw-realesrgan-seed0",
    ]
    reset(desk, "unbiased − raw")
    select(desk, 1, 2)
    assert (
        links(desk)[:2] == ["differences.parquet", "scores/unbiased/realesrgan/seed0.parquet"] and len(links(desk)) == 5
    )
    select(desk, len(three.train_sets), 2)  # the mean of all: six are told, and where the others are
    assert links(desk)[-1] == "card.html#numbers" and len(links(desk)) == 1 + 2 * 6 + 1


def test_the_buttons_of_a_chart_stand_beside_its_file(desk):
    line = desk.page.locator("#behind-charts + .tools")
    assert line.inner_text().split("\n")[0] == "SVG" and "From curves.parquet · card" in line.inner_text()
    assert desk.page.locator("#matrix-legend + .tools a").first.get_attribute("href") == "metrics.parquet"
    assert desk.page.locator(".tools + .tools").count() == 0


def any_two(desk, first, second):
    desk.choose("matrix-view", "any two")
    desk.choose("matrix-first", first)
    desk.choose("matrix-second", second)


def test_the_difference_of_any_two_is_paired_where_it_was_computed(desk, three):
    reset(desk, "unbiased − raw")
    paired = desk.read(TABLE, "matrix-table")
    any_two(desk, "unbiased", "raw")
    assert desk.read(TABLE, "matrix-table") == paired
    any_two(desk, "raw", "unbiased")
    turned = desk.read(TABLE, "matrix-table")

    def minus(text):
        numbers = [float(each.replace("−", "-")) for each in re.findall(r"[−+]?\d+\.\d", text)]
        return [0 - number for number in numbers]

    for row, other in zip(paired, turned, strict=True):
        for text, back in zip(row[1:], other[1:], strict=True):
            value, *bounds = minus(text) or [None]
            assert [value, *bounds[::-1]] == ([0 - each for each in minus(back)] or [None])
    desk.choose("matrix-second", "raw")
    assert desk.page.input_value("#matrix-second") != "raw"  # nothing is compared with itself


def test_other_differences_join_two_intervals(desk, three):
    reset(desk)
    any_two(desk, "other", "unbiased")
    assert "Not paired" in desk.page.inner_text("#matrix-caption") and "MOVER" in desk.page.inner_text(
        "#matrix-caption"
    )
    names = [name for name in columns(three) if not name.startswith("own")]
    shown = desk.read(TABLE, "matrix-table")
    count = 0
    for y, row in enumerate([*three.train_sets, "mean"]):
        for x, name in enumerate(names):
            one, other = (three.cell(each, row, name, "clean", "balanced_accuracy") for each in ("other", "unbiased"))
            if not (one.defined and other.defined):
                assert shown[y][1 + x] == "–"
                continue
            a, b = ([tenths(getattr(each, end)) for end in ("value", "low", "high")] for each in (one, other))
            value = a[0] - b[0]
            low, high = value - hypot(a[0] - a[1], b[2] - b[0]), value + hypot(a[2] - a[0], b[0] - b[1])
            told = [float(each.replace("−", "-")) for each in re.findall(r"[−+]?\d+\.\d", shown[y][1 + x])]
            assert told == pytest.approx([value / 10, low / 10, high / 10], abs=0.051)
            loose = desk.page.locator(f'[data-row="{y}"][data-column="{x}"] small').count()
            assert loose == (not (round(low) > 0 or round(high) < 0)) or min(abs(low), abs(high)) < 0.51
            count += 1
    assert count > 80


def test_detectors_choose_the_experiments(desk):
    reset(desk)
    every = desk.options("matrix-view")
    assert every == ["raw", "unbiased", "other", "unbiased − raw", "other − raw", "any two"]
    desk.choose("matrix-detector", "f3net")
    assert desk.options("matrix-view") == ["other", "any two"]
    assert "other, condition clean" in desk.page.inner_text("#matrix-caption")
    desk.choose("matrix-detector", "timm")
    assert desk.options("matrix-view") == ["raw", "unbiased", "unbiased − raw", "any two"]
    desk.choose("matrix-detector", "")
    assert desk.options("matrix-view") == every


def saved(desk, button):
    with desk.page.expect_download() as waiting:
        button.evaluate("node => node.click()")
    path = waiting.value.path()
    return waiting.value.suggested_filename, path.read_bytes().decode("utf-8-sig")


def parsed(text):
    return ElementTree.fromstring(text)  # noqa: S314 -- of our own making


def tools_after(desk, inside):
    return desk.page.locator(f".scroll:has({inside}) + .tools button")


def test_tables_come_as_csv_and_latex(desk):
    reset(desk, "unbiased − raw")
    rows = desk.read(TABLE, "matrix-table")
    csv_button, latex_button = tools_after(desk, "#matrix-table").all()
    name, text = saved(desk, csv_button)
    assert name == "mini_matrix_table.csv" and text.count("\r\n") == len(rows) + 1
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert read[1:] == [[cell.replace("−", "-") for cell in row] for row in rows]
    name, text = saved(desk, latex_button)
    assert name == "mini_matrix_table.tex" and text.count("\\\\\n") == len(rows) + 1
    assert "\\toprule" in text and "−" not in text and "$-$" in text
    body = text.split("\\midrule\n")[1].split("\\bottomrule")[0].strip().splitlines()
    assert [line.count(" & ") for line in body] == [len(rows[0]) - 1] * len(rows)
    assert "mean\\_" not in body[0] and not re.search(r"(?<!\\)[_%#]", text.replace("% \\usepackage{booktabs}", ""))


def test_every_table_and_figure_has_its_buttons(desk):
    tables = desk.read("() => document.querySelectorAll('main .scroll > table:not([role])').length")
    inside = desk.read("() => document.querySelectorAll('.detail table').length")
    assert desk.page.locator(".tools button", has_text="CSV").count() == tables - inside > 10
    names = desk.read(
        "() => [...document.querySelectorAll('.tools button')].map(one => one.getAttribute('aria-label'))"
    )
    assert len(names) == len(set(names)) and all(name.startswith("Download ") for name in names)


def test_charts_and_the_matrix_come_as_svg(desk):
    reset(desk)
    select(desk, 0, 1)
    for box, count in (("behind-charts", 3), ("experiments-charts", 2)):
        found = []
        heard = lambda download, found=found: found.append(download)  # noqa: E731
        desk.page.on("download", heard)
        desk.page.locator(f"#{box} + .tools button").evaluate("node => node.click()")
        for _ in range(200):
            if len(found) == count:
                break
            desk.page.wait_for_timeout(20)
        desk.page.remove_listener("download", heard)
        for each in found:
            root = parsed(each.path().read_text(encoding="utf-8"))
            assert root.tag == f"{SVG}svg" and root.findall(f".//{SVG}path")
        assert len({each.suggested_filename for each in found}) == count
    name, text = saved(desk, desk.page.locator("#matrix-legend + .tools button"))
    drawn = parsed(text)
    texts = [node.text for node in drawn.iter(f"{SVG}text")]
    assert name == "mini_matrix.svg" and set(desk.read(GRID)[0]) <= set(texts) and "realsr" in texts


def test_a_drawn_figure_comes_as_it_stands(desk):
    figure = desk.page.locator("#figure-learning_raw")
    name, text = saved(desk, figure.locator(".tools button"))
    drawn = parsed(text)
    width, height = drawn.get("viewBox").split()[2:]
    assert name == "mini_learning_raw.svg" and (drawn.get("width"), drawn.get("height")) == (width, height)
    paths = figure.locator("svg path").count()
    assert len(drawn.findall(f".//{SVG}path")) == paths > 10
