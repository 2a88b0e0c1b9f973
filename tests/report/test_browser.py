"""The page in a real browser: Debian's Chromium, driven by Playwright, from file://, with every request noted.

Skipped where there is no Chromium, unless CROSSGEN_BROWSER=require: then that is a failure.
"""

import re
from itertools import product

import pandas as pd
import pytest
from synthetic_report import CONDITIONS, draw
from visiting import GRID, PLOTTED, TABLE, Visit

from crossgen.report.data import MEAN, MEAN_UNSEEN, OFF_DIAGONAL, OWN
from crossgen.report.estimates import Estimate
from crossgen.report.page import ASKED, TITLES
from crossgen.report.payload import columns
from crossgen.report.printing import percent, points
from crossgen.report.tables import TABLES
from toys import ROOT


@pytest.fixture(scope="module")
def path(mini, write_page):
    return write_page(mini)


@pytest.fixture(scope="module")
def desktop(chromium, path):
    """A page shared by the tests that turn its controls: nothing asked for, nothing complained of, after them all."""
    visit = Visit(chromium, path)
    yield visit
    visit.close()


def test_matrix_shows_what_the_tables_print_under_every_option(desktop, mini):
    names = [name for name in columns(mini) if not name.startswith("own")]
    seen = set()
    for view in desktop.options("matrix-view")[:-1]:  # the last: any two (test_browser_cells)
        desktop.choose("matrix-view", view)
        pair, signed = tuple(view.split(" − ")), " − " in view
        for condition, metric in product(desktop.options("matrix-condition"), desktop.options("matrix-metric")):
            desktop.choose("matrix-condition", condition)
            desktop.choose("matrix-metric", metric)
            rows = (*mini.train_sets_of(pair[0]), MEAN)
            cells = [
                [mini.difference(pair, *key) if signed else mini.cell(view, *key) for key in keys]
                for keys in ([(row, name, condition, metric) for name in names] for row in rows)
            ]
            texts = [[(points if signed else percent)(cell) for cell in row] for row in cells]
            assert [row[1:] for row in desktop.read(TABLE, "matrix-table")] == texts
            assert desktop.read(GRID) == [[text.split(" ")[0] for text in row] for row in texts]
            loose = [signed and cell.defined and not cell.separated for row in cells for cell in row]
            assert desktop.page.locator("#matrix-grid small").count() == sum(loose)
            caption = desktop.page.inner_text("#matrix-caption")
            assert mini.title(metric) in caption and condition in caption and view in caption
            seen.add((view, condition, metric))
    assert len(seen) == 3 * 9 * 2


def test_matrix_equals_the_printed_table(desktop, mini):
    frame = TABLES["matrix"](mini).frame
    for experiment, condition, metric in product(mini.experiments, mini.matrix_conditions, ("roc_auc",)):
        for id, value in (("view", experiment), ("condition", condition), ("metric", metric)):
            desktop.choose(f"matrix-{id}", value)
        rows = frame[(frame["Experiment"] == experiment) & (frame["Condition"] == condition)]
        printed = rows[rows["Metric"] == mini.title(metric)].drop(columns=["Experiment", "Condition", "Metric"])
        bare = printed.map(lambda text: re.sub(r" \(\d+\)$", "", text))  # the page gives reasons in its details
        assert desktop.read(TABLE, "matrix-table") == bare.to_numpy().tolist()


def test_a_cell_tells_its_numbers_under_all_conditions(desktop, mini):
    desktop.choose("matrix-view", "unbiased − raw")
    desktop.choose("matrix-condition", "jpeg_q65")
    desktop.choose("matrix-metric", "roc_auc")
    cell = desktop.page.locator('[data-row="2"][data-column="5"]')
    cell.hover()
    key = ("realsr", "realcugan", "jpeg_q65", "roc_auc")
    estimate = mini.difference(("unbiased", "raw"), *key)
    tip = desktop.page.inner_text("#tip")
    assert points(estimate) in tip and "144 reals, 60 fakes" in tip and "coverage 100 %" in tip
    assert ("not separated" in tip) == (not estimate.separated)
    assert ("realsr" in cell.get_attribute("aria-label")) and "interval" in cell.get_attribute("aria-label")
    cell.click()
    shown = [row[1] for row in desktop.read(TABLE.replace("#${id}", "#${id} table"), "matrix-detail")]
    keys = [(*key[:2], condition.name, key[3]) for condition in mini.conditions]
    assert shown == [points(mini.difference(("unbiased", "raw"), *each)) for each in keys]
    assert points(estimate) == desktop.page.inner_text("#matrix-detail .big")


