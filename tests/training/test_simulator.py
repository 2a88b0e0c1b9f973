"""Simulated fakes: made of reals alone, one a crop, with the traces of up-sampling, and enough to teach a detector."""

import numpy as np
import pandas as pd
import pytest
import torch

from crossgen.config import Frame, Optimiser, Recipe, Simulator
from crossgen.detectors.detector import Detector
from crossgen.evaluation.statistics import roc_auc
from crossgen.training import autoencoder
from crossgen.training import simulator as module
from crossgen.training.autoencoder import AutoEncoder
from crossgen.training.batches import Data
from crossgen.training.loop import score, train
from crossgen.training.setting import Setting
from crossgen.training.simulator import copied, simulated
from toys import photograph

SMALL = Simulator(width=4, steps=3)
RECIPE = Recipe(
    name="toy",
    architecture="timm",
    options={"model": "test_resnet"},
    frame=Frame(kind="crop", size=32),
    optimiser=Optimiser(lr=3e-3),
    fakes="simulated",
    simulator=SMALL,
    steps=1,
    precision="fp32",
)


def data(count=12, size=21):
    """Reals, two crops of each, a third of the images for validation; as many given fakes between them."""
    rows, crops = [], []
    for image in range(count):
        for label in (0, 1):
            for crop in (0, 1):
                split = "val" if image % 3 == 2 else "train"
                rows.append({"image_id": f"{'rf'[label]}{image:03d}", "crop": crop, "split": split, "label": label})
                crops.append(photograph(100 * image + 10 * label + crop, size, size))
    index = pd.DataFrame(rows).assign(row=range(len(rows)), pool=lambda told: np.where(told["label"], "sd14", "nature"))
    return Data(np.stack(crops), index)


def made(told, seed=0, folder=None, **changes):
    recipe = RECIPE.model_copy(update={"simulator": SMALL.model_copy(update=changes)})
    return simulated(told, recipe, Setting(seed=seed, folder=folder), lambda line: None)


def pixels(told):
    """Crop of each (image_id, crop)."""
    found = told.stored[told.index["row"].to_numpy()]
    return dict(zip(zip(told.index["image_id"], told.index["crop"], strict=True), found, strict=True))


def same(first, second):
    first, second = pixels(first), pixels(second)
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


def changed(told, where, by=77):
    """The same data, the pixels of some rows others."""
    crops = told.crops.copy()
    crops[told.index.loc[where(told.index), "row"]] += np.uint8(by)
    return Data(crops, told.index)


def test_each_real_crop_has_one_fake_of_its_split_and_given_fakes_are_gone():
    given = data()
    index = made(given).index
    reals, fakes = index[index["label"] == 0], index[index["label"] == 1]
    assert sorted(index["row"]) == list(range(len(index))) and len(reals) == len(fakes) == 24
    assert set(reals["pool"]) == {"nature"} and set(fakes["pool"]) == {"simulated"}
    expected = reals.assign(image_id=reals["image_id"] + "#simulated")[["image_id", "crop", "split"]]
    assert expected.to_numpy().tolist() == fakes[["image_id", "crop", "split"]].to_numpy().tolist()
    known = given.index[given.index["label"] == 0].set_index(["image_id", "crop"])["split"]
    assert reals.set_index(["image_id", "crop"])["split"].sort_index().equals(known.sort_index())


def test_real_pixels_stay_and_fakes_differ_from_them():
    given, told = data(), made(data())
    before, after = pixels(given), pixels(told)
    for (image, crop), real in before.items():
        if image.startswith("r"):
            fake = after[f"{image}#simulated", crop]
            assert np.array_equal(after[image, crop], real)
            assert fake.dtype == np.uint8 and fake.shape == real.shape and not np.array_equal(fake, real)


def test_rows_come_in_any_order_and_number():
    told = made(data())
    whole = told.stored[np.arange(len(told.index))]
    rows = np.array([47, 0, 30, 3, 3])
    assert np.array_equal(told.stored[rows], whole[rows]) and len(told.stored) == len(whole) == 48


def test_pixels_of_given_fakes_never_enter():
    assert same(made(data()), made(changed(data(), lambda index: index["label"] == 1)))


def test_validation_images_teach_the_simulator_nothing():
    first = pixels(made(data()))
    second = pixels(made(changed(data(), lambda index: (index["label"] == 0) & (index["split"] == "val"))))
    moved = {image for (image, crop) in first if not np.array_equal(first[image, crop], second[image, crop])}
    val = {f"r{image:03d}" for image in (2, 5, 8, 11)}
    assert moved == val | {f"{image}#simulated" for image in val}


