"""Listings: every image once, files verified, sources that say what is wrong."""

import pytest

from crossgen.config import FolderSource, Pool, TableSource
from crossgen.data.listing import build, shard
from toys import draw_pools, write_tables


def pool(root, name="photographs", **changes):
    source = TableSource(kind="table", root=str(root), table=str(root / f"{name}.csv"))
    return Pool(**{"name": name, "label": "real", "source": source} | changes)


def listed(pool, seed=0):
    return build(pool, seed, 0.15, 0.3).to_pandas()


def test_a_table_gives_ids_splits_and_shards(pools):
    rows = listed(pool(pools, shards=3))
    assert rows["image_id"].is_unique and rows["image_id"].str.startswith("photographs/").all()
    assert rows["split"].value_counts().to_dict() == {"test": 24, "train": 20, "val": 4}
    assert [shard(image_id, 3) for image_id in rows["image_id"]] == rows["shard"].tolist()
    assert not rows["path"].str.startswith("/").any()
    moved = listed(pool(pools), seed=1)
    assert set(moved.loc[moved["split"] == "val", "path"]) != set(rows.loc[rows["split"] == "val", "path"])


def test_a_folder_is_split_by_hash_and_fakes_name_their_generator(pools):
    folder = FolderSource(kind="folder", root=str(pools / "checker"))
    rows = listed(Pool(name="checker", label="fake", source=folder))
    assert set(rows["split"]) == {"train", "val", "test"} and set(rows["generator"]) == {"checker"}
    rows = listed(Pool(name="checker", label="fake", test_only=True, source=folder))
    assert set(rows["split"]) == {"test"}


def test_wrong_and_missing_files_are_named(pools):
    table = pools / "photographs.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join(["path,split,bytes", *(f"{line},1" for line in lines[1:])]))
    with pytest.raises(ValueError, match="48 of 48 files .* instead of 1"):
        listed(pool(pools))
    table.write_text("path,split,blake3\n" + lines[1] + "," + "0" * 64 + "\n")
    with pytest.raises(ValueError, match="another blake3 digest"):
        listed(pool(pools))
    table.write_text("path,split\nabsent.jpg,train\n")
    with pytest.raises(ValueError, match="absent.jpg is missing"):
        listed(pool(pools))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path,split\n../secret.jpg,train\n", "leaves its root"),
        ("file,split\na.jpg,train\n", "no column 'path'"),
        ("path,split\na.jpg,trian\n", "split 'trian'"),
        ("path,split\na.jpg,train\na.jpg,test\n", "listed twice"),
        ("path,pool\na.jpg,other\n", "holds no image"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path, content, message):
    (tmp_path / "photographs.csv").write_text(content)
    with pytest.raises(ValueError, match=message):
        listed(pool(tmp_path))


def test_absent_sources_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no table"):
        listed(pool(tmp_path))
    with pytest.raises(FileNotFoundError, match="no folder"):
        listed(Pool(name="a", label="real", source=FolderSource(kind="folder", root=str(tmp_path / "no"))))


def test_pool_column_chooses_rows(tmp_path):
    draw_pools(tmp_path, n=3)
    write_tables(tmp_path)
    rows = [f"{path.relative_to(tmp_path)},{path.parts[-3]}" for path in sorted(tmp_path.rglob("*.*g"))]
    (tmp_path / "checker.csv").write_text("\n".join(["path,pool", *rows]))
    assert len(listed(pool(tmp_path, "checker"))) == 6