def test_an_undefined_cell_gives_its_reason(desktop):
    for id, value in (("view", "raw"), ("condition", "clean"), ("metric", "balanced_accuracy")):
        desktop.choose(f"matrix-{id}", value)
    cell = desktop.page.locator(".cell.undefined")
    assert cell.count() == 1 and cell.inner_text() == "–"
    cell.click()
    assert "coverage 0.42 is below 0.9" in desktop.page.inner_text("#matrix-detail")


def test_bias_section_equals_the_audit_under_every_option(desktop, mini):
    for subset in desktop.options("bias-subset"):
        desktop.choose("bias-subset", subset)
        for id, table, column in (
            ("bias-probes", TABLES["biases"](mini), ["Balanced accuracy"]),
            ("bias-attributes", TABLES["attributes"](mini), ["jpeg_quality", "width", "bytes"]),
        ):
            rows = table.frame[table.frame["Subset"] == subset]
            expected = sorted(rows[column].to_numpy().ravel())
            shown = [text for row in desktop.read(TABLE, f"{id}-table") for text in row[2:] if text]
            plotted = [text for chart in desktop.read(PLOTTED, id) for trace in chart for text in trace["text"]]
            assert sorted(shown) == expected == sorted(text.split(": ")[1] for text in plotted)
            drawn = [f"{x:.1f}" for chart in desktop.read(PLOTTED, id) for trace in chart for x in trace["x"]]
            assert sorted(drawn) == sorted(text.split(" ")[0] for text in expected)
        for fact in desktop.options("bias-fact"):
            desktop.choose("bias-fact", fact)
            assert fact in desktop.page.inner_text("#bias-fact-caption")
            sums = [sum(trace["y"]) for chart in desktop.read(PLOTTED, "bias-sizes") for trace in chart]
            assert sums and all(abs(total - 100) < 0.3 for total in sums)


def test_curves_equal_the_degraded_table_under_every_option(desktop, mini):
    frame = TABLES["degraded"](mini).frame
    kinds = {OWN: "own generator", OFF_DIAGONAL: "off-diagonal mean", MEAN: "mean"}
    for metric in desktop.options("degraded-metric"):
        desktop.choose("degraded-metric", metric)
        for experiments, shown in ((("raw",), (OWN,)), (("raw", "unbiased"), (OWN, OFF_DIAGONAL, MEAN))):
            for value in ("raw", "unbiased", *kinds):
                desktop.page.locator(f".tick input[value={value}]").set_checked(value in (*experiments, *shown))
            rows = frame[frame["Metric"] == mini.title(metric)].set_index(["Experiment", "Condition"])
            expected = [
                [c.name, *(rows.loc[(e, c.name), kinds[kind]] for e in experiments for kind in shown)]
                for c in mini.conditions
            ]
            assert desktop.read(TABLE, "degraded-table") == expected
            charts = desktop.read(PLOTTED, "degraded-charts")
            assert len(charts) == 4 and all(len(chart) == len(experiments) * len(shown) for chart in charts)
            texts = {
                text.split(": ")[1]: y
                for chart in charts
                for t in chart
                for text, y in zip(t["text"], t["y"], strict=True)
            }
            assert set(texts) == {text for row in expected for text in row[1:]}
            assert all(f"{y:.1f}" == text.split(" ")[0] for text, y in texts.items())
    for value in ("raw", "unbiased"):
        desktop.page.locator(f".tick input[value={value}]").set_checked(False)
    assert "Nothing is chosen" in desktop.page.inner_text("#degraded-caption")


def test_experiments_side_by_side_equal_the_degraded_table(desktop, mini):
    frame = TABLES["degraded"](mini).frame.set_index(["Experiment", "Condition"])
    kinds, metrics = ["own generator", "off-diagonal mean"], ["Balanced accuracy", "ROC-AUC"]
    of = lambda name, metric: frame[frame["Metric"] == metric].loc[(name, "clean"), kinds].tolist()  # noqa: E731
    expected = [[name, *(text for metric in metrics for text in of(name, metric))] for name in mini.experiments]
    assert desktop.read(TABLE, "experiments-table") == expected
    plotted = [text for chart in desktop.read(PLOTTED, "experiments-charts") for t in chart for text in t["text"]]
    assert sorted(text.split(": ")[1] for text in plotted) == sorted(text for row in expected for text in row[1:])


