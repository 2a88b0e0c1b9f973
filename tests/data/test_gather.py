"""Shards of crops seen as one: whatever their number, the same images, crops and refusals."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from crossgen import records
from crossgen.__main__ import main
from crossgen.config import Subset
from crossgen.data.gather import refuse_gaps
from crossgen.data.packed import Stacked
from crossgen.data.subsets import select
from toys import described, draw_pools, write_tables

SHARDS = 3
POOLS = {"photographs": "real", "checker": "fake"}


@pytest.fixture(scope="module")
def pools(tmp_path_factory) -> Path:
    """Drawn once; who changes an image copies them first."""
    root = tmp_path_factory.mktemp("drawn") / "images"
    draw_pools(root, generators=("checker",))
    write_tables(root)
    return root


def described_in_shards(pools: Path, name: str, label: str, shards: int) -> pd.DataFrame:
    """The manifest of a pool, its images dealt over shards."""
    frame = described(pools, name, label).to_pandas()
    return frame.assign(shard=np.arange(len(frame)) % shards)


def prepare(pools: Path, folder: Path, shards: int, subset: Subset) -> Path:
    """Manifests of every shard, and the selection."""
    frames = {name: described_in_shards(pools, name, label, shards) for name, label in POOLS.items()}
    for name, frame in frames.items():
        for shard, rows in frame.groupby("shard"):
            records.write(folder / "manifest" / name / f"{shard}.parquet", pa.Table.from_pandas(rows), records.MANIFEST)
    chosen = select(pd.concat(frames.values(), ignore_index=True), subset, "t")
    records.write(folder / "selection.parquet", pa.Table.from_pandas(chosen), records.SELECTION)
    return folder


def run(*words: object) -> None:
    assert main([str(word) for word in words]) == 0


def align(pools: Path, folder: Path, alignment: dict, shards: int, drawn: bool) -> list[Path]:
    """Folders of the aligned checker images, by either command."""
    found = [folder / "aligned" / "checker" / str(shard) for shard in range(shards)]
    for shard, output in enumerate(found):
        fixed = ["align-jpeg", "--manifest", folder / "manifest" / "checker" / f"{shard}.parquet"]
        chosen = ["align-drawn", "--selection", folder / "selection.parquet", "--pool", "checker", "--shard", shard]
        shared = ["--root", pools, "--alignment", json.dumps(alignment), "--output", output, "--threads", 1 + shard]
        run(*(chosen if drawn else fixed), *shared)
    return found


def pack(pools: Path, folder: Path, aligned: list[Path], shards: int, frame: int = 64) -> Path:
    """Crops of every shard, gathered."""
    pairs = [(name, shard) for name in POOLS for shard in range(shards)]
    for part in range(shards):
        mine, place = pairs[part::shards], folder / "crops" / str(part)
        read = [each for each in aligned if (each.parent.name, int(each.name)) in mine]
        run(
            "pack-crops", "--selection", folder / "selection.parquet", "--shards", json.dumps(mine), "--aligned", *read,
            "--folders", json.dumps(dict.fromkeys(POOLS, str(pools))), "--crops-per-image", 2, "--threads", 2,
            "--frame", json.dumps({"kind": "crop", "size": frame}), "--lost-for", "here",
            "--crops", place / "crops.npy", "--index", place / "index.parquet", "--losses", place / "losses.parquet",
        )  # fmt: skip
    assert main(gathering(folder, shards)) == 0
    return folder / "crops"


def gathering(folder: Path, shards: int, limits: str = "{}") -> list[str]:
    """The command that gathers, with the pools' `max_quarantine`."""
    places = [folder / "crops" / str(part) for part in range(shards)]
    parts = ["--indexes", *(str(place / "index.parquet") for place in places)]
    parts += ["--shard-losses", *(str(place / "losses.parquet") for place in places)]
    outputs = [str(folder / "crops" / f"{name}.parquet") for name in ("index", "losses")]
    given = ["--selection", str(folder / "selection.parquet"), "--max-quarantine", limits]
    return ["gather-crops", *parts, *given, "--index", outputs[0], "--losses", outputs[1]]


def read(crops: Path, shards: int) -> tuple[Stacked, pd.DataFrame]:
    index = records.read(crops / "index.parquet", records.CROPS).to_pandas()
    return Stacked([crops / str(part) / "crops.npy" for part in range(shards)]), index


SUBSET = Subset(name="s", images_per_class=12, val_per_class=3)


@pytest.mark.parametrize(
    "alignment", [{"jpeg_quality": 80}, {"jpeg_quality": "reals", "chroma_subsampling": "reals", "to": "fake"}]
)
def test_the_number_of_shards_changes_no_crop(alignment, pools, tmp_path):
    found = []
    for shards in (1, SHARDS):
        folder = prepare(pools, tmp_path / str(shards), shards, SUBSET)
        aligned = align(pools, folder, alignment, shards, alignment["jpeg_quality"] == "reals")
        arrays, index = read(pack(pools, folder, aligned, shards), shards)
        assert sorted(index["row"]) == list(range(len(arrays))) == list(range(60))
        ordered = index.sort_values(["image_id", "crop"], ignore_index=True)
        found.append((arrays[ordered["row"].to_numpy()], ordered.drop(columns=["row", "shard", "path"])))
    assert (found[0][0] == found[1][0]).all()
    pd.testing.assert_frame_equal(found[0][1], found[1][1])
    assert found[0][1].loc[found[0][1]["label"] == 1, "format"].eq("JPEG").all()


