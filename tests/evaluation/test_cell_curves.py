"""Curves behind the cells: against scikit-learn and counts by hand."""

import numpy as np
import pytest
from broken_tables import drawn
from scipy.special import expit
from sklearn.metrics import auc, roc_auc_score

from crossgen import records
from crossgen.evaluation.cell_curves import BINS, POINTS, cell_curves


@pytest.fixture(scope="module")
def answers():
    return drawn(fakes=300, reals=400)


@pytest.fixture(scope="module")
def curves(answers):
    import pyarrow as pa

    found = cell_curves(answers)
    checked = records.check(pa.Table.from_pandas(found, preserve_index=False), records.CURVES, "curves")
    return checked.to_pandas()


def cells(answers, curves):
    for judge, logits in answers.logits.items():
        for test in answers.test_sets:
            place = (curves[name] == value for name, value in judge._asdict().items())
            mask = np.all([*place, curves["test_generator"] == test.name], axis=0)
            rows = answers.rows([test])
            rows = rows[~np.isnan(logits[rows])]
            yield test, curves[mask], answers.labels[rows], logits[rows].astype(float)


def test_a_thinned_roc_curve_keeps_ends_and_area(answers, curves):
    count = 0
    for test, rows, labels, logits in cells(answers, curves):
        roc = rows[rows["curve"] == "roc"].sort_values("position")
        if not test.pair:
            assert rows.empty
            continue
        assert len(roc) <= POINTS
        assert (roc[["x", "y"]].iloc[0] == 0).all() and (roc[["x", "y"]].iloc[-1] == 1).all()
        assert (roc[["x", "y"]].diff().dropna() >= 0).all(axis=None)
        assert auc(roc["x"], roc["y"]) == pytest.approx(roc_auc_score(labels, logits), abs=0.01)
        points = {
            (round((logits[labels == 0] >= t).mean(), 9), round((logits[labels == 1] >= t).mean(), 9)) for t in logits
        }
        assert {(round(x, 9), round(y, 9)) for x, y in zip(roc["x"], roc["y"], strict=True)} <= points | {(0.0, 0.0)}
        count += 1
    assert count > 4


def test_bins_hold_every_image_once(answers, curves):
    for test, rows, labels, logits in cells(answers, curves):
        if not test.pair:
            continue
        calibration = rows[rows["curve"] == "calibration"]
        assert calibration["n"].sum() == len(labels)
        for row in calibration.to_dict("records"):
            inside = np.minimum((expit(logits) * 15).astype(int), 14) == row["position"]
            weights = np.where(labels == 1, 1 / (labels == 1).sum(), 1 / (labels == 0).sum())[inside]
            assert row["n"] == inside.sum()
            assert row["x"] == pytest.approx(np.average(expit(logits[inside]), weights=weights))
            assert row["y"] == pytest.approx(np.average(labels[inside], weights=weights))
        for label, name in enumerate(("scores_real", "scores_fake")):
            bins = rows[rows["curve"] == name].sort_values("position")
            assert len(bins) == BINS and bins["n"].sum() == (labels == label).sum()
            assert (
                bins["y"].sum() == pytest.approx(1) and (bins["upper"].iloc[:-1].to_numpy() == bins["x"].iloc[1:]).all()
            )
            assert bins["x"].iloc[0] == logits.min() and bins["upper"].iloc[-1] == logits.max()


def test_one_logit_for_all_has_curves_too(answers):
    judge = next(iter(answers.logits))
    flat = type(answers)(answers.facts, answers.test_sets, {judge: np.zeros(len(answers.labels), np.float32)})
    found = cell_curves(flat)
    assert len(found) and found["y"].notna().all()
    assert set(found[found["curve"] == "roc"]["x"]) == {0.0, 1.0}


def test_a_cell_of_one_label_has_none(answers):
    judge = next(iter(answers.logits))
    logits = np.where(answers.labels == 1, 1.0, np.nan).astype(np.float32)
    assert cell_curves(type(answers)(answers.facts, answers.test_sets, {judge: logits})).empty
