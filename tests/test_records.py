"""Tables are checked at the door, both ways, and files appear whole."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crossgen import records

ROW = {
    "experiment": "e", "train_set": "t", "seed": 0, "pool": "p", "condition": "c", "image_id": "i", "label": 1,
    "logit": 0.5,
}  # fmt: skip


def table(*rows):
    return pa.Table.from_pylist([ROW | row for row in rows])


def test_tables_come_back_typed_with_extra_columns_kept(tmp_path):
    path = tmp_path / "deep" / "scores.parquet"
    records.write(path, table({"extra": 1}, {"image_id": "j", "extra": 2}), records.SCORES)
    read = records.read(path, records.SCORES)
    assert read.column_names == [*records.SCORES.columns, "extra"]
    assert read.schema.field("logit").type == pa.float32()
    assert [path.name for path in path.parent.iterdir()] == ["scores.parquet"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (table({}).drop_columns(["logit"]), r"lacks the columns \['logit'\]"),
        (table({}, {}), "1 repeated keys .* first: .*'image_id': 'i'"),
        (table({"label": "fake"}), "column 'label' of a scores table: expected int64, found string"),
        (table({"label": None}), "'label' of a scores table is empty in row 0"),
    ],
)
def test_wrong_tables_are_refused_when_written(tmp_path, wrong, message):
    with pytest.raises(ValueError, match=message):
        records.write(tmp_path / "a.parquet", wrong, records.SCORES)
    assert not list(tmp_path.iterdir())


def test_wrong_files_are_refused_when_read(tmp_path):
    pq.write_table(table({}, {}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"a.parquet: 1 repeated keys"):
        records.read(tmp_path / "a.parquet", records.SCORES)
    (tmp_path / "b.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(ValueError, match="not a readable Parquet file .* remove it"):
        records.read(tmp_path / "b.parquet", records.SCORES)


def test_some_columns_are_read_alone(tmp_path):
    pq.write_table(table({}, {"image_id": "j"}), tmp_path / "a.parquet")
    read = records.read(tmp_path / "a.parquet", records.SCORES, ["logit", "image_id"])
    assert read.column_names == ["image_id", "logit"] and read.num_rows == 2  # no repeats without the whole key
    with pytest.raises(ValueError, match=r"a.parquet: scores table lacks the columns \['label'\]"):
        pq.write_table(table({}).drop_columns(["label"]), tmp_path / "a.parquet")
        records.read(tmp_path / "a.parquet", records.SCORES, ["label"])


def test_empty_tables_keep_their_types():
    empty = records.from_rows([], records.MANIFEST)
    assert records.check(empty, records.MANIFEST, "here").num_rows == 0
