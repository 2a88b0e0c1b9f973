"""Measures of validation images against scikit-learn's; what is watched is a table of its own."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, log_loss, roc_auc_score
from tiny_training import data, recipe, trained

from crossgen.config import EarlyStopping
from crossgen.detectors.detector import prepare
from crossgen.training.judging import judge, measured, val_rows
from crossgen.training.loop import score
from crossgen.training.processes import Launch, Together
from crossgen.training.readers import reader_for
from crossgen.training.setting import Setting

NEVER_BETTER = EarlyStopping(patience=1, min_gain=100.0)


def test_measures_are_scikit_learns():
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 60)
    logits = np.round(random.normal(labels, 1.5), 1)  # with ties
    found = measured(logits, labels)
    shares = 1 / (1 + np.exp(-logits))
    weights = np.where(labels == 1, 1 / labels.sum(), 1 / (1 - labels).sum())
    assert found.loss == pytest.approx(log_loss(labels, shares, sample_weight=weights))
    assert found.balanced_accuracy == pytest.approx(balanced_accuracy_score(labels, logits > 0))
    assert found.roc_auc == pytest.approx(roc_auc_score(labels, logits))
    assert (found.n_real, found.n_fake) == (60 - labels.sum(), labels.sum())
    assert (found.value("loss"), found.value("roc_auc")) == (-found.loss, found.roc_auc)


@pytest.mark.parametrize(("logits", "labels"), [([], []), ([1.0, 2.0], [1, 1]), ([1.0, math.nan], [0, 1])])
def test_what_cannot_be_measured_is_no_number(logits, labels):
    found = measured(np.array(logits), np.array(labels, np.int64))
    assert math.isnan(found.loss) and math.isnan(found.balanced_accuracy) and math.isnan(found.roc_auc)
    assert found.n_real + found.n_fake == len(labels)


def test_each_validation_image_is_judged_once_by_its_first_crop():
    told = data(8, 6)
    index = told.index.assign(crop=[0] * 12 + [1, 0])
    index.loc[12, "image_id"] = index.loc[13, "image_id"] = "twice"
    index.loc[12, "label"] = 1
    rows = val_rows(type(told)(told.crops, index))
    assert rows.tolist() == [8, 10, 9, 11, 13]
    torch.manual_seed(0)
    detector = prepare(recipe())
    reader = reader_for(told, recipe(), Setting(0), torch.device("cpu"))
    found, lost = judge(detector, reader, val_rows(told), Together(Launch().fabric("fp32")))
    logits = score(detector, told.crops, np.arange(8, 14))
    assert found == measured(logits, told.index["label"].to_numpy()[8:]) and lost == []


def test_watched_train_sets_are_scored_every_so_many_epochs_and_choose_nothing():
    told, other = data(), data(8, 16, seed=5)
    result = trained(told, Setting(0, watched={"b": other, "a": told}, watch_every=3), steps=12)
    table = result.watched
    assert list(zip(table["epoch"], table["train_set"], strict=True)) == [(2, "b"), (2, "a"), (3, "b"), (3, "a")]
    own = result.history.set_index("epoch")
    mine = table[table["train_set"] == "a"].set_index("epoch")
    assert (mine["roc_auc"] == own.loc[mine.index, "val_roc_auc"]).all()
    assert (mine["loss"] == own.loc[mine.index, "val_loss"]).all()
    assert set(table["n_real"]) == {8, 12} and (table["step"].tolist() == [9, 9, 12, 12])
    ending = trained(told, Setting(0, watched={"b": other}, watch_every=3), early_stopping=NEVER_BETTER)
    assert ending.watched["epoch"].tolist() == [1] == [ending.history["epoch"].max()]
    unwatched = trained(told, steps=12)
    assert all(torch.equal(unwatched.state[name], result.state[name]) for name in unwatched.state)
    assert unwatched.watched.empty and trained(told, Setting(0, watched={"b": other}), steps=3).watched.empty