def test_train_images_do_teach_it():
    first = pixels(made(data()))
    second = pixels(made(changed(data(), lambda index: (index["label"] == 0) & (index["split"] == "train"))))
    assert not np.array_equal(first["r002#simulated", 0], second["r002#simulated", 0])


def test_it_repeats_itself_whatever_the_order_of_rows_and_the_state_of_generators():
    given = data()
    order = np.random.default_rng(0).permutation(len(given.index))
    shuffled = Data(given.crops[order], given.index.iloc[order].assign(row=np.arange(len(order))))
    first = made(given)
    torch.manual_seed(99)
    before = torch.get_rng_state()
    assert same(first, made(shuffled))
    assert torch.equal(before, torch.get_rng_state())
    assert not same(first, made(given, seed=1))


def test_several_up_samplings_share_the_images():
    both, only = pixels(made(data())), pixels(made(data(), upsampling=("transposed",)))
    fakes = [name for name in both if name[0].endswith("#simulated")]
    gap = lambda name: np.abs(both[name].astype(int) - only[name]).max()  # noqa: E731
    alike = {name for name in fakes if gap(name) <= 1}  # 1: batches of another size may round otherwise
    assert 4 <= len(alike) <= 20
    assert all((image, 1 - crop) in alike for image, crop in alike)


@pytest.mark.parametrize(("size", "halvings"), [(8, 4), (21, 1), (33, 3), (32, 2)])
def test_sides_need_no_multiple(size, halvings):
    told = made(data(count=3, size=size), halvings=halvings, steps=1)
    assert told.stored[np.arange(4)].shape == (4, size, size, 3)


def test_what_is_continued_is_cut_again():
    torch.manual_seed(0)
    copier = AutoEncoder(SMALL, "nearest")
    crop = photograph(0, 30, 27)[None]
    by_hand = np.concatenate([crop, crop[:, -2:-3:-1]], axis=1)
    by_hand = np.concatenate([by_hand, by_hand[:, :, -2:-4:-1]], axis=2)
    assert by_hand.shape == (1, 28, 32, 3)
    assert np.array_equal(copied(copier, crop, 4), copied(copier, by_hand, 4)[:, :27, :30])


def inner(told, label):
    """Grey crops of one label without their borders, where padding leaves traces of its own."""
    rows = told.index.loc[told.index["label"] == label, "row"].to_numpy()
    return told.stored[rows][:, 8:-8, 8:-8].mean(axis=3)


