"""Training on pairs: whole pairs in batches, parts and processes; synchronised halves see the same draws."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from test_augment import STEPS
from tiny_training import RECIPE, same, trained

from crossgen.config import Erasing, Recipe, Splits
from crossgen.config.augmentations import Chance
from crossgen.config.clashes import ON_DEVICE
from crossgen.training.assembly import plan_of
from crossgen.training.batches import Batch, Data, Lost
from crossgen.training.given import losses
from crossgen.training.mixing import Alteration, reseed
from crossgen.training.pairing import WITHOUT_OTHER, PairPool, whole_pairs
from crossgen.training.readers import data_of_files, reader_for
from crossgen.training.setting import Setting
from toys import photograph

SETTING = Setting(3)
CPU = torch.device("cpu")
PAIRED = {"pairing": "name"}
ALIKE = {"pairing": "name", "synchronised": True}


def recipe(**changes: object) -> Recipe:
    return Recipe.model_validate(RECIPE.model_dump() | changes)


def data(pairs: int = 12, val: int = 4, crops: int = 2, side: int = 16, alike: bool = True) -> Data:
    """Pairs of stored crops whose halves are the same pixels (or, the fakes inverted); fakes lie before the reals."""
    images, rows = [], []
    for label in (1, 0):
        for place in range(pairs + val):
            for crop in range(crops):
                pixels = photograph(100 * place + crop, side, side)
                images.append(pixels if alike or not label else 255 - pixels)
                name = f"{'fake' if label else 'real'}/{(7 * place) % 16:03d}"
                pair = name.replace("fake", "real") if label else None
                split = "train" if place < pairs else "val"
                rows.append({"image_id": name, "crop": crop, "label": label, "pair": pair, "split": split})
    frame = pd.DataFrame(rows).assign(row=range(len(rows)), pool="p")
    return Data(np.stack(images), frame)


def names(told: Data, rows: np.ndarray) -> list[tuple[str, int]]:
    known = told.index.set_index("row").loc[rows.tolist()]
    return list(zip(known["image_id"], known["crop"], strict=True))


def batches(told: Data, **changes: object) -> list[Batch]:
    made = recipe(**({"batch_size": 8, "steps": 9} | changes))
    return list(plan_of(told, made, SETTING).batches())


@pytest.mark.parametrize("changes", [PAIRED, ALIKE])
def test_a_batch_holds_pairs_and_an_epoch_each_of_them_once(changes):
    told = data()
    found = batches(told, **changes)
    assert [batch.epoch for batch in found] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    seen = [names(told, batch.rows) for batch in found]
    for batch in seen:
        assert [name.replace("real", "fake") for name, _ in batch[0::2]] == [name for name, _ in batch[1::2]]
    reals = [name for batch in seen[:3] for name, _ in batch[0::2]]
    assert len(set(reals)) == 12 and reals != [name for batch in seen[3:6] for name, _ in batch[0::2]]
    equal = [a[1] == b[1] for batch in seen for a, b in zip(batch[0::2], batch[1::2], strict=True)]
    assert all(equal) == bool(changes.get("synchronised")) and any(equal)


def test_from_any_step_on_the_batches_are_those_of_the_whole():
    told, made = data(), recipe(batch_size=10, steps=9, **ALIKE)
    plan = plan_of(told, made, SETTING)
    whole = list(plan.batches())
    assert plan.per_epoch == 3 and all(len(batch.rows) == 10 for batch in whole)
    for begin in (1, 4, 8):
        for mine, batch in zip(plan.batches(begin), whole[begin:], strict=True):
            assert (mine.rows == batch.rows).all() and (mine.epoch, mine.step) == (batch.epoch, batch.step)


@pytest.mark.parametrize("processes", [2, 3])
def test_processes_and_parts_take_whole_pairs(processes):
    told = data()
    plan = plan_of(told, recipe(batch_size=8, steps=2, **ALIKE), SETTING)
    for batch in plan.batches():
        parts = [plan.part(batch, rank, processes).rows for rank in range(processes)]
        assert sorted(np.concatenate(parts)) == sorted(batch.rows)
        for rows in parts:
            assert [n.replace("real", "fake") for n, _ in names(told, rows[0::2])] == [
                n for n, _ in names(told, rows[1::2])
            ]
    assert [part.tolist() for part in whole_pairs(6, 2)] == [[0, 1, 2, 3], [4, 5]]


def test_a_pair_whose_half_was_lost_is_left_out_and_said():
    told = data()
    gone = told.index["image_id"].isin(["real/000", "fake/007"])
    index = told.index[~gone].reset_index(drop=True)
    left = Data(told.crops[index["row"].to_numpy()], index.assign(row=range(len(index))))
    plan = plan_of(left, recipe(**PAIRED), SETTING)
    assert len(plan.pool.first) == 10
    assert plan.lost == (Lost("fake/000", WITHOUT_OTHER), Lost("real/007", WITHOUT_OTHER))
    pool = PairPool.of(told.index[told.index["split"] == "train"])
    assert len(pool.first) == 12 and (pool.crops == 2).all()


def test_what_has_no_pairs_is_refused():
    told = data()
    unpaired = Data(told.crops, told.index.assign(pair=None))
    with pytest.raises(ValueError, match="no image is half of a whole one: .* pairing: name in the subset"):
        plan_of(unpaired, recipe(**PAIRED), SETTING)
    pools = Data(told.crops, told.index.assign(pool=told.index["image_id"].str[:8]))
    later = Setting(3, joins={"fake/000": 0.5})
    with pytest.raises(ValueError, match="A curriculum with pairing: name"):
        plan_of(pools, recipe(**PAIRED), later)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"synchronised": True}, "pairing: name with synchronised: true"),
        (PAIRED | {"balance": "none"}, "balance: batches with pairing: name"),
        (PAIRED | {"balance_pools": True}, "balance_pools: false with pairing"),
        (PAIRED | {"mixing": {"mixup": 0.2}}, "mixing: null with pairing: name: a mixed image has parts of two pairs"),
        (PAIRED | {"fakes": "simulated"}, "fakes: given with pairing"),
        (ALIKE | {"erasing": {"probability": 0.5}, "splits": {"n": 2}}, "`erasing` or `splits` with synchronised"),
    ],
)
def test_keys_that_do_not_go_with_pairs_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        recipe(**changes)


def read(told: Data, made: Recipe, epochs: int = 3) -> list[np.ndarray]:
    """Every batch of some epochs, as halves [copies, n, 2, h, w, 3]."""
    plan, found = plan_of(told, made, SETTING), []
    for loaded in reader_for(told, made, SETTING, CPU).train(plan.batches()):
        copies = len(loaded.crops) // len(loaded.rows)
        found.append(loaded.crops.numpy().reshape(copies, -1, 2, *loaded.crops.shape[1:]))
        assert loaded.labels.tolist() == [0.0, 1.0] * (len(loaded.rows) // 2)
    return found


def equal(found: list[np.ndarray]) -> list[bool]:
    return [bool((pair[0] == pair[1]).all()) for batch in found for copy in batch for pair in copy]


def alone(step: object) -> tuple[object, ...]:
    """The step, done to about half of the images, or to all where those that it spares would have another size."""
    if isinstance(step, Chance):
        step = step.model_copy(update={"probability": 1.0 if step.step == "random_resized_crop" else 0.5})
    return (step.model_dump(),)


#: Every step, in every way of reading that knows it.
READ = [
    pytest.param(step, reading, id=f"{step.step}-{reading}")
    for step in STEPS
    for reading in ("crops", "files", *(("resident",) if step.step in ON_DEVICE else ()))
]


@pytest.mark.parametrize(("step", "reading"), READ)
def test_an_identical_pair_stays_identical_and_only_so_when_synchronised(step, reading, tmp_path):
    told = files(tmp_path, margin=(0, 0)) if reading == "files" else data(side=24, crops=1)
    shared = {"reading": reading, "augment": alone(step), "batch_size": 8, "steps": 9}
    assert all(equal(read(told, recipe(**shared, **ALIKE))))
    apart = equal(read(told, recipe(**shared, **PAIRED)))
    assert all(apart) if step.step == "short_side" else not all(apart)  # short_side draws nothing


@pytest.mark.parametrize("changes", [PAIRED, ALIKE])
def test_copies_of_splits_are_drawn_by_the_pair_too(changes):
    splits = Splits(n=3, augment=tuple(step for step in STEPS if step.step in ("augmix", "randaugment", "noise")))
    made = recipe(splits=splits.model_dump(), batch_size=8, steps=6, **changes)
    found = equal(read(data(crops=1), made))
    assert len(found) == 3 * 4 * 6 and all(found) == bool(changes.get("synchronised"))


@pytest.mark.parametrize("mode", ["const", "rand", "pixel"])
@pytest.mark.parametrize("changes", [PAIRED, ALIKE])
def test_halves_are_erased_alike(mode, changes):
    made = recipe(erasing=Erasing(probability=0.7, mode=mode, count=2).model_dump(), **changes)
    images, labels = torch.randn(20, 1, 3, 16, 16).expand(20, 2, 3, 16, 16).reshape(40, 3, 16, 16), torch.zeros(40)
    reseed(0, 5)
    erased, _, _ = Alteration(made)(images.clone(), labels)
    halves = erased.reshape(20, 2, 3, 16, 16)
    changed = (halves[:, 0] != images.reshape(20, 2, 3, 16, 16)[:, 0]).flatten(1).any(1)
    assert 5 < changed.sum() < 20
    assert torch.equal(halves[:, 0], halves[:, 1]) == bool(changes.get("synchronised"))
    after = torch.rand(1)
    reseed(0, 5)
    assert torch.equal(Alteration(made)(images.clone(), labels)[0], erased) and torch.equal(torch.rand(1), after)


def files(
    root: Path, corner: tuple[int, int] = (0, 0), margin: tuple[int, int] = (7, 3), broken: tuple[str, ...] = ()
) -> Data:
    """Pairs of files: each fake is a part of its real, at `corner`, of 24 x 24 pixels; the real is larger."""
    rows, (x, y), pairs = [], corner, 12
    for place in range(pairs + 4):
        real = photograph(place, 24 + x + margin[0], 24 + y + margin[1])
        shared = {"split": "train" if place < pairs else "val", "quarantine": None, "pool": "p", "shard": 0}
        for label, image in enumerate((real, real[y : y + 24, x : x + 24])):
            name = f"{place:03d}_{label}.png"
            Image.fromarray(np.ascontiguousarray(image)).save(root / name)
            if name in broken:
                (root / name).write_bytes(b"\x89PNG nothing")
            told = {"image_id": f"p/{name}", "path": name, "label": label, "height": image.shape[0]}
            pair = {"pair": f"p/{place:03d}_0.png", "pair_x": x, "pair_y": y} if label else {"pair": None}
            rows.append(shared | told | pair | {"width": image.shape[1]})
    frame = pd.DataFrame(rows)
    return data_of_files(frame, frame[:0].reindex(columns=[*frame.columns, *MORE]), {"p": root})


MORE = ("format", "blake3")


def test_files_are_cut_to_what_they_share_before_anything_else(tmp_path):
    told = files(tmp_path, (5, 2))
    shared = {"reading": "files", "augment": ({"step": "random_crop", "size": 16},), "batch_size": 8, "steps": 9}
    assert all(equal(read(told, recipe(**shared, **ALIKE))))
    assert not any(equal(read(told, recipe(**shared, **PAIRED)))[:4])


def test_an_unreadable_half_takes_the_other_out_of_its_batch(tmp_path):
    told = files(tmp_path, broken=("003_0.png", "005_1.png"))
    made = recipe(reading="files", augment=({"step": "random_crop", "size": 16},), batch_size=24, steps=1, **ALIKE)
    plan = plan_of(told, made, SETTING)
    (loaded,) = reader_for(told, made, SETTING, CPU).train(plan.batches())
    told_of = dict(loaded.lost)
    assert {name for name, reason in told_of.items() if reason == WITHOUT_OTHER} == {"p/003_1.png", "p/005_0.png"}
    assert set(told_of) == {"p/003_0.png", "p/003_1.png", "p/005_0.png", "p/005_1.png"}
    assert len(loaded.rows) == 20 and loaded.labels.tolist() == [0.0, 1.0] * 10
    assert {name[:5] for name, _ in names(told, loaded.rows)}.isdisjoint({"p/003", "p/005"})


def test_both_halves_of_a_broken_pair_stand_in_the_table_of_losses(tmp_path):
    shared = {"reading": "files", "augment": ({"step": "random_crop", "size": 16},), "batch_size": 8, "steps": 6}
    broken = files(tmp_path, broken=("003_0.png", "005_1.png"))
    ended = trained(broken, SETTING, **shared, **ALIKE)
    table = losses(broken, ended.lost, "pairs").to_pandas().set_index("image_id")
    assert sorted(table.index) == ["p/003_0.png", "p/003_1.png", "p/005_0.png", "p/005_1.png"]
    assert (table.loc[["p/003_1.png", "p/005_0.png"], "reason"] == WITHOUT_OTHER).all()
    assert not (table.loc[["p/003_0.png", "p/005_1.png"], "reason"] == WITHOUT_OTHER).any()
    whole = data(crops=1)
    index = whole.index[~whole.index["image_id"].eq("real/000")].reset_index(drop=True)
    left = Data(whole.crops[index["row"].to_numpy()], index.assign(row=range(len(index))))
    ended = trained(left, SETTING, batch_size=8, steps=6, **PAIRED)
    assert ended.lost == [Lost("fake/000", WITHOUT_OTHER)] and ended.history["lost"].sum() == 0
    assert trained(left, SETTING, batch_size=8, steps=6).lost == []  # alone it is an image as any other


@pytest.mark.parametrize("changes", [{}, {"accumulate": 2}, {"erasing": {"probability": 0.5}}])
def test_a_training_on_pairs_ends_in_the_same_weights_twice(changes):
    told = data(alike=False, crops=1)
    made = ALIKE | {"batch_size": 8, "steps": 6, "augment": ({"step": "flip"},)} | changes
    lines: list[str] = []
    first = trained(told, SETTING, lines.append, **made)
    same(first, trained(told, SETTING, **made))
    assert "pairs=12 images_without_their_other_half=0" in lines
    other = trained(told, SETTING, **(made | {"synchronised": False}))
    assert any(not torch.equal(first.state[name], other.state[name]) for name in first.state)