def test_shards_without_images_are_empty(pools, tmp_path):
    """The number of shards is known before the images are: a selection may leave some of them nothing."""
    folder = prepare(pools, tmp_path, 10, Subset(name="s", images_per_class=3, val_per_class=1))
    aligned = align(pools, folder, {"jpeg_quality": "reals"}, 10, drawn=True)
    arrays, index = read(pack(pools, folder, aligned, 10), 10)
    assert len(arrays) == len(index) == 16 and sorted(index["row"]) == list(range(16))
    assert any(len(np.load(folder / "crops" / str(part) / "crops.npy")) == 0 for part in range(10))


def test_drawn_alignment_writes_the_selected_images_only(pools, tmp_path):
    folder = prepare(pools, tmp_path, 1, SUBSET)
    (output,) = align(pools, folder, {"jpeg_quality": "reals"}, 1, drawn=True)
    assert len(list(output.glob("*.jpg"))) == 15
    rows = records.read(output / "index.parquet", records.MANIFEST).to_pandas()
    assert set(rows["jpeg_quality"]) == {96} and set(rows["split"]) == {"train", "val"}


def test_one_image_too_many_that_does_not_decode_is_refused_over_the_whole_train_set(pools, tmp_path, capsys):
    """Of 24 photographs one is lost, 4.2 %; of its own shard it would be 12.5 %."""
    pools = shutil.copytree(pools, tmp_path / "images")
    broken = pools / "photographs" / "train" / "002.jpg"
    broken.write_bytes(broken.read_bytes()[: broken.stat().st_size // 2] + b"\xff\xd9")
    folder = prepare(pools, tmp_path, SHARDS, Subset(name="s"))
    crops = pack(pools, folder, [], SHARDS)
    losses = records.read(crops / "losses.parquet", records.LOSSES).to_pylist()
    assert [(row["lost_for"], row["reason"]) for row in losses] == [("here", "truncated")]
    assert main(gathering(folder, SHARDS, '{"photographs": 0.05, "checker": 0.0}')) == 0
    (crops / "index.parquet").unlink()
    assert main(gathering(folder, SHARDS, '{"photographs": 0.04}')) == 1
    assert "Pool 'photographs', images selected to train on: 4.2% of 24 images" in capsys.readouterr().err
    assert not (crops / "index.parquet").exists()


def test_a_label_that_no_frame_fits_is_refused(pools, tmp_path, capsys):
    folder = prepare(pools, tmp_path, 1, SUBSET)
    with pytest.raises(AssertionError):
        pack(pools, folder, [], 1, frame=120)
    error = capsys.readouterr().err
    assert "fakes can be framed; see frame.size and frame.small of the recipe, crop.size and crop.small" in error


def test_shards_that_are_not_the_selection_s_are_refused(pools, tmp_path, capsys):
    folder = prepare(pools, tmp_path, SHARDS, SUBSET)
    pack(pools, folder, [], SHARDS)
    assert main(gathering(folder, SHARDS - 1)) == 1
    assert "its shards tell of 20 images, the selection holds 30 (first that differs: " in capsys.readouterr().err


def test_an_image_told_of_twice_is_refused():
    images, losses = pd.DataFrame({"image_id": ["a", "b"]}), pd.DataFrame({"image_id": ["b"]})
    with pytest.raises(ValueError, match="tell of 3 images, the selection holds 2 .first that differs: b.: pack"):
        refuse_gaps(images, losses, images, "index")


def test_an_image_that_alignment_should_have_written_is_not_read_as_it_was(pools, tmp_path, capsys):
    folder = prepare(pools, tmp_path, 1, SUBSET)
    (output,) = align(pools, folder, {"jpeg_quality": 80}, 1, drawn=False)
    rows = records.read(output / "index.parquet", records.MANIFEST)
    chosen = records.read(folder / "selection.parquet", records.SELECTION).to_pandas()
    lost = chosen.loc[chosen["label"] == 1, "image_id"].iloc[2]
    records.write(output / "index.parquet", rows.filter(pa.compute.not_equal(rows["image_id"], lost)), records.MANIFEST)
    with pytest.raises(AssertionError):
        pack(pools, folder, [output], 1)
    assert f"{output} lacks the selected image {lost}: align that shard again" in capsys.readouterr().err


def test_the_split_of_an_aligned_image_is_the_selection_s(pools, tmp_path):
    """A named validation pool lends images that are train in their own manifest: they must not be trained on."""
    folder = prepare(pools, tmp_path, 1, SUBSET)
    chosen = records.read(folder / "selection.parquet", records.SELECTION).to_pandas()
    lent = chosen.loc[chosen["label"].eq(1) & chosen["split"].eq("train"), "image_id"].head(2).tolist()
    chosen.loc[chosen["image_id"].isin(lent), "split"] = "val"
    records.write(folder / "selection.parquet", pa.Table.from_pandas(chosen), records.SELECTION)
    aligned = align(pools, folder, {"jpeg_quality": 80}, 1, drawn=False)
    _, index = read(pack(pools, folder, aligned, 1), 1)
    assert set(index.loc[index["image_id"].isin(lent), "split"]) == {"val"}
