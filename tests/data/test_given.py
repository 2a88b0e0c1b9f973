"""Folders that someone gives: listed, read once, kept, and refused in clear words."""

import os

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from crossgen.data import given, manifest
from crossgen.data.given import described, folders, grouped, listed


def save(path, seed=0, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (24, 20, 3), dtype=np.uint8)).save(path, **options)
    return path


@pytest.fixture
def two(tmp_path):
    for i in range(4):
        save(tmp_path / "nature" / ("val" if i < 1 else "Train") / f"n{i}_{i // 2}.jpg", i)
        save(tmp_path / "ai" / f"a{i}.png", 10 + i)
    return folders(tmp_path / "nature", [tmp_path / "ai"])


def test_labels_splits_and_groups(two):
    real, fake = (listed(each, r"_(\d+)$").to_pylist() for each in two)
    assert [row["split"] for row in real] == ["train"] * 3 + ["val"]
    assert sorted(row["group"] for row in real) == ["group/0", "group/0", "group/1", "group/1"]
    assert {row["split"] for row in fake} == {"all"} and {row["label"] for row in fake} == {1}
    assert fake[0]["group"] == "ai/a0.png" == fake[0]["image_id"]  # the pattern finds nothing there


def test_folders_of_one_name_are_told_apart(tmp_path):
    for name in ("x", "y", "z"):
        save(tmp_path / name / "Images!" / "1.png")
    named = folders(tmp_path / "x" / "Images!", [tmp_path / "y" / "Images!", tmp_path / "z" / "Images!"])
    assert [each.name for each in named] == ["images", "images_folder2", "images_folder3"]
    assert [each.label for each in named] == [0, 1, 1]


def test_unchanged_files_are_not_read_again(two, tmp_path, monkeypatch):
    cache = tmp_path / "kept.parquet"
    first = described(two, None, cache)
    asked, real = [], manifest.describe

    def counted(files, *rest):
        asked.extend(files["image_id"].to_pylist())
        return real(files, *rest)

    monkeypatch.setattr(manifest, "describe", counted)
    again = described(two, None, cache)
    assert asked == [] and again.equals(first)
    save(tmp_path / "ai" / "a1.png", 77)  # another picture
    os.utime(tmp_path / "ai" / "a2.png", (1, 1))  # the same one, touched
    (tmp_path / "ai" / "a3.png").unlink()
    save(tmp_path / "ai" / "new.png", 5)
    third = described(two, r"a(\d)", cache)
    assert sorted(asked) == ["ai/a1.png", "ai/a2.png", "ai/new.png"]
    assert third.num_rows == 8 and "ai/a3.png" not in third["image_id"].to_pylist()
    digests = {row["image_id"]: row["blake3"] for row in third.to_pylist()}
    assert digests["ai/a1.png"] != {row["image_id"]: row["blake3"] for row in first.to_pylist()}["ai/a1.png"]
    assert "group/0" in third["group"].to_pylist()  # the listing is today's


def test_another_version_is_read_again(two, tmp_path, monkeypatch):
    described(two, None, tmp_path / "kept.parquet")
    monkeypatch.setattr(manifest, "VERSION", manifest.VERSION + 1)
    table = described(two, None, tmp_path / "kept.parquet")
    assert set(table["version"].to_pylist()) == {manifest.VERSION} and table.num_rows == 8


def test_what_is_no_kept_manifest_is_not_overwritten(two, tmp_path):
    other = tmp_path / "mine.parquet"
    pq.write_table(listed(two[0]), other)
    with pytest.raises(ValueError, match="not the manifest of an earlier audit"):
        described(two, None, other)
    other.write_text("my notes")
    with pytest.raises(ValueError, match="remove it or name another"):
        described(two, None, other)
    assert other.read_text() == "my notes"


def test_unusable_files_stay_as_rows(two, tmp_path):
    (tmp_path / "ai" / "broken.png").write_bytes(b"x")
    (tmp_path / "ai" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    told = {row["image_id"]: row["quarantine"] for row in described(two, None, None).to_pylist()}
    assert told["ai/broken.png"] == "undecodable" and told["ai/gone.png"] == "unreadable"
    assert sum(reason is None for reason in told.values()) == 8


def test_refusals(tmp_path):
    save(tmp_path / "a" / "b" / "1.png")
    (tmp_path / "empty").mkdir()
    a, b = tmp_path / "a", tmp_path / "a" / "b"
    with pytest.raises(ValueError, match="are the same folder"):
        folders(a, [tmp_path / "a" / "b" / ".."])
    with pytest.raises(ValueError, match="lie one in the other"):
        folders(a, [b])
    with pytest.raises(FileNotFoundError, match="no such folder; give the folder of the reals"):
        folders(a, [tmp_path / "c"])
    with pytest.raises(ValueError, match="no image there"):
        listed(folders(a, [tmp_path / "empty"])[1])
    with pytest.raises(ValueError, match="regular expression"):
        listed(given.Given("a", 0, a), "no capture")


def test_identical_files_share_a_group(two, tmp_path):
    save(tmp_path / "ai" / "copy.png", 11)
    frame = grouped(described(two, None, None).to_pandas())
    own = frame.set_index("image_id")["group"]
    assert own["ai/copy.png"] == own["ai/a1.png"] == "ai/a1.png" and own["ai/a2.png"] == "ai/a2.png"
