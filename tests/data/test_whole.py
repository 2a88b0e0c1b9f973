"""Images that are read whole: the index tells of the files that alignment wrote, in the form of that of crops."""

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from crossgen import records
from crossgen.__main__ import main
from crossgen.data.audit import audit_stage
from toys import described

POOLS = {"photographs": "real", "checker": "fake"}


@pytest.fixture
def selection(pools, tmp_path):
    """All train and val images of two pools, chosen by hand, and their file."""
    frames = [described(pools, name, label).to_pandas() for name, label in POOLS.items()]
    rows = pd.concat(frames, ignore_index=True)
    rows = rows[rows["split"] != "test"].sort_values("image_id", ignore_index=True)
    records.write(tmp_path / "selection.parquet", pa.Table.from_pandas(rows, preserve_index=False), records.SELECTION)
    return rows


@pytest.fixture
def aligned(pools, tmp_path):
    manifest, folder = tmp_path / "manifest.parquet", tmp_path / "aligned" / "checker" / "0"
    records.write(manifest, described(pools, "checker", "fake"), records.MANIFEST)
    told = json.dumps({"jpeg_quality": 80, "to": "fake"})
    words = ["align-jpeg", "--manifest", manifest, "--root", pools, "--alignment", told, "--output", folder]
    assert main([str(word) for word in words]) == 0
    return folder


def index_files(pools, tmp_path, *aligned, limits="{}"):
    words = ["index-files", "--selection", tmp_path / "selection.parquet", "--aligned", *aligned]
    words += ["--folders", json.dumps(dict.fromkeys(POOLS, str(pools))), "--max-quarantine", limits]
    words += ["--lost-for", "here", "--index", tmp_path / "index.parquet", "--losses", tmp_path / "losses.parquet"]
    return main([str(word) for word in words])


def written(tmp_path):
    return (
        records.read(tmp_path / "index.parquet", records.CROPS).to_pandas(),
        records.read(tmp_path / "losses.parquet", records.LOSSES).to_pandas(),
    )


def test_it_tells_of_the_files_that_are_read(pools, tmp_path, selection, aligned):
    assert index_files(pools, tmp_path, aligned) == 0
    index, losses = written(tmp_path)
    assert list(index["image_id"]) == list(selection["image_id"]) and len(losses) == 0
    fakes, reals = index[index["label"] == 1], index[index["label"] == 0]
    assert set(fakes["jpeg_quality"]) == {80} and set(fakes["format"]) == {"JPEG"}
    assert set(reals["jpeg_quality"]) == {96}
    assert list(index["row"]) == list(range(len(index))) and set(index["crop"]) == {0}
    assert (index["source_width"] == selection["width"]).all() and str(pools) not in index.to_csv()


def test_its_audit_is_that_of_the_files_and_finds_no_crop(pools, tmp_path, selection, aligned):
    assert index_files(pools, tmp_path, aligned) == 0
    attributes, _ = audit_stage(written(tmp_path)[0], "s", "after_alignment", "t", 0.95)
    found = {row["attribute"]: row["auc"] for row in attributes}
    assert found["jpeg_quality"] == 1.0  # quality 80 is a fake, 96 is a real
    assert {found[name] for name in ("crop_size", "crop_x_mod_16")} == {0.5}


def test_what_alignment_could_not_read_is_lost_and_too_much_of_it_is_refused(
    pools, tmp_path, selection, aligned, capsys
):
    table = records.read(aligned / "index.parquet", records.MANIFEST).to_pandas()
    table.loc[table.index[:2], "quarantine"] = "truncated"
    records.write(aligned / "index.parquet", pa.Table.from_pandas(table), records.MANIFEST)
    assert index_files(pools, tmp_path, aligned) == 0
    index, losses = written(tmp_path)
    assert len(index) == len(selection) - 2 and set(index["image_id"]) | set(losses["image_id"]) == set(
        selection["image_id"]
    )
    assert losses[["stage", "lost_for", "pool", "reason"]].drop_duplicates().values.tolist() == [
        ["training", "here", "checker", "truncated"]
    ]
    assert index_files(pools, tmp_path, aligned, limits='{"checker": 0.01}') == 1
    assert "Pool 'checker', images selected to train on: 8.3% of 24 images are unusable" in capsys.readouterr().err


def test_what_alignment_wrote_is_laid_out(pools, tmp_path, selection, aligned):
    gone = selection[selection["label"] == 1]["image_id"].iloc[0]
    index = records.read(aligned / "index.parquet", records.MANIFEST).to_pandas()
    index.loc[index["image_id"] == gone, "quarantine"] = "truncated"
    records.write(aligned / "index.parquet", pa.Table.from_pandas(index, preserve_index=False), records.MANIFEST)
    words = ["lay-out", "--rows", tmp_path / "selection.parquet", "--aligned", aligned]
    words += ["--folders", json.dumps(dict.fromkeys(POOLS, str(pools))), "--output", tmp_path / "out"]
    assert main([str(word) for word in words]) == 0
    folders = {0: "0_real", 1: "1_fake"}
    for row in selection.to_dict("records"):
        split = {"val": "valid"}.get(row["split"], row["split"])
        folder = tmp_path / "out" / split / folders[row["label"]]
        found = next(folder.glob(f"{Path(row['path']).stem}.*"), None)
        if row["image_id"] == gone:
            assert found is None
        elif row["label"]:
            again = index.set_index("image_id").at[row["image_id"], "path"]
            assert found.suffix == ".jpg" and found.samefile(aligned / again)
        else:
            assert found.samefile(pools / row["path"])
