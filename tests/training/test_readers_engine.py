"""However images are read, the engine trains to the same weights; one that turns out corrupt is told and left out."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from test_loop import RECIPE, data

from crossgen.config import Flip
from crossgen.training.batches import Data
from crossgen.training.loop import Trained, train
from crossgen.training.setting import Setting

FLIPPED = RECIPE.model_copy(update={"steps": 3, "augment": (Flip(step="flip"),), "precision": "fp32"})


def trained(told: Data, reading: str = "crops", workers: int = 0) -> Trained:
    recipe = FLIPPED.model_copy(update={"reading": reading})
    return train(told, recipe, Setting(0, workers=workers), lambda line: None)


def in_files(folder, told: Data) -> Data:
    """The same crops as PNG files."""
    files = [folder / f"{row:03d}.png" for row in told.index["row"]]
    for file, crop in zip(files, told.crops[told.index["row"].to_numpy()], strict=True):
        Image.fromarray(crop).save(file)
    return Data(None, told.index.assign(file=list(map(str, files))))


@pytest.mark.parametrize(("reading", "workers"), [("crops", 2), ("resident", 0), ("files", 0), ("files", 2)])
def test_the_way_of_reading_changes_no_weight(reading, workers, tmp_path):
    told = data()
    expected = trained(told)
    found = trained(in_files(tmp_path, told) if reading == "files" else told, reading, workers)
    assert all(torch.equal(found.state[name], value) for name, value in expected.state.items())
    columns = ["train_loss", "val_loss", "lost"]
    pd.testing.assert_frame_equal(found.history[columns], expected.history[columns])


def test_a_corrupt_image_is_told_once_and_the_training_goes_on(tmp_path):
    told = in_files(tmp_path, data())
    for number in (0, 70):  # one to train on, one for validation
        (tmp_path / f"{number:03d}.png").write_bytes(b"no picture")
    recipe = FLIPPED.model_copy(update={"reading": "files", "steps": 8})
    found = train(told, recipe, Setting(0), lambda line: None)
    assert sorted(found.lost) == [("i000", "undecodable"), ("i070", "undecodable")]
    assert np.isfinite(found.history["train_loss"]).all() and found.history["step"].iloc[-1] == 8