def test_controls_equal_their_table_under_every_option(desktop, mini):
    frame = TABLES["controls"](mini).frame[["Trained on", "Experiment", *mini.controls]]
    for condition in desktop.options("controls-condition"):
        desktop.choose("controls-condition", condition)
        shown = desktop.read(TABLE, "controls-table")
        if condition == mini.plain:
            assert shown == frame.to_numpy().tolist()
            plotted = [text for chart in desktop.read(PLOTTED, "controls-charts") for t in chart for text in t["text"]]
            assert sorted(text.split(": ")[1] for text in plotted) == sorted(frame[[*mini.controls]].to_numpy().ravel())
        assert condition in desktop.page.inner_text("#controls-caption")


def test_a_chart_shows_its_number_on_hover(desktop, mini):
    desktop.choose("controls-condition", mini.plain)
    point = desktop.page.locator("#controls-charts .chart").first.locator(".points path").first
    point.scroll_into_view_if_needed()
    point.hover(force=True)
    text = desktop.page.locator("#controls-charts .hovertext").first.text_content()
    assert re.search(r"(raw|unbiased), \w+: \d+\.\d \[", text)


def test_keys_alone_reach_and_turn_everything(chromium, path):
    visit = Visit(chromium, path)
    press, focused = visit.page.keyboard.press, "document.activeElement.id || document.activeElement.className"
    press("Tab")
    assert "skip" in visit.page.evaluate(focused)
    visit.page.evaluate("document.getElementById('matrix-view').focus()")
    before = visit.read(GRID)
    press("ArrowDown")
    assert visit.read(GRID) != before and "unbiased" in visit.page.inner_text("#matrix-caption")
    for _ in range(3):
        press("Tab")
    while "cell" not in visit.page.evaluate("document.activeElement.className"):
        press("Tab")
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "Home", "End", "ArrowLeft"):
        press(key)
    place = visit.page.evaluate("({...document.activeElement.dataset})")
    assert place == {"row": "2", "column": "8"} and visit.page.is_visible("#tip")
    assert visit.page.locator("#matrix-grid [tabindex='0']").count() == 1
    press("Enter")
    assert "realsr → mean" in visit.page.inner_text("#matrix-detail")
    press("Escape")
    assert not visit.page.is_visible("#tip")
    reached = set()
    while "bibtex" not in reached and len(reached) < 60:
        press("Tab")
        reached.add(visit.page.evaluate("document.activeElement.id || document.activeElement.value || ''"))
        if visit.page.evaluate("document.activeElement.tagName") == "SUMMARY":
            press("Enter")
    assert {"degraded-metric", "raw", "own", "controls-condition", "copy", "bibtex"} <= reached
    assert visit.page.locator("#degraded-table").is_visible()
    visit.page.focus("#copy")
    outline = visit.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    press("Enter")
    visit.until("document.getElementById('copied').textContent !== ''")
    assert outline == "solid"
    visit.close()


def test_colours_follow_the_reader(desktop):
    colours = """() => [
        getComputedStyle(document.body).backgroundColor,
        document.querySelector('.chart').layout.font.color,
        getComputedStyle(document.querySelector('.chart .xtick text')).fill,
    ]"""
    light = desktop.read(colours)
    desktop.page.emulate_media(color_scheme="dark")
    desktop.until("document.querySelector('.chart').layout.font.color === '#e9ebed'")
    dark = desktop.read(colours)
    assert light[0] == "rgb(255, 255, 255)" and all(one != other for one, other in zip(light, dark, strict=True))
    desktop.page.emulate_media(color_scheme="light")


