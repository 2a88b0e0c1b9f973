"""Alignment to files and packed crops: what is written is what training reads."""

import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from crossgen import records
from crossgen.config import Alignment, Frame, Subset
from crossgen.data import images
from crossgen.data.align import align
from crossgen.data.gather import refuse_losses_of_pools, refuse_unbalanced
from crossgen.data.manifest import quarantined, refuse_quarantine
from crossgen.data.subsets import select
from packing import packed
from toys import described

FRAME = Frame(kind="crop", size=64)


@pytest.fixture
def manifest(pools):
    tables = [described(pools, "photographs", "real"), described(pools, "checker", "fake")]
    return pd.concat([table.to_pandas() for table in tables], ignore_index=True)


def test_manifest_tells_header_facts(manifest):
    reals, fakes = manifest[manifest["label"] == 0], manifest[manifest["label"] == 1]
    assert set(reals["jpeg_quality"]) == {96} and set(reals["chroma_subsampling"]) == {"4:2:0"}
    assert fakes["jpeg_quality"].isna().all() and set(fakes["format"]) == {"PNG"}
    assert set(fakes["width"]) == {112} and manifest["quarantine"].isna().all()


def test_broken_images_are_quarantined_and_too_many_refused(pools):
    files = sorted((pools / "checker" / "train").glob("*.png"))
    files[0].write_bytes(b"")
    files[1].write_bytes(files[1].read_bytes()[:400])
    table = described(pools, "checker", "fake")
    assert quarantined(table) == {"empty": 1, "truncated": 1}
    refuse_quarantine(table, "checker", 0.05)
    with pytest.raises(ValueError, match=r"4.2% of 48 images are unusable .*'empty': 1.*max_quarantine 1.0%"):
        refuse_quarantine(table, "checker", 0.01)


def test_aligned_files_are_pillows_and_test_images_are_left_alone(pools, manifest, tmp_path):
    target = tmp_path / "aligned"
    target.mkdir()
    rows = align(manifest, pools, Alignment(jpeg_quality=96), target)
    assert set(rows["label"]) == {1} and set(rows["split"]) == {"train", "val"} and len(rows) == 24
    assert set(rows["jpeg_quality"]) == {96} and set(rows["chroma_subsampling"]) == {"4:2:0"}
    first = rows.iloc[0]
    original = manifest.set_index("image_id").loc[first["image_id"], "path"]
    expected = io.BytesIO()
    Image.open(pools / original).save(expected, "JPEG", quality=96, subsampling="4:2:0")
    assert (target / first["path"]).read_bytes() == expected.getvalue()


def test_crops_come_from_the_aligned_file_on_the_grid(pools, manifest, tmp_path):
    target = tmp_path / "checker" / "0"
    target.mkdir(parents=True)
    rows = align(manifest, pools, Alignment(jpeg_quality=50), target)
    chosen = select(manifest, Subset(name="s", images_per_class=8, val_per_class=2), "t")
    folders = {"photographs": pools, "checker": pools, "aligned/checker/0": target}
    crops, index, losses = packed(chosen, rows, folders, FRAME, 3)
    assert losses.empty
    assert crops.shape == (60, 64, 64, 3) and crops.dtype == np.uint8
    records.check(pa.Table.from_pandas(index, preserve_index=False), records.CROPS, "test")
    assert not (index[["crop_x", "crop_y"]] % 16).any().any()
    fake = index[index["label"] == 1].iloc[1]
    whole = np.asarray(Image.open(target / fake["path"]).convert("RGB"))
    x, y = fake["crop_x"], fake["crop_y"]
    assert (crops[fake["row"]] == whole[y : y + 64, x : x + 64]).all()
    assert fake["jpeg_quality"] == 50 and fake["source_width"] == 112


def test_images_that_cannot_be_framed_are_left_out_and_an_empty_label_is_refused(pools, manifest):
    chosen = select(manifest, Subset(name="s"), "t")
    folders = {"photographs": pools, "checker": pools}
    crops, index, losses = packed(chosen, manifest.head(0), folders, Frame(kind="crop", size=120), 1)
    assert len(crops) == len(index) < len(chosen)
    assert set(losses["reason"]) == {"under_frame"} and set(losses["stage"]) == {"training"}
    assert sorted([*index["image_id"], *losses["image_id"]]) == sorted(chosen["image_id"])
    refuse_losses_of_pools(losses, chosen, {"photographs": 0.0, "checker": 0.0})
    with pytest.raises(ValueError, match="none of 4 val fakes can be framed|none of 20 train fakes can be framed"):
        refuse_unbalanced(index, chosen, "crops.npy")


def cut_short(path):
    """A JPEG whose header and end are sound and whose data stop halfway."""
    blob = path.read_bytes()
    path.write_bytes(blob[: len(blob) // 2] + b"\xff\xd9")


def test_images_that_do_not_decode_are_told_of_and_too_many_refused(pools, tmp_path):
    for path in sorted((pools / "photographs" / "train").iterdir())[:2]:
        cut_short(path)
    (pools / "checker" / "train" / "000.png").write_bytes(
        (pools / "photographs" / "train" / "001.jpg").read_bytes() + b"\0"
    )
    tables = [described(pools, "photographs", "real"), described(pools, "checker", "fake")]
    both = pd.concat([table.to_pandas() for table in tables], ignore_index=True)
    assert both["quarantine"].isna().all()
    target = tmp_path / "checker" / "0"
    target.mkdir(parents=True)
    aligned = align(both, pools, Alignment(jpeg_quality=96), target)
    assert aligned["quarantine"].value_counts().to_dict() == {"truncated": 1}
    chosen = select(both, Subset(name="s"), "t")
    folders = {"photographs": pools, "checker": pools, "aligned/checker/0": target}
    _, index, losses = packed(chosen, aligned, folders, FRAME, 1)
    lost = [image_id.rpartition("/train/")[2] for image_id in sorted(losses["image_id"])]
    assert lost == ["000.png", "000.jpg", "001.jpg"]
    assert set(losses["reason"]) == {"truncated"} and not set(losses["image_id"]) & set(index["image_id"])
    refuse_losses_of_pools(losses, chosen, {"photographs": 0.1, "checker": 0.05})
    with pytest.raises(
        ValueError, match=r"'photographs', .*: 8.3% of 24 images are unusable \({'truncated': 2}; first:"
    ):
        refuse_losses_of_pools(losses, chosen, {"photographs": 0.05, "checker": 0.05})


def test_a_file_that_can_no_longer_be_read_stops_the_job(pools, manifest, tmp_path):
    """It is the disk's fault: as a gap it would be remembered when the disk is sound again."""
    (pools / "photographs" / "train" / "000.jpg").unlink()
    (pools / "photographs" / "train" / "000.jpg").mkdir()
    with pytest.raises(IsADirectoryError, match="000.jpg"):
        folders = {"photographs": pools, "checker": pools}
        packed(select(manifest, Subset(name="s"), "t"), manifest.head(0), folders, FRAME, 1)


def test_what_no_jpeg_can_hold_is_quarantined_not_crashed_on(manifest, tmp_path, monkeypatch, pools):
    monkeypatch.setitem(images._LONGEST, "JPEG", 100)
    rows = align(manifest, pools, Alignment(jpeg_quality=96), tmp_path)
    assert set(rows["quarantine"]) == {"too_large"} and not list(tmp_path.glob("*.jpg"))
