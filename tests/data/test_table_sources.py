"""Tables that list reals and fakes, generators, classes and groups in one."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crossgen.config import Pool, TableSource
from crossgen.data.listing import build
from crossgen.data.sources import entries


def pool(root, content, label="real", **changes):
    path = root / ("list.csv" if isinstance(content, str) else "list.parquet")
    path.write_text(content) if isinstance(content, str) else pq.write_table(content, path)
    source = TableSource(kind="table", root=str(root), table=str(path))
    return Pool(name="mine", label=label, source=source, **changes)


def paths(given):
    return [entry.path for entry in entries(given)]


@pytest.mark.parametrize(
    ("real", "fake"), [("real", "fake"), ("nature", "ai"), ("0", "1"), ("Real", "FAKE"), (" 0", "ai ")]
)
def test_rows_of_the_other_label_are_left_out(tmp_path, real, fake):
    text = f"path,label\na.png,{real}\nb.png,{fake}\nc.png,{real}\n"
    assert paths(pool(tmp_path, text)) == ["a.png", "c.png"]
    assert paths(pool(tmp_path, text, "fake")) == ["b.png"]


@pytest.mark.parametrize("kind", [pa.int64(), pa.int8(), pa.string(), pa.dictionary(pa.int8(), pa.string())])
def test_labels_of_parquet_may_be_numbers(tmp_path, kind):
    labels = pa.array([0, 1] if pa.types.is_integer(kind) else ["0", "1"]).cast(kind)
    table = pa.table({"path": ["a.png", "b.png"], "label": labels})
    assert paths(pool(tmp_path, table)) == ["a.png"] and paths(pool(tmp_path, table, "fake")) == ["b.png"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "path,label\na.png,real\nb.png,synthetic\n",
            "row 2: label 'synthetic': expected one of real, fake, nature, ai",
        ),
        ("path,label\na.png,\n", "row 1: label None: expected one of"),
        ("path,label\na.png,2\n", "label '2'"),
        ("path,label\na.png,fake\n", "none of its 1 rows has label real"),
        ("path,label\na.png,real\nb.png,real\na.png,fake\n", "row 1: a.png is listed as real and as fake"),
        ("path,class_index\na.png,dog\n", "column 'class_index', row 1: expected int64, found 'dog'"),
        (pa.table({"path": ["a.png"], "label": [False]}), "label 'false': expected one of"),
        (pa.table({"path": ["a.png", "b.png"], "label": [0.0, 0.5]}), "row 2: label '0.5'"),
    ],
)
def test_labels_that_cannot_be_used_say_where(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        entries(pool(tmp_path, content))


def test_a_wrong_label_of_another_pools_row_is_not_this_pools(tmp_path):
    text = "path,label,pool\na.png,real,mine\nb.png,unknown,other\n"
    assert paths(pool(tmp_path, text)) == ["a.png"]


TABLE = """path,label,generator,group,class_index,class_synset,class_name
r1.png,real,,p1,433,n02807133,cap
f1.png,fake,adm,p1,433,n02807133,cap
f2.png,fake,ADM,p2,,,
f3.png,fake,sd14,p2,0,n01440764,tench
"""


def test_generator_class_and_group_reach_the_listing(tmp_path):
    for name in ("r1.png", "f1.png", "f2.png", "f3.png"):
        (tmp_path / name).write_bytes(b"")
    rows = build(pool(tmp_path, TABLE, "fake"), 0, 0.15, 0.3).to_pylist()
    told = [(row["path"], row["generator"], row["group"], row["class_index"], row["class_synset"]) for row in rows]
    assert told == [
        ("f1.png", "adm", "p1", 433, "n02807133"), ("f2.png", "ADM", "p2", None, None),
        ("f3.png", "sd14", "p2", 0, "n01440764"),
    ]  # fmt: skip
    real = build(pool(tmp_path, TABLE), 0, 0.15, 0.3).to_pylist()
    assert [(row["generator"], row["group"]) for row in real] == [(None, "p1")]
    test = {row["group"]: row["split"] == "test" for row in rows}
    assert test["p1"] == (real[0]["split"] == "test")  # a photograph and what was made of it are tested together


def test_a_stated_generator_chooses_its_rows(tmp_path):
    assert paths(pool(tmp_path, TABLE, "fake", generator="adm")) == ["f1.png", "f2.png"]
    assert {entry.generator for entry in entries(pool(tmp_path, TABLE, "fake", generator="sd14"))} == {"sd14"}
    with pytest.raises(
        ValueError, match="no row of generator 'glide', which the pool states; there are: ADM, adm, sd14"
    ):
        entries(pool(tmp_path, TABLE, "fake", generator="glide"))


def test_one_list_of_path_and_label_is_enough(tmp_path):
    rows = [f"{label}/{number}.png,{label}" for label in ("real", "fake") for number in range(40)]
    for row in rows:
        path = tmp_path / row.partition(",")[0]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    for label in ("real", "fake"):
        listed = build(pool(tmp_path, "path,label\n" + "\n".join(rows), label), 0, 0.15, 0.3)
        assert listed.num_rows == 40 and set(listed["split"].to_pylist()) == {"train", "val", "test"}