def test_a_phone_scrolls_no_page_sideways_and_has_room_for_fingers(chromium, path):
    visit = Visit(chromium, path, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    small = visit.page.eval_on_selector_all(
        "select, button, summary, .tick, nav a, .cell",
        "all => all.filter(one => one.checkVisibility() && one.getBoundingClientRect().height < 40).length",
    )
    assert small == 0
    visit.page.locator('[data-row="3"][data-column="1"]').tap()
    assert "srvgg → realesrgan" in visit.page.inner_text("#matrix-detail")
    visit.page.evaluate("document.querySelectorAll('details').forEach(drawer => { drawer.open = true; })")
    svgs = "[...document.querySelectorAll('.chart .main-svg')]"
    right = f"Math.max(...{svgs}.map(one => one.getBoundingClientRect().right))"
    assert 0 < visit.page.evaluate(right) <= visit.page.evaluate("document.documentElement.scrollWidth") == 390
    visit.page.set_viewport_size({"width": 844, "height": 390})  # turned on its side
    visit.until(f"{right} > 700")
    visit.page.set_viewport_size({"width": 360, "height": 844})
    visit.until(f"{right} <= 360 && document.documentElement.scrollWidth === 360")
    visit.close()


def test_paper_shows_the_state_without_controls(chromium, path, tmp_path):
    visit = Visit(chromium, path, color_scheme="dark")
    visit.choose("matrix-condition", "fakes_q96")
    visit.page.emulate_media(media="print", color_scheme="dark")
    assert visit.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    visit.until("document.querySelectorAll('details:not([open])').length === 0")
    assert not visit.page.locator("nav, .controls, #copy").locator("visible=true").count()
    assert "fakes_q96" in visit.page.inner_text("#matrix-caption") and visit.page.is_visible("#matrix-table")
    visit.page.set_viewport_size({"width": 688, "height": 973})  # A4 within its margins
    assert visit.page.evaluate("document.documentElement.scrollWidth") == 688
    drawn = visit.page.eval_on_selector_all(".chart", "all => all.map(one => one._fullLayout.width)")
    assert set(drawn) == {330}  # for the paper, not shrunk from the screen
    ink = visit.page.evaluate("getComputedStyle(document.querySelector('.chart .xtick text')).fill")
    assert ink == "rgb(0, 0, 0)"
    pdf = tmp_path / "report.pdf"
    visit.page.pdf(path=pdf, format="A4", print_background=True, outline=True, tagged=True)
    titles = set(re.findall(rb"/Title\s*\(([^)]*)\)", pdf.read_bytes()))
    always = [title for key, title in TITLES.items() if key not in ASKED]
    assert {f"{number} {title}".encode() for number, title in enumerate(always, 1)} <= titles
    visit.page.emulate_media(media="screen")
    visit.until("document.querySelectorAll('details[open]').length === 0")
    assert not visit.page.is_visible("#matrix-table") and visit.page.is_visible("nav")
    visit.close()


def test_paper_before_the_charts_shows_the_drawn_figures(chromium, tiny, write_page):
    drawn = ("matrix_clean_balanced_accuracy", "degradation_roc_auc", "probes_q96", "controls")
    page = chromium.new_page()
    page.add_init_script("Response.prototype.text = () => new Promise(() => {})")
    page.goto(write_page(tiny, drawn).as_uri())
    page.wait_for_selector("html[data-ready]")
    page.emulate_media(media="print")
    page.wait_for_selector("html.early")
    assert page.locator(".stand-in figure svg").count() == len(drawn) - 1  # the matrix stands as it is
    assert page.locator(".stand-in figure svg").locator("visible=true").count() == len(drawn) - 1
    assert not page.locator(".charts, .key, .stand-in table").locator("visible=true").count()
    assert page.is_visible("#matrix-grid")
    page.emulate_media(media="screen")
    page.wait_for_selector("html:not(.early)")
    assert page.locator(".stand-in").count() == 0 and page.locator(".charts").locator("visible=true").count() > 3
    page.close()


def test_without_scripts_figures_and_tables_stand_still(chromium, tiny, write_page):
    drawn = ("matrix_clean_balanced_accuracy", "degradation_roc_auc", "probes_q96", "controls")
    visit = Visit(chromium, write_page(tiny, drawn), java_script_enabled=False)
    assert visit.page.locator("figure svg").count() == len(drawn)
    assert not visit.page.locator(".interactive").locator("visible=true").count()
    assert TABLES["matrix"](tiny).frame["adm"][0] in visit.page.inner_text("main")
    visit.close()


def test_odd_reports_are_shown_as_well(chromium, odd, tiny, write_page):
    visit = Visit(chromium, write_page(odd))
    heads = visit.page.locator("#matrix-grid .group").all_inner_texts()
    assert heads == ["tested on", "unseen", "means"]
    assert visit.page.locator("#matrix-grid tbody tr").count() == 4  # adm, sd14, both, mean
    assert visit.page.locator(".cell.own").count() == 2
    assert visit.page.locator(".tick input[value=mean_unseen]").count() == 1
    unseen = percent(odd.cell("raw", MEAN, MEAN_UNSEEN, "clean", "balanced_accuracy"))
    assert unseen in visit.page.inner_text("#matrix-means")
    assert "no controls" in visit.page.inner_text("main") and "97.0 %" in visit.page.inner_text("main")
    visit.close()
    visit = Visit(chromium, write_page(tiny))
    assert visit.options("matrix-view") == ["raw"] and visit.options("matrix-condition") == ["clean"]
    assert visit.page.locator("#degraded-charts figcaption").all_inner_texts() == ["no degradation"]
    visit.close()


def test_many_experiments_of_several_seeds_are_readable(chromium, write_page):
    names = tuple(f"network_{number}+fakes=simulated" for number in range(9))
    data = draw(("adm", "sd14"), (*CONDITIONS[:2], CONDITIONS[7]), (0, 1), names)
    visit = Visit(chromium, write_page(data))
    assert visit.page.locator("#degraded-kinds input:checked").evaluate_all("all => all.map(one => one.value)") == [
        OFF_DIAGONAL
    ]
    marks = visit.page.eval_on_selector_all(
        "#degraded-charts-key span", "all => all.map(one => one.querySelector('path').outerHTML)"
    )
    assert len(set(marks)) == len(names)  # nine experiments, eight colours
    cell = data.cell(names[0], "adm", "sd14", "clean", "balanced_accuracy")
    assert "2 seeds: mean ± standard deviation" in visit.page.inner_text("#matrix-caption")
    shown = visit.page.locator('[data-row="0"][data-column="1"]')
    assert shown.locator("small").inner_text() == f"± {100 * cell.sd:.1f}" and cell.has_sd
    assert f"standard deviation {100 * cell.sd:.1f} over 2 seeds" in shown.get_attribute("aria-label")
    assert visit.read(TABLE, "matrix-table")[0][2] == percent(cell)
    folded = visit.page.locator("section:has(#meaning) details summary").all_inner_texts()
    assert sum("sentences" in text for text in folded) >= 3
    visit.page.set_viewport_size({"width": 390, "height": 844})
    visit.until("document.documentElement.scrollWidth === 390")
    visit.close()


@pytest.mark.long
def test_the_page_of_the_mini_run_equals_its_files(chromium):
    report = ROOT / "results" / "mini"
    if not (report / "report.html").is_file():
        pytest.skip("results/mini is not there: make demo")
    assert (report / "report.html").stat().st_size < 10_000_000
    visit = Visit(chromium, report / "report.html")
    metrics = pd.read_parquet(report / "metrics.parquet")
    metrics = metrics.set_index(["experiment", "condition", "metric", "train_set", "test_generator"]).sort_index()
    text = lambda row: percent(Estimate(row.value, row.low, row.high))  # noqa: E731
    compared = 0
    for view in [name for name in visit.options("matrix-view")[:-1] if "−" not in name]:
        visit.choose("matrix-view", view)
        for condition, metric in product(visit.options("matrix-condition"), ("balanced_accuracy", "roc_auc")):
            visit.choose("matrix-condition", condition)
            visit.choose("matrix-metric", metric)
            block = metrics.loc[(view, condition, metric)]
            heads = visit.page.eval_on_selector_all("#matrix-table thead th", "all => all.map(one => one.textContent)")
            for row in visit.read(TABLE, "matrix-table"):
                for head, shown in zip(heads[1:9], row[1:9], strict=True):
                    assert shown == text(block.loc[(row[0], head)])
                    compared += 1
    assert compared >= 2 * 9 * 2 * 9 * 8
    visit.close()


FOLLOW = """key => new Promise((done) => {
    addEventListener("scrollend", done, { once: true });
    document.querySelector(`nav a[href="#${key}"]`).click();
})"""


SETTLED = """() => new Promise((done) => {
    let [place, still] = [scrollY, 0];
    const look = () => {
        still = scrollY === place ? still + 1 : 0;
        place = scrollY;
        if (still < 20) requestAnimationFrame(look); else done();
    };
    look();
})"""


@pytest.mark.long
@pytest.mark.parametrize(
    ("width", "slower", "sections"),
    [
        (390, 1, ["bias", "matrix", "errors", "meaning", "data"]),
        (1280, 1, ["bias", "matrix", "errors", "meaning", "data"]),
        (390, 3, ["errors", "data"]),
    ],
    ids=["phone", "desktop", "slow phone"],
)
def test_links_of_the_mini_run_lead_to_their_sections(chromium, width, slower, sections):
    """Also while charts are drawn and pictures come: nothing above a section may change height, not for a moment."""
    report = ROOT / "results" / "mini" / "report.html"
    if not report.is_file():
        pytest.skip("results/mini is not there: make demo")
    for key, link in product(sections, ("opened", "followed at once", "followed when drawn")):
        page = chromium.new_page(viewport={"width": width, "height": 844})
        page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slower})
        page.goto(report.as_uri() + (f"#{key}" if link == "opened" else ""))
        if link == "followed at once":
            page.wait_for_selector("html[data-ready]")
            page.evaluate(FOLLOW, key)
        page.wait_for_selector("html[data-drawn]")
        if link == "followed when drawn":
            page.evaluate(FOLLOW, key)
        page.evaluate(SETTLED)
        top = page.evaluate("key => document.getElementById(key).getBoundingClientRect().top", key)
        assert 0 <= top < 844 / 4, (key, link)
        page.close()
