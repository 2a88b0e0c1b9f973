"""Whole images arrive from files: decoded, augmented, framed; what cannot be used is named and the epoch goes on."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from test_readers import SPLITS, plan, reader, recipe, same

from crossgen.config import Crop
from crossgen.data.pack import REWRITTEN
from crossgen.training.augment import augment_batch
from crossgen.training.batches import Batch, Data
from crossgen.training.readers import data_of_files, reader_for
from crossgen.training.sampling import keys
from crossgen.training.setting import Setting
from toys import photograph

FILES = {"reading": "files"}


def encoded(image: np.ndarray, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, kind)
    return stream.getvalue()


def selection(root: Path, images: list[bytes]) -> pd.DataFrame:
    """As much of a selection as reading needs; every other image is a fake, the last two are for validation."""
    for number, blob in enumerate(images):
        (root / f"{number:02d}").write_bytes(blob)
    names = [f"{number:02d}" for number in range(len(images))]
    rows = pd.DataFrame({"image_id": [f"p/{name}" for name in names], "path": names, "pool": "p", "shard": 0})
    rows = rows.assign(label=np.arange(len(rows)) % 2, quarantine=None, width=24, height=24)
    split = np.where(np.arange(len(rows)) < len(rows) - 2, "train", "val")
    return rows.assign(split=split).reindex(columns=list(dict.fromkeys([*rows.columns, "split", *REWRITTEN])))


def of_files(root: Path, images: list[bytes], crop: Crop | None = None) -> Data:
    rows = selection(root, images)
    return data_of_files(rows, rows[:0], {"p": root}, crop)


def pictures(n: int = 8, side: int = 24) -> list[np.ndarray]:
    return [photograph(number, side, side) for number in range(n)]


def batch(rows: list[int], epoch: int = 0) -> Batch:
    return Batch(epoch, 0, np.array(rows))


def test_files_are_decoded_whole_and_augmented_by_their_own_draws(tmp_path):
    images = pictures()
    data = of_files(tmp_path, [encoded(image) for image in images])
    told = next(reader(data, **FILES).train([batch([3, 0, 3, 5], epoch=2)]))
    expected = augment_batch(
        np.stack(images)[[3, 0, 3, 5]], keys(pd.Series(["p/03", "p/00", "p/03", "p/05"])), recipe().augment, 5, 2
    )
    assert np.array_equal(told.crops, expected) and told.labels.tolist() == [1, 0, 1, 1]
    again = next(reader(Data(np.stack(images), data.index), **SPLITS).train([batch([3, 0, 3, 5], epoch=2)]))
    copies = next(reader(data, **FILES, **SPLITS).train([batch([3, 0, 3, 5], epoch=2)]))
    assert same(copies, again) and len(copies.crops) == 12  # copies in the order that stored crops have


@pytest.mark.parametrize("changes", [{}, {"validate_on": "augmented"}, SPLITS])
def test_workers_change_no_byte_of_files(changes, tmp_path):
    data = of_files(tmp_path, [encoded(image) for image in pictures()[:7]] + [b"no picture"])
    one, three = (reader(data, workers, **FILES, **changes) for workers in (0, 2))
    for way in (lambda r: r.train(plan(rows=8)), lambda r: r.validation(np.arange(8), 3)):
        told = [list(way(each)) for each in (one, three)]
        assert all(same(a, b) and a.lost == b.lost for a, b in zip(*told, strict=True))
        assert any(part.lost for part in told[0])


BROKEN = {
    "empty": b"",
    "undecodable": b"no picture at all",
    "truncated": encoded(photograph(1, 24, 24), "JPEG")[:-40],
    "under_frame": encoded(photograph(1, 24, 12)),
}


@pytest.mark.parametrize("reason", BROKEN)
@pytest.mark.parametrize("way", ["train", "validation"])
def test_an_image_that_cannot_be_used_is_named_and_missing(reason, way, tmp_path):
    images = pictures()
    blobs = [encoded(image) for image in images]
    data = of_files(tmp_path, [*blobs[:2], BROKEN[reason], *blobs[3:]])
    told = reader(data, **FILES, augment=[], frame={"kind": "crop", "size": 24})
    asked = [batch([1, 2, 5]), batch([4, 6])] if way == "train" else None
    first, second = told.train(asked) if asked else told.validation(np.array([1, 2, 5, 4, 6]), 3)
    assert [tuple(each) for each in first.lost] == [("p/02", reason)] and second.lost == ()
    assert first.rows.tolist() == [1, 5] and first.labels.tolist() == [1, 1] and second.rows.tolist() == [4, 6]
    assert np.array_equal(first.crops, np.stack([images[1], images[5]]))


def test_a_batch_of_lost_images_is_empty(tmp_path):
    data = of_files(tmp_path, [b""] * 4)
    for part in (
        next(reader(data, **FILES).train([batch([1, 2])])),
        next(reader(data, **FILES).validation(np.array([1, 2]))),
    ):
        assert part.crops.shape == (0, 16, 16, 3) and len(part.rows) == len(part.labels) == 0
        assert [each.image_id for each in part.lost] == ["p/01", "p/02"]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_fault_of_the_disk_ends_the_training(workers, tmp_path):
    data = of_files(tmp_path, [encoded(image) for image in pictures()])
    (tmp_path / "03").unlink()
    with pytest.raises(FileNotFoundError, match="03"):
        list(reader(data, workers, **FILES).train([batch([1, 3])]))


def test_images_that_end_in_different_sizes_are_refused(tmp_path):
    blobs = [encoded(photograph(number, 24 + number % 2, 30)) for number in range(4)]
    told = reader(of_files(tmp_path, blobs), **FILES, augment=[{"step": "flip"}])
    message = r"in several sizes \(24 x 30, 25 x 30; steps: flip\): .*`augment` with \{step: random_crop"
    with pytest.raises(ValueError, match=message):
        next(told.train([batch([0, 1])]))


def test_validation_sees_the_recipes_frame_of_each_image(tmp_path):
    images = [photograph(number, 40 + 8 * (number % 2), 40) for number in range(4)]
    data = of_files(tmp_path, [encoded(image) for image in images])
    told = list(reader(data, **FILES).validation(np.array([2, 1, 3]), 2))
    assert [part.rows.tolist() for part in told] == [[2, 1], [3]]
    assert np.array_equal(told[0].crops[0], images[2][8:24, 8:24])  # 12, floored to the grid of 8
    assert np.array_equal(told[0].crops[1], images[1][8:24, 16:32])
    whole = list(reader(data, **FILES, frame={"kind": "whole", "size": 8}).validation(np.array([0, 2, 1, 3, 0]), 4))
    assert [part.rows.tolist() for part in whole] == [[0, 2], [1, 3], [0]]  # of one size each, in the order asked for
    assert np.array_equal(whole[1].crops, np.stack([images[1], images[3]]))


def test_augmented_validation_files_do_not_change_from_epoch_to_epoch(tmp_path):
    images = pictures()
    data = of_files(tmp_path, [encoded(image) for image in images])
    rows, changes = np.arange(8), {"validate_on": "augmented"}
    first, again = (next(reader(data, **FILES, **changes).validation(rows)) for _ in range(2))
    expected = next(reader(Data(np.stack(images), data.index), **changes).validation(rows))
    assert same(first, again) and same(first, expected)  # the draws that stored crops get


def test_what_the_subset_crops_is_cut_before_anything_else(tmp_path):
    images = pictures(side=40)
    data = of_files(tmp_path, [encoded(image) for image in images], Crop(size=24, grid=8))
    told = next(reader(data, **FILES, augment=[]).train([batch([4])]))
    assert np.array_equal(told.crops[0], images[4][8:32, 8:32])
    framed = next(reader(data, **FILES).validation(np.array([4])))
    assert np.array_equal(framed.crops[0], images[4][8:32, 8:32][:16, :16])


def test_aligned_files_are_read_where_alignment_wrote_them(tmp_path):
    images = pictures()
    rows = selection(tmp_path, [encoded(image) for image in images])
    rows["shard"] = rows["label"]
    folder = tmp_path / "aligned"
    folder.mkdir()
    fakes = rows[rows["label"] == 1]
    (folder / "a").write_bytes(encoded(255 - images[1]))
    aligned = fakes.assign(path="a", quarantine=["truncated" if name == "p/03" else None for name in fakes["image_id"]])
    data = data_of_files(rows, aligned, {"p": tmp_path, "aligned/p/1": folder})
    assert data.index["row"].tolist() == list(range(8)) and set(data.index["crop"]) == {0}
    told = reader_for(data, recipe(**FILES, augment=[]), Setting(0), torch.device("cpu"))
    part = next(told.train([batch([0, 1, 3])]))
    assert np.array_equal(part.crops, np.stack([images[0], 255 - images[1]]))
    assert [tuple(each) for each in part.lost] == [("p/03", "truncated")]  # it could not be read to be aligned


def test_stored_crops_are_refused_for_files_and_files_for_crops(tmp_path):
    images = pictures()
    data = of_files(tmp_path, [encoded(image) for image in images])
    with pytest.raises(ValueError, match="'toy' has `reading: files`, and was handed stored crops"):
        reader(Data(np.stack(images), data.index), **FILES)
    with pytest.raises(ValueError, match="read from files"):
        reader(data)
