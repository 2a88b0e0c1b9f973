"""Sources as they come: names of any bytes, links and their loops, what is no file, and tables of all spellings."""

import logging
import os
import socket
import unicodedata
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crossgen import records
from crossgen.config import Alignment, FolderSource, Pool, TableSource
from crossgen.data.align import align
from crossgen.data.listing import build
from crossgen.data.manifest import describe
from crossgen.data.names import as_text, located, shown
from crossgen.evaluation import render
from mutations import corpus

PNG = corpus()["png"]
ODD = [
    " leading and trailing .png", "a'b\"c`d.png", "new\nline\r.png", "-rf.png", "--help.png", "back\\slash.png",
    "tab\t.png",
    "{pool} $(touch x) $HOME %s {{}}.png", "a,b;c|d&e*?[x].png", "ümlaut 写真 \U0001f600.png", "Case.png", "case.PNG",
    unicodedata.normalize("NFC", "é.png"), unicodedata.normalize("NFD", "é.png"), "x" * 251 + ".png", ".hidden.png",
    "already \ufffdE9 marked.png", "\u2028.png", "\u202egnp.exe.png", "con.png", "1e5.png", "null.png",
]  # fmt: skip
BYTES = [b"caf\xe9.png", b"caf\xe8.png", b"\xff\xfe.png", b"\xed\xa0\x80.png", b"dir \xe9/in\n\xe9.png"]


def pool_of(root: Path, **source) -> Pool:
    return Pool(name="mine", label="real", source=FolderSource(kind="folder", root=str(root), **source))


def listed(pool: Pool) -> pa.Table:
    return records.check(build(pool, 0, 0.15, 0.3), records.FILES, "test")


def manifest_of(root: Path, **source) -> pa.Table:
    return records.check(describe(listed(pool_of(root, **source)), root), records.MANIFEST, "test")


def reasons(root: Path) -> dict[str, str | None]:
    rows = manifest_of(root)
    return dict(zip(rows["path"].to_pylist(), rows["quarantine"].to_pylist(), strict=True))


def test_every_name_is_used_and_survives_the_tables(tmp_path):
    root = tmp_path / "im ages'\n"
    for name in [*(os.fsencode(name) for name in ODD), *BYTES]:
        path = root / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PNG)
    rows = manifest_of(root)
    records.write(tmp_path / "manifest.parquet", rows, records.MANIFEST)
    rows = records.read(tmp_path / "manifest.parquet", records.MANIFEST)
    assert rows.num_rows == len(ODD) + len(BYTES) and rows["quarantine"].null_count == rows.num_rows
    files = {os.fsencode(located(root, path).relative_to(root)) for path in rows["path"].to_pylist()}
    assert files == {*map(os.fsencode, ODD), *BYTES}
    aligned = tmp_path / "aligned"
    aligned.mkdir()
    frame = rows.set_column(rows.column_names.index("split"), "split", pa.array(["train"] * rows.num_rows)).to_pandas()
    again = align(frame, root, Alignment(jpeg_quality=96, to="real"), aligned)
    assert len(again) == rows.num_rows and again["quarantine"].isna().all()
    tested = rows.set_column(rows.column_names.index("split"), "split", pa.array(["test"] * rows.num_rows))
    assert all(path.read_bytes() == PNG for path in render.tested_images(tested, root).paths)


@pytest.mark.parametrize("name", [*map(os.fsencode, ODD), *BYTES])
def test_a_name_and_its_text_are_one_to_one(name):
    text = as_text(os.fsdecode(name))
    assert text.encode().decode() == text  # UTF-8 throughout
    assert os.fsencode(located(Path(), text)) == name
    assert "\n" not in shown(os.fsdecode(name))


def test_ordinary_names_stay_as_they_are():
    assert as_text("a b/ü\n%E9\\xe9.png") == "a b/ü\n%E9\\xe9.png"
    assert as_text(os.fsdecode(b"caf\xe9.png")) == "caf\ufffdE9.png"


def test_linked_folders_are_followed_and_loops_end(tmp_path, caplog):
    far, root = tmp_path / "far", tmp_path / "root"
    (far / "deep").mkdir(parents=True)
    (root / "own").mkdir(parents=True)
    for path in (far / "a.png", far / "deep" / "b.png", root / "own" / "c.png"):
        path.write_bytes(PNG)
    (root / "aa_link").symlink_to(far)
    (root / "aa_second_way").symlink_to(root / "own")
    (far / "deep" / "up").symlink_to(far)
    (root / "own" / "loop").symlink_to("..")
    (root / "own" / "d.png").symlink_to(far / "a.png")
    with caplog.at_level(logging.WARNING):
        found = listed(pool_of(root))["path"].to_pylist()
    assert found == ["aa_link/a.png", "aa_link/deep/b.png", "own/c.png", "own/d.png"]
    assert "3 folders are reached twice and listed once" in caplog.text and "aa_second_way" in caplog.text


def test_the_root_may_be_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.png").write_bytes(PNG)
    (tmp_path / "link").symlink_to("real")
    assert reasons(tmp_path / "link") == {"a.png": None}


