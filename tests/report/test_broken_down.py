"""Tables, figures and section of breakdowns, agreement and the hardest images."""

import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from synthetic_breakdowns import FEW, with_breakdowns
from synthetic_report import CONDITIONS, draw

from crossgen.report.binned import sizes
from crossgen.report.correlation import clustered, correlation
from crossgen.report.estimates import Estimate
from crossgen.report.figures import plan, save
from crossgen.report.gallery import gallery
from crossgen.report.page import overview, render
from crossgen.report.printing import latex, markdown
from crossgen.report.tables import TABLES

NEW = ("breakdown_quality", "breakdown_size", "classes", "correlation", "disagreement", "hardest")


@pytest.fixture(scope="module")
def data(mini):
    return with_breakdowns(mini)


@pytest.fixture(scope="module")
def small():
    """One generator, one train set, one condition."""
    return draw(generators=("adm",), conditions=CONDITIONS[:1], experiments=("raw",))


def found(data, table, **keys):
    frame = TABLES[table](data).frame
    for name, value in keys.items():
        frame = frame[frame[name] == value]
    assert len(frame) == 1, (keys, len(frame))
    return frame.iloc[0]


def source(data, **keys):
    rows = data.breakdowns[(data.breakdowns.experiment == "raw") & (data.breakdowns.condition == "clean")]
    for name, value in keys.items():
        rows = rows[rows[name] == value]
    return rows.iloc[0]


def test_reals_called_fake_are_the_other_side_of_tnr(data):
    row = source(data, by="quality", bin="96", metric="tnr", train_set="style")
    printed = found(data, "breakdown_quality", Experiment="raw", Share="Reals called fake (FPR)", Bin="96")
    values = [1 - row["value"], 1 - row["high"], 1 - row["low"]]
    assert printed["style"] == "{:.1f} [{:.1f}, {:.1f}]".format(*(100 * value for value in values))
    assert printed["Images"] == "400" and printed["By"] == "JPEG quality"


def test_few_images_show_the_interval_alone(data):
    row = source(data, by="size", bin="96–111", metric="tpr", train_set="style")
    keys = {"Experiment": "raw", "By": "short side (px)", "Share": "Fakes found (TPR)", "Bin": "96–111"}
    printed = found(data, "breakdown_size", **keys)
    assert printed["style"] == f"[{100 * row['low']:.1f}, {100 * row['high']:.1f}]".replace("-", "−")
    assert printed["Images"] == str(FEW)


def test_a_bin_without_a_label_is_left_out(data):
    frame = TABLES["breakdown_quality"](data).frame
    assert set(frame[frame["Share"] == "Fakes found (TPR)"]["Bin"]) == {"96", "lossless"}
    assert set(frame[frame["Share"] == "Reals called fake (FPR)"]["Bin"]) == {"95", "96", "lossless"}


def test_classes_are_the_extremes_and_the_spread(data):
    frame = TABLES["classes"](data).frame
    block = frame[(frame["Experiment"] == "raw") & (frame["Share"] == "Fakes found (TPR)")]
    assert len(block) == 21 and block["Class"].iloc[-1] == "all: sd (by chance)"
    rows = data.breakdowns[(data.breakdowns.experiment == "raw") & (data.breakdowns.condition == "clean")]
    rows = rows[(rows.by == "class") & (rows.metric == "tpr") & (rows.n >= data.minimum)]
    means = rows.groupby("bin")["value"].mean().sort_values(ascending=False)
    assert block["Class"].tolist()[:20] == [*means.index[:10], *means.index[-10:]]
    assert re.fullmatch(r"\d+\.\d \(\d+\.\d\)", block["style"].iloc[-1])
    assert len(TABLES["classes"](data).full) == 2 * 2 * 20 * 8  # shares, experiments, classes, train sets


def test_correlation_prints_coefficients_with_their_intervals(data):
    printed = found(
        data, "correlation", **{"Experiment": "raw", "Metric": "Balanced accuracy", "Trained on": "cyclegan"}
    )
    assert printed["cyclegan"] == "1" and printed["realsr"] == "0.54 [0.14, 0.94]"
    lost = found(data, "correlation", **{"Experiment": "raw", "Metric": "ROC-AUC", "Trained on": "realsr"})
    assert lost["cyclegan"] == "– (1)" and TABLES["correlation"](data).notes == ("(1) a training row is constant",)


def test_disagreement_has_a_block_an_experiment_and_one_across(data):
    table = TABLES["disagreement"](data)
    assert [heading for heading, _ in table.parts()] == ["raw", "raw, unbiased", "unbiased"]
    row = found(data, "disagreement", Detectors="raw", Pair="cyclegan, style")
    assert row.tolist()[2:] == ["500", "25.0 [15.0, 35.0]", "−0.50 [−0.60, −0.40]", "– (1)"]


def test_hardest_images_say_who_was_wrong(data):
    row = found(data, "hardest", Experiment="raw", Rank=1)
    assert row["File"] == "500 x 375 JPEG, quality 96" and row["Wrong"] == "8 of 8"
    assert row["Of these own"] == "1 of 2" and row["Margin"] == "−1.23" and row["Class"] == "–"
    assert "thumbnail" not in TABLES["hardest"](data).full


@pytest.mark.parametrize("name", NEW)
def test_tables_of_nothing_and_of_one_generator_can_be_written(small, tiny, data, name):
    for each in (small, tiny, with_breakdowns(small), with_breakdowns(tiny), data):
        table = TABLES[name](each)
        assert markdown(table) and latex(table) and table.caption
        assert table.full.to_csv()


