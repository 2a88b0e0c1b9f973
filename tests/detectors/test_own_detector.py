"""The example of a detector of one's own: what it tells to write works, with nothing of crossgen changed."""

import importlib
import textwrap

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from crossgen.config import Recipe
from crossgen.detectors.detector import load, save
from crossgen.training.loop import Data, train
from crossgen.training.setting import Setting
from toys import ROOT, photograph, synthetic


@pytest.fixture
def recipe(monkeypatch):
    """The recipe of the example's own text."""
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "examples"))
    text = importlib.import_module("own_detector").__doc__
    told = text[text.index("    recipes:") : text.index("    PYTHONPATH")]
    return Recipe(**yaml.safe_load(textwrap.dedent(told))["recipes"][0])


def test_the_example_is_trained_saved_and_judges(recipe, tmp_path):
    crops = np.stack([synthetic(i, 96, 2) if i % 2 else photograph(i, 96, 96) for i in range(24)])
    index = pd.DataFrame({"image_id": [f"i{i}" for i in range(24)], "crop": 0, "row": range(24)})
    index["label"], index["split"] = index["row"] % 2, np.where(index["row"] < 16, "train", "val")
    changes = {"steps": 2, "batch_size": 8, "precision": "fp32"}
    result = train(Data(crops, index), recipe.model_copy(update=changes), Setting(0), lambda line: None)
    save(tmp_path / "d.safetensors", result.state, recipe, {"seed": 0})
    detector = load(tmp_path / "d.safetensors")
    assert type(detector.network).__name__ == "OwnDetector"
    assert detector.network.classifier.in_features == 4 * recipe.options["width"]
    with torch.inference_mode():
        assert detector(torch.from_numpy(crops)).unique().numel() == 24
