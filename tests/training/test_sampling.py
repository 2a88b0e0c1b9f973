"""Draws are functions of (seed, epoch, image, purpose); batches are balanced; augmentations do what they say."""

import numpy as np
import pandas as pd

from crossgen.config import Flip, Rot90
from crossgen.training.augment import augment_batch
from crossgen.training.sampling import Pool, Turns, balanced_parts, keys, uniform

NAMES = pd.Series([f"image{index}" for index in range(5000)])


def test_draws_are_uniform_independent_and_repeatable():
    images = keys(NAMES)
    first = uniform(0, 0, "a", images)
    assert 0 <= first.min() < 0.002 < 0.998 < first.max() < 1
    counts = np.histogram(first, bins=20, range=(0, 1))[0]
    assert ((counts - 250) ** 2 / 250).sum() < 45  # chi-square, 19 degrees: p about 0.001
    for other in (uniform(1, 0, "a", images), uniform(0, 1, "a", images), uniform(0, 0, "b", images)):
        assert abs(np.corrcoef(first, other)[0, 1]) < 0.05
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 0.05
    assert (uniform(0, 0, "a", images[::-1])[::-1] == first).all()


def pool(n, crops, start=0):
    rows = [
        {"image_id": f"p{start}/{image:04d}", "crop": crop, "row": start + image * crops + crop}
        for image in range(n)
        for crop in range(crops)
    ]
    return Pool.of(pd.DataFrame(rows).sample(frac=1, random_state=0))


def test_an_epoch_shows_every_image_once_in_one_of_its_crops():
    rows = pool(30, 4).rows(0, 0)
    assert sorted(rows // 4) == list(range(30))
    assert len(set(rows % 4)) == 4
    assert (rows != pool(30, 4).rows(0, 1)).any() and (rows == pool(30, 4).rows(0, 0)).all()


def test_orders_are_taken_from_in_turn_and_start_again():
    turns = Turns((np.array([0, 1, 2]), np.array([10, 11]), np.array([20])))
    assert turns.take(0, 9).tolist() == [0, 10, 20, 1, 11, 20, 2, 10, 20]
    assert turns.take(4, 3).tolist() == [11, 20, 2]
    assert Turns((np.array([5, 6, 7]),)).take(2, 5).tolist() == [7, 5, 6, 7, 5]


def test_parts_hold_every_image_once_and_labels_in_equal_shares():
    labels = np.array([0, 1, 1, 0, 0, 1, 0, 1, 0, 0], np.float32)
    parts = balanced_parts(labels, 2)
    assert sorted(np.concatenate(parts)) == list(range(10))
    assert [labels[part].tolist() for part in parts] == [[0, 0, 0, 1, 1], [0, 0, 0, 1, 1]]
    assert balanced_parts(np.array([0, 0, 1, 1], np.float32), 1)[0].tolist() == [0, 1, 2, 3]
    assert [len(part) for part in balanced_parts(labels[:3], 4)] == [2, 1, 0, 0]


def test_augmentation_leaves_its_input_and_follows_image_not_place():
    crops = np.random.default_rng(0).integers(0, 255, (60, 8, 8, 3)).astype(np.uint8)
    before, images = crops.copy(), keys(NAMES[:60])
    steps = (Flip(step="flip", probability=0.5), Rot90(step="rot90", probability=0.5))
    changed = augment_batch(crops, images, steps, 0, 0)
    assert (crops == before).all()
    order = np.arange(60)[::-1]
    assert (augment_batch(crops[order], images[order], steps, 0, 0)[order] == changed).all()
    assert (np.sort(changed.reshape(60, -1)) == np.sort(crops.reshape(60, -1))).all()


def test_flips_and_turns_happen_as_often_as_told():
    crops = np.arange(400 * 4 * 4 * 3).reshape(400, 4, 4, 3).astype(np.uint8)
    images = keys(NAMES[:400])
    flipped = augment_batch(crops, images, (Flip(step="flip", probability=0.25),), 0, 0)
    moved = (flipped != crops).any(axis=(1, 2, 3))
    assert 0.18 < moved.mean() < 0.32 and (flipped[moved] == crops[moved][:, :, ::-1]).all()
    turned = augment_batch(crops, images, (Rot90(step="rot90", probability=1),), 0, 0)
    kinds = [next(k for k in range(4) if (np.rot90(a, k) == b).all()) for a, b in zip(crops, turned, strict=True)]
    assert 0 not in kinds and min(kinds.count(k) for k in (1, 2, 3)) > 90