def test_what_cannot_be_read_keeps_a_row(tmp_path, monkeypatch):
    for name in ("sound.png", "forbidden.png", "faulty.png"):
        (tmp_path / name).write_bytes(PNG)
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "two.png").symlink_to("three.png")
    (tmp_path / "three.png").symlink_to("two.png")
    (tmp_path / "gone.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "lost folder").symlink_to("/nowhere/at/all")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "folder.png" / "inside.png").write_bytes(PNG)
    os.mkfifo(tmp_path / "pipe.png")
    with socket.socket(socket.AF_UNIX) as plug:
        plug.bind(str(tmp_path / "socket.png"))
    (tmp_path / "device.png").symlink_to("/dev/zero")
    real = Path.read_bytes

    def read_bytes(path):
        if path.name in ("forbidden.png", "faulty.png"):
            raise PermissionError(13, "denied") if path.name == "forbidden.png" else OSError(5, "input/output error")
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    found = reasons(tmp_path)
    assert [path for path, reason in found.items() if reason is None] == ["folder.png/inside.png", "sound.png"]
    lost = {path for path, reason in found.items() if reason == "unreadable"}
    assert lost == {
        "forbidden.png", "faulty.png", "loop.png", "two.png", "three.png", "gone.jpg", "lost folder", "pipe.png",
        "socket.png", "device.png",
    }  # fmt: skip
    assert len(found) == len(lost) + 2


def test_a_file_that_would_fill_the_memory_is_not_read(tmp_path):
    with open(tmp_path / "huge.png", "wb") as file:
        file.truncate(2**40)
    assert reasons(tmp_path) == {"huge.png": "too_large"}


def test_other_endings_are_passed_over_and_counted(tmp_path, caplog):
    for name in ("a.PNG", "b.JFIF", "c.gif", "notes.txt", "more.txt", "noending", ".png"):
        (tmp_path / name).write_bytes(PNG)
    with caplog.at_level(logging.WARNING):
        found = listed(pool_of(tmp_path))["path"].to_pylist()
    assert found == ["a.PNG", "b.JFIF", "c.gif"]
    assert "passed over 4 files by their endings (none: 2, .txt: 2); see source.suffixes" in caplog.text


def test_a_file_that_is_gone_after_its_listing_is_missing(tmp_path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(PNG)
    files = listed(pool_of(tmp_path))
    (tmp_path / "a.png").unlink()
    assert describe(files, tmp_path)["quarantine"].to_pylist() == ["missing", None]


def table_pool(root: Path, content: bytes | pa.Table) -> Pool:
    path = root / ("list.csv" if isinstance(content, bytes) else "list.parquet")
    path.write_bytes(content) if isinstance(content, bytes) else pq.write_table(content, path)
    source = TableSource(kind="table", root=str(root), table=str(path))
    return Pool(name="mine", label="real", source=source)


NEWLINE = "new\nline.png"


@pytest.mark.parametrize(
    "content",
    [
        b'path,split\n"new\nline.png",val\n"a,""b"".png",test\n',
        b'\xef\xbb\xbfpath,split\r\n"new\nline.png",val\r\n"a,""b"".png",test\r\n',
        b'split,path,note\nval,"./new\nline.png",1\ntest,".//a,""b"".png",x\n',
        pa.table({"path": pa.array([NEWLINE, 'a,"b".png']).dictionary_encode(), "split": ["val", "test"]}),
        pa.table({"path": pa.array([NEWLINE, 'a,"b".png'], pa.large_string()), "split": ["val", "test"]}),
    ],
    ids=["newline", "bom_crlf", "spelling", "dictionary", "large"],
)
def test_tables_of_any_spelling(tmp_path, content):
    for name in (NEWLINE, 'a,"b".png'):
        (tmp_path / name).write_bytes(PNG)
    rows = listed(table_pool(tmp_path, content)).to_pydict()
    assert dict(zip(rows["path"], rows["split"], strict=True)) == {NEWLINE: "val", 'a,"b".png': "test"}


def test_a_table_writes_other_names_as_tables_hold_them(tmp_path):
    (tmp_path / os.fsdecode(b"caf\xe9.png")).write_bytes(PNG)
    pool = table_pool(tmp_path, "path,split\ncaf\ufffdE9.png,train\n".encode())
    assert describe(listed(pool), tmp_path)["quarantine"].to_pylist() == [None]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"list\.csv is no readable table: .*Empty"),
        (b"path,split\n", "holds no image"),
        (b"path,split\na.png\n", r"no readable table: .*Expected 2 columns, got 1"),
        (b"path,split\n\xe9.png,train\n", "no readable table: .*invalid UTF8"),
        (b"path,path\na.png,b.png\n", "one name twice"),
        (b"path,bytes\na.png,7\na.png,many\n", r"column 'bytes', row 2: expected int64, found 'many'"),
        (b"path,split\na.png,train\n,train\n", r"list\.csv, row 2 has no path"),
        (b"path\n/etc/passwd\n", "row 1: path '/etc/passwd' leaves its root"),
        (b"path\na.png\n./a.png\n", "a.png is listed twice"),
        (b"path\ngone.png\n", r"gone\.png is missing"),
        (b"path\nfolder.png\n", r"folder\.png is missing"),
        (b"path\nloop.png\n", r"loop\.png is missing"),
        (b"path\n" + b"x" * 300 + b"\n", "cannot be read .File name too long"),
        (b'path\n"not\nthere.png"\n', r"not\\nthere\.png is missing"),
        (pa.table({"path": ["a.png"], "bytes": [1.5]}), "column 'bytes', row 1: expected int64, found 1.5"),
        (pa.table({"path": [["a.png"]]}), "column 'path', row 1: expected string"),
    ],
)
def test_tables_that_cannot_be_used_say_where(tmp_path, content, message):
    (tmp_path / "a.png").write_bytes(PNG)
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "loop.png").symlink_to("loop.png")
    with pytest.raises(ValueError, match=message):
        listed(table_pool(tmp_path, content))
