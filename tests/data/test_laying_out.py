"""Images of tables as folders 0_real and 1_fake: pairs under one stem, all or none."""

import json
import subprocess
import sys

import pandas as pd
import pytest

from crossgen import records
from crossgen.config import FolderSource, Pool
from crossgen.data.laying_out import Layout, lay_out
from crossgen.data.sources import entries
from toys import described

ROOTS = {"photos": "photos", "remade": "remade"}


@pytest.fixture
def rows(tmp_path):
    """Three reals and what was made of them, under other names; and their files."""
    found = []
    for n, split in enumerate(("train", "train", "val")):
        for pool, path, pair in (
            ("photos", f"a/p{n}.jpg", None),
            ("remade", f"{split}/x{n}.png", f"photos/a/p{n}.jpg"),
        ):
            file = tmp_path / pool / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(f"{pool} {n}".encode())
            label = int(pool == "remade")
            keys = {"image_id": f"{pool}/{path}", "path": path, "split": split, "pool": pool}
            found.append(keys | {"label": label, "pair": pair})
    return pd.DataFrame(found)


@pytest.fixture
def roots(tmp_path):
    return {name: str(tmp_path / folder) for name, folder in ROOTS.items()}


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


@pytest.mark.parametrize("how", ["link", "symlink", "copy"])
def test_both_halves_of_a_pair_bear_one_stem(rows, roots, tmp_path, how):
    counts = lay_out(rows, roots, Layout(tmp_path / "out", how))
    assert counts == {"train/0_real": 2, "train/1_fake": 2, "valid/0_real": 1, "valid/1_fake": 1}
    assert files(tmp_path / "out") == [
        "train/0_real/p0.jpg", "train/0_real/p1.jpg", "train/1_fake/p0.png", "train/1_fake/p1.png",
        "valid/0_real/p2.jpg", "valid/1_fake/p2.png",
    ]  # fmt: skip
    first, source = tmp_path / "out" / "train" / "1_fake" / "p0.png", tmp_path / "remade" / "train" / "x0.png"
    assert first.read_bytes() == b"remade 0"
    assert (first.samefile(source), first.is_symlink()) == (how != "copy", how == "symlink")


def test_images_without_a_pair_keep_their_stem_and_val_may_be_called_so(rows, roots, tmp_path):
    lay_out(rows.drop(columns="pair"), roots, Layout(tmp_path / "out", val="val"))
    assert "val/1_fake/x2.png" in files(tmp_path / "out")


def test_nothing_is_overwritten(rows, roots, tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(ValueError, match="out is there already, and nothing is overwritten"):
        lay_out(rows, roots, Layout(tmp_path / "out"))
    assert files(tmp_path / "out") == []


def test_two_images_of_one_name_are_refused(rows, roots, tmp_path):
    rows.loc[2, "path"] = "b/p0.jpg"
    with pytest.raises(ValueError, match="photos/a/p0.jpg and photos/a/p1.jpg would both be train/0_real/p0.jpg"):
        lay_out(rows, roots, Layout(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_pool_without_a_folder_is_refused(rows, roots, tmp_path):
    with pytest.raises(ValueError, match="No folder of the pools remade"):
        lay_out(rows, {"photos": roots["photos"]}, Layout(tmp_path / "out"))


def test_where_a_file_is_gone_nothing_is_left(rows, roots, tmp_path):
    (tmp_path / "remade" / "train" / "x1.png").unlink()
    before = set(tmp_path.iterdir())
    with pytest.raises(ValueError, match="x1.png.*nothing was left there; hard links need one file system"):
        lay_out(rows, roots, Layout(tmp_path / "out"))
    assert set(tmp_path.iterdir()) == before


def test_what_is_laid_out_is_read_again(rows, roots, tmp_path):
    lay_out(rows, roots, Layout(tmp_path / "out"))
    source = FolderSource(kind="folder", root=str(tmp_path / "out"), layout="0_real_1_fake")
    found = {entry.path: entry.split for entry in entries(Pool(name="again", label="fake", source=source))}
    assert found == {"train/1_fake/p0.png": "train", "train/1_fake/p1.png": "train", "valid/1_fake/p2.png": "val"}


def test_the_command_takes_manifests(pools, tmp_path):
    for pool, label in (("checker", "fake"), ("photographs", "real")):
        records.write(tmp_path / f"{pool}.parquet", described(pools, pool, label), records.MANIFEST)
    told = {"checker": str(pools), "photographs": str(pools)}
    command = ["lay-out", "--rows", tmp_path / "checker.parquet", tmp_path / "photographs.parquet"]
    command += ["--folders", json.dumps(told), "--output", tmp_path / "out", "--splits", "test"]
    done = subprocess.run(
        [sys.executable, "-m", "crossgen", *map(str, command)], capture_output=True, text=True, check=True
    )
    assert "test/0_real: 24 images" in done.stdout and len(files(tmp_path / "out" / "test" / "1_fake")) == 24
