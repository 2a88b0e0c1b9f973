"""The table of detectors: what their files' headers and their histories tell, and what neither does."""

import json
from dataclasses import replace
from math import nan

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

from crossgen.config import Recipe
from crossgen.report.data import TRAINED
from crossgen.report.tables import TABLES
from crossgen.report.trained import architecture, frame, headers
from toys import ROOT, toy_config

FACTS = {"parameters": 11_176_512, "device": "cpu", "precision": "bf16", "commit": "abc+"}


def detector(path, seed=0, training=FACTS, **changes):
    """A detector's file as training writes it, but for the weights."""
    recipe = Recipe.model_validate_json(json.dumps(toy_config(ROOT)["recipes"][0] | changes))
    identity = {"experiment": "raw", "train_set": "adm", "generator": "adm", "seed": seed}
    header = {"format": 1, "recipe": recipe.model_dump(mode="json"), "identity": identity}
    header |= {} if training is None else {"training": {**training, "kept_epoch": 1}}
    save_file({"weight": np.zeros(2, np.float32)}, path, {"crossgen": json.dumps(header)})
    return path


def history(seed):
    """Three epochs, the second and then the third the best so far; the second twice as long as the others."""
    shared = {"experiment": "raw", "trained_on": "adm", "seed": seed, "lr": 0.1, "lost": 0}
    return pd.DataFrame({
        "epoch": [0, 1, 2], "step": [10, 20, 24], "val_loss": [nan, 0.5, 0.41259 + seed], "train_loss": 0.3,
        "val_balanced_accuracy": [nan, 0.7, 0.8], "val_roc_auc": [nan, 0.9, 0.98765], "seconds": [60.0, 120.0, 60.0],
        "images_per_second": [100.0, 200.0, 300.0], "kept": [False, True, True], **shared,
    })  # fmt: skip


@pytest.fixture
def report(tiny, tmp_path):
    """Three detectors; of one the file tells nothing of its training, of another there is no history."""
    files = [
        detector(tmp_path / "a.safetensors"),
        detector(tmp_path / "b.safetensors", seed=1, training=None),
        detector(tmp_path / "c.safetensors", seed=2),
    ]
    return replace(tiny, detectors=headers(files), histories=pd.concat([history(1), history(0)]))


def test_a_row_a_detector_with_the_epoch_that_was_kept(report):
    table = TABLES["detectors"](report)
    first, second, third = table.frame.to_dict("records")
    assert first == {
        "Experiment": "raw", "Trained on": "adm", "Seed": "0", "Architecture": "residual test_resnet",
        "Parameters": "11,176,512", "Frame": "crop 64", "Steps": "24", "Kept epoch": "2", "Val. loss": "0.413",
        "Val. ROC-AUC": "98.8", "Device": "cpu", "Precision": "bf16", "Images/s": "200", "Minutes": "4.0",
    }  # fmt: skip
    assert second["Val. loss"] == "1.413" and [second[name] for name in ("Parameters", "Device")] == ["–", "–"]
    assert third["Device"] == "cpu" and [third[name] for name in ("Steps", "Val. loss", "Minutes")] == ["–"] * 3


def test_the_file_has_the_numbers_at_full_precision(report):
    row = TABLES["detectors"](report).full.iloc[0]
    assert (row["val_loss"], row["val_roc_auc"], row["val_balanced_accuracy"]) == (0.41259, 0.98765, 0.8)
    assert (row["epochs"], row["minutes"], row["images_per_second"], row["commit"]) == (3, 4.0, 200.0, "abc+")


def test_a_report_without_detectors_has_an_empty_table(tiny):
    table = TABLES["detectors"](tiny)
    assert table.frame.empty and list(table.full.columns)[: len(TRAINED)] == list(TRAINED)


def test_architectures_and_frames_in_words():
    assert architecture({"architecture": "npr", "options": {}}) == "npr"
    options = {"model": "resnet50", "pretrained": True}
    assert architecture({"architecture": "timm", "options": options}) == "timm resnet50, pretrained"
    assert architecture({"architecture": "timm", "options": {"model": "x", "pretrained": False}}) == "timm x"
    assert frame({"kind": "crop", "size": 96, "short_side": None}) == "crop 96"
    assert frame({"kind": "short_side", "size": 224, "short_side": 256}) == "short side 256, 224"


def test_another_kind_of_file_is_refused(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"no such file")
    with pytest.raises(ValueError, match="is not a detector file"):
        headers([tmp_path / "x.safetensors"])


def test_the_page_folds_the_table_away(report, write_page):
    page = write_page(report).read_text(encoding="utf-8")
    assert "Every detector and its training</summary>" in page and "residual test_resnet" in page
