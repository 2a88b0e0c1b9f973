"""Shards joined to one manifest, piece by piece."""

import pyarrow as pa
import pytest
from test_extraction import write_listing

from crossgen import records
from crossgen.data.gathering import gather
from crossgen.data.manifest import describe


@pytest.fixture
def shards(pools, tmp_path):
    """Manifests of three shards, each in the order of its listing."""
    listing = records.read(write_listing(pools, tmp_path / "files.parquet", shards=3), records.FILES).to_pandas()
    paths = []
    for number in range(3):
        rows = pa.Table.from_pandas(listing[listing["shard"] == number], preserve_index=False)
        manifest = describe(records.check(rows, records.FILES, "test"), pools)
        records.write(tmp_path / f"{number}.parquet", manifest, records.MANIFEST)
        paths.append(tmp_path / f"{number}.parquet")
    return paths


def gathered(shards, tmp_path, limit=0.0):
    gather(shards, tmp_path / "all.parquet", "mine", limit)
    return records.read(tmp_path / "all.parquet", records.MANIFEST)


def test_rows_are_ordered_by_shard_and_name(shards, tmp_path, monkeypatch):
    real = records.stream
    monkeypatch.setattr(records, "stream", lambda path, schema: real(path, schema, 10))
    rows = gathered(shards, tmp_path).to_pylist()
    expected = [row for path in shards for row in records.read(path, records.MANIFEST).to_pylist()]
    assert rows == expected
    assert [(row["shard"], row["image_id"]) for row in rows] == sorted((row["shard"], row["image_id"]) for row in rows)


def test_one_shard_is_in_the_order_of_names_however_it_was_written(shards, tmp_path):
    table = records.read(shards[0], records.MANIFEST)
    names = sorted(table["image_id"].to_pylist())
    for other in (table, table.take(list(reversed(range(table.num_rows))))):
        records.write(shards[0], other, records.MANIFEST)
        assert gathered(shards[:1], tmp_path)["image_id"].to_pylist() == names


def test_an_image_in_two_shards_is_refused(shards, tmp_path):
    tables = [records.read(path, records.MANIFEST) for path in shards]
    records.write(shards[2], pa.concat_tables([tables[2], tables[0].slice(5, 1)]), records.MANIFEST)
    name = tables[0]["image_id"][5].as_py()
    with pytest.raises(ValueError, match="3 tables together: 1 repeated keys in a manifest table") as caught:
        gathered(shards, tmp_path)
    assert name in str(caught.value) and not (tmp_path / "all.parquet").exists()
    with pytest.raises(ValueError, match="repeated keys"):
        gathered([shards[0], shards[0]], tmp_path)


def test_equal_digests_of_other_names_are_no_repeats(shards, tmp_path, monkeypatch):
    from crossgen.data import gathering

    real = gathering._digests
    monkeypatch.setattr(gathering, "_digests", lambda names: real(names) % 7)
    assert gathered(shards, tmp_path).num_rows == 144


def test_what_is_no_table_is_named(shards, tmp_path):
    shards[1].write_bytes(b"PAR1 and nothing else PAR1")
    with pytest.raises(ValueError, match=r"1\.parquet: not a readable Parquet file"):
        gathered(shards, tmp_path)


def test_an_empty_pool_is_an_empty_table(shards, tmp_path):
    for path in shards:
        records.write(path, records.from_rows([], records.MANIFEST), records.MANIFEST)
    assert gathered(shards, tmp_path).num_rows == 0