def peak(crops, u, v):
    """Mean energy at the frequency (u, v) / 4 a pixel and beside it, over that of a ring around (a numpy FFT)."""
    side = crops.shape[1]
    window = np.hanning(side + 1)[:-1]
    flat = (crops - crops.mean(axis=(1, 2), keepdims=True)) * np.outer(window, window)
    power = (np.abs(np.fft.fft2(flat)) ** 2).mean(axis=0)
    rows, columns = (np.arange(side * at // 4 - 5, side * at // 4 + 6) % side for at in (u, v))
    ring = power[np.ix_(rows, columns)]
    near = ring[4:7, 4:7].mean()
    ring[3:8, 3:8] = np.nan
    return near / np.nanmean(ring)


def unevenness(crops):
    """Energy of what differs from its four neighbours, by place in a grid of 4 pixels: the largest over the least."""
    middle = crops[:, 1:-1, 1:-1]
    around = crops[:, :-2, 1:-1] + crops[:, 2:, 1:-1] + crops[:, 1:-1, :-2] + crops[:, 1:-1, 2:]
    energy = ((middle - around / 4) ** 2).mean(axis=0)[:44, :44].reshape(11, 4, 11, 4).mean(axis=(0, 2))
    return energy.max() / energy.min()


#: Where spectra have their peaks, in steps of 1 / 2**halvings: repeated pixels leave theirs on the axes.
GRID = {
    "transposed": [(u, v) for u in range(3) for v in range(3) if u or v],
    "nearest": [(0, 2), (2, 0)],
}


@pytest.mark.parametrize("upsampling", ["transposed", "nearest"])
def test_up_sampling_leaves_its_grid(upsampling):
    told = made(data(count=9, size=64), upsampling=(upsampling,), width=8, steps=40)
    reals, fakes = inner(told, 0), inner(told, 1)
    assert np.abs(reals - fakes).mean() < 30  # copies, and not any image with a grid
    of_reals, of_fakes = (np.mean([peak(crops, *at) for at in GRID[upsampling]]) for crops in (reals, fakes))
    assert 0.5 < of_reals < 1.5 and of_fakes > 4 * of_reals
    assert unevenness(reals) < 1.2 < 1.3 < unevenness(fakes)


def test_an_adversary_and_its_weight_take_part():
    assert not same(made(data()), made(data(), adversarial=0.0))


def test_large_fakes_lie_in_the_folder_and_are_found_again(tmp_path, monkeypatch):
    in_memory = made(data())
    monkeypatch.setattr(module, "LARGE", 0)
    assert same(made(data(), folder=tmp_path), in_memory)
    (path,) = tmp_path.iterdir()
    assert np.load(path).shape == (24, 21, 21, 3)
    other = changed(data(), lambda index: index["image_id"] == "r002")
    made(other, folder=tmp_path)
    made(data(), folder=tmp_path, seed=1)
    made(data(), folder=tmp_path, steps=2)
    assert len(list(tmp_path.iterdir())) == 4
    monkeypatch.setattr(module, "_fakes", None)  # nothing is made again
    assert same(made(data(), folder=tmp_path), in_memory)


def test_the_log_says_what_was_trained_on_what():
    lines = []
    simulated(data(), RECIPE, Setting(seed=0), lines.append)
    assert [line.rsplit("=", 1)[0] for line in lines] == [
        "simulator=transposed steps=3 crops=16 difference",
        "simulator=nearest steps=3 crops=16 difference",
    ]


def test_what_cannot_be_simulated_is_refused(monkeypatch):
    files = Data(None, data().index)
    with pytest.raises(
        ValueError, match="'toy' has `fakes: simulated` and `reading: files`.*expected `reading: crops`"
    ):
        simulated(files, RECIPE.model_copy(update={"reading": "files"}), Setting(seed=0))
    given = data()
    only_val = Data(given.crops, given.index.assign(split="val"))
    with pytest.raises(ValueError, match="expected reals to train on, found none"):
        made(only_val)
    monkeypatch.setattr(autoencoder, "LEARNING_RATE", 1e30)
    with pytest.raises(ValueError, match="transposed up-sampling diverged .L1 loss nan.: expected a finite loss"):
        made(data())


def test_training_begins_with_it():
    """Weights are those of a training on what is simulated, whatever the given fakes are; files are refused."""
    recipe = RECIPE.model_copy(update={"steps": 3, "batch_size": 8, "frame": Frame(kind="crop", size=21)})
    first = train(data(), recipe, Setting(seed=0), lambda line: None)
    other = train(changed(data(), lambda index: index["label"] == 1), recipe, Setting(seed=0), lambda line: None)
    told = train(made(data()), recipe.model_copy(update={"fakes": "given"}), Setting(seed=0), lambda line: None)
    for name, tensor in first.state.items():
        assert torch.equal(tensor, other.state[name]) and torch.equal(tensor, told.state[name])
    with pytest.raises(ValueError, match="`reading: files`"):
        train(Data(None, data().index), recipe.model_copy(update={"reading": "files"}), Setting(seed=0))


def auc_of_unseen(told, shuffled):
    """ROC-AUC on the validation images, whose photographs neither simulator nor detector saw in their training."""
    index = told.index.copy()
    if shuffled:  # by image, as the crops of one have one label; half of either label: no chance correlation
        images = index.loc[index["split"] == "train", ["image_id", "label"]].drop_duplicates()
        others = dict(zip(images["image_id"], images.groupby("label").cumcount() % 2, strict=True))
        index["label"] = [others.get(image, label) for image, label in index[["image_id", "label"]].to_numpy()]
    result = train(Data(told.crops, index), LEARNER, Setting(seed=0), lambda line: None)
    detector = Detector(LEARNER)
    detector.load_state_dict(result.state)
    val = told.index[told.index["split"] == "val"]
    logits = score(detector, told.stored, val["row"].to_numpy())
    return float(roc_auc(logits, val["label"].to_numpy(), np.ones(len(val))))


LEARNER = RECIPE.model_copy(
    update={"architecture": "residual", "fakes": "given", "steps": 60, "batch_size": 32, "select": "last"}
)


@pytest.mark.long
def test_a_detector_learns_from_them_and_nothing_from_shuffled_labels():
    told = made(data(count=60, size=32), width=8, steps=100)
    assert auc_of_unseen(told, shuffled=False) > 0.95
    assert 0.2 < auc_of_unseen(told, shuffled=True) < 0.8
