"""Learning curves: what is drawn is what the histories hold, and what is watched is told from what chooses."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from synthetic_report import draw

from crossgen import records
from crossgen.report import inputs
from crossgen.report.learning import WATCHED, learning


def drawn(axes, label):
    """x and y of the lines of one label."""
    return [np.array(line.get_data()) for line in axes.lines if line.get_label() == label]


def panels(figure):
    """Title to (losses, areas)."""
    return {
        upper.get_title("left"): (upper, lower)
        for upper, lower in zip(figure.axes[::2], figure.axes[1::2], strict=True)
    }


def test_lines_are_the_histories_a_line_a_seed():
    data = draw(("adm", "sd14"), seeds=(0, 1))
    found = panels(learning(data, "raw"))
    assert list(found) == ["adm", "sd14"]
    for name, (upper, lower) in found.items():
        for seed in (0, 1):
            rows = data.histories.query(f"experiment == 'raw' and trained_on == '{name}' and seed == {seed}")
            for axes, column, factor in ((upper, "train_loss", 1), (upper, "val_loss", 1), (lower, "val_roc_auc", 100)):
                label = "training" if column == "train_loss" else "validation"
                known = rows[rows[column].notna()]
                assert drawn(axes, label)[seed] == pytest.approx(
                    np.array([known["epoch"], factor * known[column]], float)
                )


def test_a_ring_marks_the_epoch_that_was_kept():
    data = draw(("adm", "sd14"))
    for axes, column, factor in zip(
        panels(learning(data, "raw"))["adm"], ("val_loss", "val_roc_auc"), (1, 100), strict=True
    ):
        (ring,) = [line for line in axes.lines if line.get_marker() == "o"]
        (kept,) = data.histories.query("experiment == 'raw' and trained_on == 'adm' and kept")[column]
        assert np.array(ring.get_data())[:, 0] == pytest.approx([4, factor * kept])


def test_watched_train_sets_are_thin_coloured_and_said_to_choose_nothing():
    data = draw(("adm", "sd14", "glide"))
    figure = learning(data, "raw")
    assert "for the eye: never used to choose" in figure.texts[1].get_text()
    _, areas = panels(figure)["sd14"]
    thin = {line.get_label(): line for line in areas.lines if line.get_linewidth() < 1 and line.get_color() in WATCHED}
    assert set(thin) == {"adm", "glide"}
    rows = data.watched.query("trained_on == 'sd14' and train_set == 'glide'")
    assert np.array(thin["glide"].get_data()) == pytest.approx(np.array([rows["epoch"], 100 * rows["roc_auc"]]))
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["training", "validation", "adm", "sd14", "glide"]
    other = learning(data, "unbiased")
    assert "for the eye" not in other.texts[1].get_text() and len(other.legends[0].get_texts()) == 2


def test_numbers_that_do_not_exist_are_left_out_and_stretch_nothing():
    data = draw(("adm", "sd14"))
    history = data.histories.copy()
    history.loc[history["epoch"] > 1, ["val_loss", "val_roc_auc"]] = np.nan
    history.loc[history.index[0], "train_loss"] = np.inf
    losses, areas = panels(learning(replace(data, histories=history), "raw"))["adm"]
    assert np.isfinite(losses.get_ylim()).all() and losses.get_ylim()[1] < 1
    assert len(drawn(areas, "validation")[0][0]) == 1  # of the second epoch alone


def test_histories_are_read_with_the_detector_that_they_name(tmp_path):
    told = draw(("adm", "sd14"), seeds=(0, 7)).histories
    paths = [tmp_path / f"{place}.parquet" for place in range(4)]
    for path, (_, rows) in zip(paths, told.query("experiment == 'raw'").groupby(["trained_on", "seed"]), strict=True):
        records.write(path, pa.Table.from_pandas(rows, preserve_index=False), records.HISTORY)
    found = inputs._told(paths, records.HISTORY)
    assert found["seed"].unique().tolist() == [0, 7] and str(found["seed"].dtype) == "int64"
    assert set(found["trained_on"]) == {"adm", "sd14"} and len(found) == 24
    assert inputs._told([], records.WATCHED).empty
