"""Stored crops arrive as asked: gathered, augmented by seed, epoch, image and copy, alike for any number of workers."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from crossgen.config import Recipe
from crossgen.data.packed import Stacked
from crossgen.training.augment import augment_batch
from crossgen.training.batches import Batch, Data, Loaded, Reader
from crossgen.training.readers import reader_for
from crossgen.training.sampling import keys
from crossgen.training.setting import Setting

CPU = torch.device("cpu")
RECIPE = {
    "name": "toy",
    "architecture": "residual",
    "frame": {"kind": "crop", "size": 16, "grid": 8},
    "optimiser": {"lr": 0.001},
    "steps": 4,
    "augment": [{"step": "flip"}, {"step": "rot90", "probability": 0.75}],
}
SPLITS = {"splits": {"n": 3, "augment": [{"step": "rot90", "probability": 0.75}]}}


def recipe(**changes: object) -> Recipe:
    return Recipe.model_validate_json(json.dumps(RECIPE | changes))


def stored(side: int = 16, images: int = 24) -> Data:
    """Crops of noise, two an image; every other image is a fake, every fourth is for validation."""
    number = np.arange(2 * images) // 2
    index = pd.DataFrame({"image_id": [f"p/{n:02d}" for n in number], "crop": np.arange(2 * images) % 2})
    index = index.assign(row=np.arange(2 * images), label=number % 2, pool="p")
    index["split"] = np.where(number % 4 > 1, "val", "train")
    crops = np.random.default_rng(0).integers(0, 256, (2 * images, side, side, 3), np.uint8)
    return Data(crops, index.sample(frac=1, random_state=0))  # the order of an index means nothing


def plan(rows: int = 48, batches: int = 6) -> list[Batch]:
    """Batches of rows that repeat, in no order, over two epochs."""
    drawn = np.random.default_rng(1).integers(0, rows, (batches, 10))
    return [Batch(step // 3, step, each) for step, each in enumerate(drawn)]


def reader(data: Data, workers: int = 0, seed: int = 5, device: torch.device = CPU, **changes: object) -> Reader:
    return reader_for(data, recipe(**changes), Setting(seed, workers=workers), device)


def same(one: Loaded, other: Loaded) -> bool:
    arrays = torch.equal(one.crops.cpu(), other.crops) and np.array_equal(one.rows, other.rows)
    return arrays and torch.equal(one.labels.cpu(), other.labels) and one.batch.step == other.batch.step


def test_batches_hold_the_rows_asked_for_in_their_order_with_their_labels():
    data, asked = stored(), plan()
    told = list(reader(data, augment=[]).train(asked))
    for batch, loaded in zip(asked, told, strict=True):
        assert loaded.batch is batch and loaded.lost == ()
        assert loaded.crops.dtype == torch.uint8 and np.array_equal(loaded.crops, data.crops[batch.rows])
        assert loaded.labels.dtype == torch.float32 and loaded.labels.tolist() == (batch.rows // 2 % 2).tolist()
        assert loaded.rows.tolist() == batch.rows.tolist()


def test_each_image_is_augmented_by_its_own_draws_of_the_seed_and_the_epoch():
    data = stored()
    for loaded in reader(data).train(plan()):
        names = pd.Series([f"p/{row // 2:02d}" for row in loaded.rows])
        expected = augment_batch(data.crops[loaded.rows], keys(names), recipe().augment, 5, loaded.batch.epoch)
        assert np.array_equal(loaded.crops, expected)
    whole = Batch(0, 0, np.arange(48))
    several = [next(reader(data, seed=s).train([Batch(e, 0, whole.rows)])).crops for s, e in ((5, 0), (5, 1), (6, 0))]
    assert not any(torch.equal(several[a], several[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
    backwards = next(reader(data).train([Batch(0, 9, whole.rows[::-1].copy())])).crops
    assert torch.equal(backwards.flip(0), several[0])  # neither the step nor who else is in the batch counts


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("changes", [{}, SPLITS, {"validate_on": "augmented"}])
def test_workers_change_no_byte(workers, changes, tmp_path):
    data = stored()
    parts = [tmp_path / "0.npy", tmp_path / "1.npy"]
    for part, crops in zip(parts, np.split(data.crops, [20]), strict=True):
        np.save(part, crops)
    told = [
        reader(Data(Stacked(parts), data.index), workers, **changes),
        reader(data, **changes),
    ]
    for way in (lambda r: r.train(plan()), lambda r: r.validation(np.arange(0, 48, 2), 5)):
        ours, expected = (list(way(each)) for each in told)
        assert all(same(a, b) for a, b in zip(ours, expected, strict=True))


def test_nothing_is_taken_from_the_generator_that_dropout_draws_from():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    for workers in (0, 1):
        list(reader(stored(), workers).train(plan()))
    assert torch.equal(torch.rand(3), expected)


def test_copies_share_the_recipes_augmentations_and_only_the_first_lacks_those_of_the_splits():
    data, asked = stored(images=100), Batch(0, 0, np.arange(200))
    plain = next(reader(data).train([asked])).crops
    first, second, third = next(reader(data, **SPLITS).train([asked])).crops.chunk(3)
    assert torch.equal(first, plain)
    turned = [[_quarters(a, b) for a, b in zip(first, copy, strict=True)] for copy in (second, third)]
    for quarters in turned:  # from the shared image, by nothing but rot90
        assert min(np.bincount(quarters, minlength=4)) > 20
    agree = np.mean(np.array(turned[0]) == np.array(turned[1]))
    assert 0.1 < agree < 0.4  # draws of their own: a quarter by chance


def _quarters(shared: torch.Tensor, copy: torch.Tensor) -> int:
    found = [turns for turns in range(4) if torch.equal(torch.rot90(shared, turns, (0, 1)), copy)]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    ("side", "frame", "left", "size"),
    [
        (16, {"kind": "crop", "size": 16}, 0, 16),
        (40, {"kind": "crop", "size": 16, "grid": 8}, 8, 16),  # 12, floored to the grid
        (40, {"kind": "crop", "size": 16, "grid": 1}, 12, 16),
        (40, {"kind": "resize", "size": 16, "grid": 8}, 12, 16),
        (40, {"kind": "whole", "size": 16}, 0, 40),
        (12, {"kind": "crop", "size": 16}, 0, 12),
    ],
)
def test_validation_sees_the_middle_of_larger_crops(side, frame, left, size):
    data = stored(side)
    changes = {"frame": frame, "training_frame": {"kind": "crop", "size": side}}
    told = list(reader(data, **changes).validation(np.array([7, 2, 4]), 2))
    assert [loaded.rows.tolist() for loaded in told] == [[7, 2], [4]]
    expected = data.crops[[7, 2, 4], left : left + size, left : left + size]
    assert np.array_equal(torch.cat([loaded.crops for loaded in told]), expected)
    assert torch.cat([loaded.labels for loaded in told]).tolist() == [1, 1, 0]


def test_augmented_validation_images_are_the_same_in_every_epoch_and_unlike_those_of_training():
    data, rows = stored(), np.arange(48)
    told = reader(data, validate_on="augmented")
    first, again = (torch.cat([part.crops for part in told.validation(rows, 48)]) for _ in range(2))
    assert torch.equal(first, again) and not np.array_equal(first, data.crops)
    assert not any(torch.equal(next(told.train([Batch(epoch, 0, rows)])).crops, first) for epoch in (0, 1))


def test_a_terminated_job_reads_on_until_its_checkpoint_is_written():
    """SLURM signals every process of a job; the training process decides when to end."""
    told = reader(stored(), workers=1).train(plan(batches=9))
    next(told)
    for name in ("TERM", "USR1", "INT"):
        subprocess.run(["kill", f"-{name}", *map(str, _children())], check=True)
    assert len(list(told)) == 8


@pytest.mark.parametrize("end", ["close", "terminate"])
def test_workers_end_with_the_iterator_and_when_the_training_process_says_so(end):
    told = reader(stored(), workers=2).train(plan())
    next(told)
    workers = _children()
    assert len(workers) == 2
    if end == "close":
        told.close()
    for worker in workers if end == "terminate" else []:
        os.kill(worker, signal.SIGTERM)
    deadline = time.monotonic() + 4  # torch would wait for five seconds before it says so itself
    while _running(workers) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _running(workers)


def _running(processes: list[int]) -> list[int]:
    """Those that are neither gone nor waiting for their parent to take notice."""
    states = {each: Path(f"/proc/{each}/stat") for each in processes}
    return [each for each, path in states.items() if path.exists() and path.read_text().rsplit(")", 1)[1][1] != "Z"]


def _children() -> list[int]:
    """Processes of torch's loader: children of this one."""
    told = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return [int(each) for each in told.split() if "resource_tracker" not in Path(f"/proc/{each}/cmdline").read_text()]