def test_another_condition_is_shown_where_the_plain_one_has_no_matrix(data):
    only = replace(data, matrix_conditions=("fakes_q96",))
    assert "fakes_q96." in TABLES["breakdown_size"](only).caption
    assert set(TABLES["breakdown_size"](only).full["condition"]) == {"fakes_q96"}


def drawn_text(figure):
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    return renderer


def test_sizes_have_a_panel_a_train_set_and_a_line_at_s(data):
    figure = sizes(data, "raw")
    assert [axes.get_title("left") for axes in figure.axes] == list(data.generators)
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["96–111", "112–127", "128+"]
    reals = source(data, by="size", bin="128+", metric="tnr", train_set="cyclegan")
    shown = [line for line in axes.lines if len(line.get_xdata()) == 2 and line.get_xdata()[1] > 1.5]
    assert shown[0].get_ydata()[1] == pytest.approx(100 * (1 - reals["value"]))
    marks = [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == "--"]
    assert marks == [0.5]  # S = 112, where the second bin begins


def test_figures_of_nothing_say_so(small, tiny):
    for each in (small, tiny):
        for kind in ("sizes", "qualities", "correlation"):
            text = plan(each)[f"{kind}_raw"]().texts[1].get_text()
            assert "nothing to" in text.lower()


def test_correlation_leaves_are_stable_and_undefined_rows_come_last():
    near = {("a", "c"): 0.9, ("b", "d"): 0.8, ("a", "b"): -0.2, ("a", "d"): -0.1, ("c", "b"): 0.0, ("c", "d"): -0.3}
    cells = {frozenset(key): Estimate(value) for key, value in near.items()}

    def cell(first, second):
        return Estimate(1.0) if first == second else cells.get(frozenset((first, second)), Estimate())

    order, tree = clustered(("a", "b", "c", "d"), cell)
    assert {order[:2], order[2:]} == {("a", "c"), ("b", "d")}
    assert max(max(heights) for heights in tree["dcoord"]) == pytest.approx(1 + 0.15)  # average of 1 - r over pairs
    again, _ = clustered(("a", "b", "c", "d", "x"), cell)
    assert again == (*order, "x")
    assert clustered(("x", "y"), cell) == (("x", "y"), None)
    assert clustered(("a",), cell) == (("a",), None)


def test_correlation_figure_hatches_what_is_undefined(data):
    figure = correlation(data, "raw")
    titles = [axes.get_title("left") for axes in figure.axes if axes.get_title("left")]
    assert titles == ["Balanced accuracy", "ROC-AUC"]
    hatched = [sum(patch.get_hatch() is not None for patch in axes.patches) for axes in figure.axes if axes.patches]
    assert hatched[:2] == [0, 2]


@pytest.mark.parametrize("kind", ["sizes", "qualities", "correlation"])
def test_no_text_overlaps_another_with_many_and_long_names(kind):
    names = tuple(f"leave_out_generator_{number:02d}" for number in range(9))
    for generators in (("adm", "sd14"), names):
        data = with_breakdowns(draw(generators, CONDITIONS[:1], experiments=("raw",)))
        figure = plan(data)[f"{kind}_raw"]()
        renderer = drawn_text(figure)
        texts = [text for axes in figure.axes for text in (axes._left_title, *axes.get_yticklabels(), *axes.texts)]
        texts += [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
        boxes = [text.get_window_extent(renderer) for text in texts if text.get_text() and text.get_visible()]
        assert not [(a, b) for i, a in enumerate(boxes) for b in boxes[i + 1 :] if a.overlaps(b)]
        assert all(box.x0 >= 0 and box.x1 <= figure.bbox.width and box.y0 >= 0 for box in boxes)


@pytest.mark.parametrize("kind", ["sizes", "correlation"])
def test_figures_are_the_same_bytes_again(data, tmp_path, kind):
    first, second = (save(plan(data)[f"{kind}_raw"](), tmp_path / folder / kind) for folder in ("a", "b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_page_shows_pictures_where_there_are_and_escapes_their_names(data):
    tables = {name: build(data) for name, build in TABLES.items()}
    page = render(data, {}, tables, {})
    addresses = re.findall(r'<img src="(data:image/jpeg;base64,[^"]+)" alt="([^"]*)"', page)
    assert len(addresses) == 4 and addresses[0][1] == "photographs/&lt;b&gt;1&lt;/b&gt;.jpg"
    assert "<b>1</b>" not in page
    assert {name: len(shown) for name, shown in gallery(data).items()} == {"raw": 2, "unbiased": 2}
    assert "data:image/jpeg" not in overview(data, tables)
    bare = replace(data, hardest=data.hardest.assign(thumbnail=None))
    assert gallery(bare) == {} and "Hardest images:" not in render(bare, {}, tables, {})


def test_values_are_pooled_over_seeds():
    data = with_breakdowns(draw(("adm", "sd14"), CONDITIONS[:1], seeds=(0, 1), experiments=("raw",)))
    rows = data.breakdowns[(data.breakdowns.by == "size") & (data.breakdowns.bin == "128+")]
    rows = rows[(rows.metric == "tpr") & (rows.train_set == "adm")]
    keys = {"By": "short side (px)", "Share": "Fakes found (TPR)", "Bin": "128+"}
    printed = found(data, "breakdown_size", **keys)["adm"]
    assert printed.startswith(f"{100 * rows['value'].mean():.1f} ± {100 * np.std(rows['value'], ddof=1):.1f} [")
