"""Crops on the device are those of the disk, bit for bit, however they are augmented; what does not fit is refused."""

import numpy as np
import pytest
import torch
from test_readers import SPLITS, plan, reader, recipe, same, stored

from crossgen.data.packed import Stacked
from crossgen.training.batches import Data
from crossgen.training.readers import reader_for, resident
from crossgen.training.setting import Setting

CHAIN = [
    {"step": "flip"},
    {"step": "vertical_flip"},
    {"step": "rot90", "probability": 0.75},
    {"step": "translate", "share": 0.3},
    {"step": "random_crop", "size": 24},
    {"step": "cutout", "size": 5, "count": 2},
    {"step": "greyscale"},
]
VARIANTS = [{}, SPLITS, {"augment": CHAIN}, {"augment": CHAIN, **SPLITS}, {"validate_on": "augmented"}]
DEVICES = [
    torch.device("cpu"),
    pytest.param(torch.device("cuda"), marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")),
]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("changes", VARIANTS)
def test_it_gives_the_bytes_of_reading_crops(changes, device, tmp_path, monkeypatch):
    monkeypatch.setattr(resident, "BLOCK", 7)
    data, parts = stored(32), [tmp_path / "0.npy", tmp_path / "1.npy"]
    for part, crops in zip(parts, np.split(data.crops, [20]), strict=True):
        np.save(part, crops)
    changes = {"training_frame": {"kind": "crop", "size": 32}} | changes
    ours = reader(Data(Stacked(parts), data.index), reading="resident", device=device, **changes)
    theirs = reader(data, **changes)
    rows = np.arange(0, 48, 2)
    for way in (
        lambda each: each.validation(rows, 5),  # not moved yet
        lambda each: each.train(plan()),
        lambda each: each.validation(rows, 5),
    ):
        told = [list(way(each)) for each in (ours, theirs)]
        assert all(same(a, b) for a, b in zip(*told, strict=True))
    assert next(ours.train(plan())).crops.device.type == device.type


def test_crops_are_moved_once_and_only_where_they_are_trained_on(monkeypatch):
    asked = []
    monkeypatch.setitem(resident.FREE, "cpu", lambda device: asked.append(device) or 10**9)
    told = reader(stored(), reading="resident")
    list(told.validation(np.arange(4)))
    assert asked == []
    list(told.train(plan()))
    list(told.train(plan()))
    assert len(asked) == 1


def test_what_does_not_fit_is_refused_with_the_numbers(monkeypatch):
    data = stored()
    size = data.crops.nbytes
    monkeypatch.setitem(resident.FREE, "cpu", lambda device: int(size / resident.SHARE) + 2)
    assert len(list(reader(data, reading="resident").train(plan()))) == 6
    monkeypatch.setitem(resident.FREE, "cpu", lambda device: int(size / resident.SHARE) - 2)
    monkeypatch.setattr(resident, "SHARE", 0.5)
    with pytest.raises(
        ValueError, match=r"crops take 0\.0 GB, .* free on cpu they may take 50%\. Set `reading: crops`"
    ):
        list(reader(data, reading="resident").train(plan()))


def test_the_free_memory_of_this_machine_is_known():
    free = resident.FREE["cpu"](torch.device("cpu"))
    assert free is None or 2**20 < free < 2**50


def test_augmentations_that_need_the_processor_are_refused():
    told = recipe(splits={"n": 2, "augment": [{"step": "jpeg"}]})  # which the config refuses before any job
    with pytest.raises(ValueError, match=r"jpeg does not run on the device.*reading: crops"):
        reader_for(stored(), told.model_copy(update={"reading": "resident"}), Setting(0), torch.device("cpu"))
