from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from synthetic_report import draw

from crossgen.config import PublishedComparison
from crossgen.config.axes import Ablation
from crossgen.report.curves import degradation
from crossgen.report.data import MEAN, OFF_DIAGONAL, OWN
from crossgen.report.dots import experiments
from crossgen.report.figures import FIGURES, plan, save
from crossgen.report.heatmaps import matrix
from crossgen.report.histograms import biases
from crossgen.report.style import look


def test_heat_map_has_a_panel_an_experiment_and_a_difference(mini):
    figure = matrix(mini, "clean", "balanced_accuracy")
    titles = [axes.get_title("left") for axes in figure.axes]
    assert [title for title in titles if title] == ["raw", "unbiased", "unbiased − raw"]
    assert figure.texts[0].get_text() == "Balanced accuracy, clean"
    assert "144 reals, 60 fakes; 1 seed" in figure.texts[1].get_text()


def test_heat_map_cells_equal_the_metrics(mini):
    axes = matrix(mini, "clean", "roc_auc").axes[1]
    cells = [text for text in axes.texts if not text.get_text().startswith("own")]
    expected = [mini.cell("unbiased", "cyclegan", test, "clean", "roc_auc").value for test in mini.generators]
    assert [text.get_text() for text in cells[:8]] == [f"{100 * value:.0f}" for value in expected]
    assert len(cells) == 9 * 10


def test_unseen_generators_stand_apart_with_a_mean_of_their_own(odd):
    axes = matrix(odd, "clean", "roc_auc").axes[0]
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names == ["adm", "sd14", "glide", "mean", "off-diag.", "mean unseen"]
    gaps = np.diff(axes.get_xticks()).round(2)
    assert gaps.tolist() == [1.0, 1.35, 1.35, 1.0, 1.0]  # a break before and after the unseen one


def test_undefined_cell_is_a_hatched_dash(mini):
    axes = matrix(mini, "clean", "balanced_accuracy").axes[0]
    assert [text.get_text() for text in axes.texts].count("–") == 1
    assert sum(patch.get_hatch() is not None for patch in axes.patches) == 1
    assert not any(patch.get_hatch() for patch in matrix(mini, "fakes_q96", "roc_auc").axes[0].patches)


def test_difference_not_separated_from_zero_is_italic(mini):
    axes = matrix(mini, "clean", "balanced_accuracy").axes[2]
    italics = {text.get_text() for text in axes.texts if text.get_style() == "italic"}
    assert italics
    for text in italics:
        assert abs(int(text.replace("−", "-"))) <= 6  # the half width that the test data have


def test_colour_scales_are_fixed_and_symmetric(mini):
    bars = matrix(mini, "clean", "balanced_accuracy").axes[-2:]
    assert bars[0].get_xlim() == (0, 100)
    low, high = bars[1].get_xlim()
    assert low == -high


def test_curves_have_a_panel_a_family_and_one_for_the_rest(mini, tiny):
    titles = [axes.get_title("left") for axes in degradation(mini, "balanced_accuracy").axes]
    assert titles == ["resize", "jpeg", "blur", "other conditions"]
    assert [axes.get_title("left") for axes in degradation(tiny, "roc_auc").axes] == ["no degradation"]


def test_histograms_have_a_row_a_stage(mini):
    titles = [axes.get_title("left") for axes in biases(mini, "q96").axes]
    stages = [title.split(" (")[0] for title in titles if title]
    assert stages == ["before selection", "after selection", "after alignment"]


def test_plan_names_every_figure(mini, tiny):
    varied = replace(
        mini,
        ablations=(Ablation(("lr",), {"raw": (0.1,), "unbiased": (1.0,)}),),
        compared=(PublishedComparison(table="genimage_table2", experiment="raw"),),
        class_groups=("animals",),
        spectra=pd.DataFrame({"pool": ["sd14"]}),
    )
    assert {name.split("_")[0] for name in plan(varied)} == set(FIGURES)
    assert "matrix_fakes_q96_roc_auc" in plan(mini)
    assert "matrix_clean_roc_auc" in plan(tiny)


@pytest.mark.parametrize("name", ["matrix_clean_balanced_accuracy", "degradation_roc_auc", "biases_q96", "controls"])
def test_figures_are_the_same_bytes_again(tiny, tmp_path, name):
    first, second = (save(plan(tiny)[name](), tmp_path / folder / name) for folder in ("a", "b"))
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_many_experiments_and_train_sets_that_are_no_generators():
    data = draw(("adm", "sd14"), extra=("all8",), seeds=(0, 1), experiments=("raw", "unbiased", "aligned", "other"))
    figure = matrix(data, "clean", "balanced_accuracy")
    assert len([axes for axes in figure.axes if axes.get_title("left")]) == 7
    assert "mean ± sd over 2 seeds" in figure.texts[1].get_text()
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["adm", "sd14", "all8", "mean"]


@pytest.mark.long
def test_many_experiments_have_a_row_of_panels_a_mean():
    names = tuple(f"experiment_{number}" for number in range(9))
    figure = degradation(draw(("adm", "sd14"), experiments=names, seeds=(0, 1)), "balanced_accuracy")
    titles = [axes.get_title("left") for axes in figure.axes]
    assert titles[:2] == ["resize: own generator", "jpeg: own generator"] and titles[-1].endswith("off-diagonal mean")
    assert len(titles) == 8 and figure.get_figwidth() < 16
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(names)
    assert len({look(number) for number in range(24)}) == 24
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    heads = [axes._left_title.get_window_extent(renderer) for axes in figure.axes[4:]]
    ticks = [label.get_window_extent(renderer) for axes in figure.axes[:4] for label in axes.get_xticklabels()]
    legend = figure.legends[0].get_window_extent(renderer)
    below = [label.get_window_extent(renderer) for axes in figure.axes[4:] for label in axes.get_xticklabels()]
    assert not any(head.overlaps(tick) for head in heads for tick in ticks)
    assert not any(legend.overlaps(tick) for tick in below) and legend.x1 < figure.bbox.width and legend.y0 >= 0


def test_experiments_stand_side_by_side(mini, odd):
    figure = experiments(mini)
    assert [axes.get_title("left") for axes in figure.axes] == ["Balanced accuracy", "ROC-AUC"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["raw", "unbiased"]
    own, off = (figure.axes[1].containers[place].lines[0].get_xdata() for place in (0, 1))
    expected = [[mini.cell(name, MEAN, kind, "clean", "roc_auc").value for name in ("raw", "unbiased")]
                for kind in (OWN, OFF_DIAGONAL)]  # fmt: skip
    assert [list(own), list(off)] == [[100 * value for value in values] for values in expected]
    assert [text.get_text() for text in experiments(odd).legends[0].get_texts()][-1] == "unseen generators"


def test_no_text_of_a_heat_map_overlaps_another(mini, tiny):
    for data in (mini, tiny):
        figure = matrix(data, "clean", "balanced_accuracy")
        renderer = FigureCanvasAgg(figure).get_renderer()
        figure.draw(renderer)
        cells = [text.get_window_extent(renderer) for axes in figure.axes for text in axes.texts]
        titles = [axes._left_title.get_window_extent(renderer) for axes in figure.axes if axes.get_title("left")]
        boxes = cells + titles + [text.get_window_extent(renderer) for text in figure.texts]
        overlapping = [(a, b) for i, a in enumerate(boxes) for b in boxes[i + 1 :] if a.overlaps(b)]
        assert not overlapping
        assert all(box.x1 <= figure.bbox.width and box.y0 >= 0 for box in boxes)
