"""A shard of drawings: files, rows, kills, shards, and the refusals of the config."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from crossgen import records
from crossgen.__main__ import main
from crossgen.config import Pool, ProceduralSource
from crossgen.data import drawing
from crossgen.data.drawing import Drawing, draw_all
from crossgen.data.listing import build
from crossgen.data.unfinished import Journal
from crossgen.procedural.registry import draw

FAMILIES = ["plasma", "clouds", "discs"]


def source(root: Path, **told: Any) -> ProceduralSource:
    base = {"kind": "procedural", "root": str(root), "n": 10, "size": [24, 16], "families": FAMILIES}
    return ProceduralSource.model_validate_json(json.dumps(base | told))


def rows(root: Path, shard: int = 0, shards: int = 1, processes: int = 1, **told: Any) -> list[dict[str, Any]]:
    journal = root.parent / f"journal{shard}of{shards}"
    journal.mkdir(parents=True, exist_ok=True)
    return draw_all(Drawing(source(root, **told), shard, shards), Journal(journal), processes).rows


def test_files_hold_what_is_drawn_and_rows_tell_of_them(tmp_path):
    found = rows(tmp_path / "made")
    assert [row["path"] for row in found[:4]] == [
        "plasma/0000000.png", "clouds/0000001.png", "discs/0000002.png", "plasma/0000003.png",
    ]  # fmt: skip
    assert [row["class_name"] for row in found[:3]] == FAMILIES and len(found) == 10
    image = np.asarray(Image.open(tmp_path / "made" / found[4]["path"]))
    assert image.shape == (16, 24, 3) and (image == draw("clouds", 0, 4, (24, 16))).all()
    assert (tmp_path / "made" / found[4]["path"]).stat().st_size == found[4]["bytes"]


def test_shards_and_processes_make_the_same_images(tmp_path):
    whole = rows(tmp_path / "a" / "made")
    parts = [row for shard in range(3) for row in rows(tmp_path / "b" / "made", shard, 3)]
    several = rows(tmp_path / "c" / "made", processes=2)
    assert several == whole
    assert sorted(parts, key=lambda row: row["path"]) == sorted(whole, key=lambda row: row["path"])


def test_a_larger_pool_begins_with_the_smaller_one(tmp_path):
    few, many = (rows(tmp_path / str(n) / "made", n=n) for n in (5, 9))
    assert many[:5] == few


def test_a_killed_job_goes_on_after_its_last_batch(tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "BATCH", 4)
    whole, made = rows(tmp_path / "whole" / "made"), []

    def counted(name, seed, index, size):
        if len(made) == 6:
            raise KeyboardInterrupt
        made.append(index)
        return draw(name, seed, index, size)

    monkeypatch.setattr(drawing, "draw", counted)
    with pytest.raises(KeyboardInterrupt):
        rows(tmp_path / "again" / "made")
    monkeypatch.setattr(drawing, "draw", lambda *told: made.append(told[2]) or draw(*told))
    assert rows(tmp_path / "again" / "made") == whole
    assert made == [0, 1, 2, 3, 4, 5, 4, 5, 6, 7, 8, 9]


def test_a_file_that_was_harmed_meanwhile_is_drawn_again(tmp_path):
    first = rows(tmp_path / "made")
    (tmp_path / "made" / first[1]["path"]).write_bytes(b"half")
    assert rows(tmp_path / "made") == first
    assert Image.open(tmp_path / "made" / first[1]["path"]).size == (24, 16)


def test_the_command_writes_a_table_that_the_pool_is_listed_from(tmp_path, capsys):
    told, table = source(tmp_path / "made", n=40), tmp_path / "0.parquet"
    command = ["draw-shaders", "--source", told.model_dump_json(), "--output", str(table), "--processes", "2"]
    assert main(command) == 0
    assert "40 images of 3 families" in capsys.readouterr().out
    assert not list(tmp_path.glob(".*.part"))
    pool = Pool(name="drawn", label="real", source=told)
    listed = build(pool, 0, 0.15, 0.3, [table]).to_pandas()
    assert len(listed) == 40 and set(listed["class_name"]) == set(FAMILIES)
    assert set(listed["split"]) == {"train", "val", "test"}
    assert (listed["group"] == listed["image_id"]).all() and (listed["label"] == 0).all()
    (tmp_path / "made" / listed["path"][0]).unlink()
    with pytest.raises(ValueError, match="is missing"):
        build(pool, 0, 0.15, 0.3, [table])
    assert records.read(table, records.MADE).num_rows == 40


def test_a_shard_that_is_none_is_refused(tmp_path, capsys):
    words = ["draw-shaders", "--source", source(tmp_path).model_dump_json(), "--output", str(tmp_path / "0.parquet")]
    assert main([*words, "--shard", "2", "--shards", "2"]) == 1
    assert "No shard 2 of 2: expected 0 to 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"n": 0}, "greater than or equal to 1"),
        ({"size": [24, 7]}, "greater than or equal to 8"),
        ({"size": 24}, "tuple"),
        ({"families": []}, "at least 1 item"),
        ({"families": ["clouds", "clouds"]}, "each family once"),
        ({"families": ["cloud"]}, "'attractor', 'automaton'"),
        ({"seed": -1}, "greater than or equal to 0"),
        ({"splits": ["train"]}, "Extra inputs"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, told, message):
    with pytest.raises(ValidationError, match=message):
        source(tmp_path, **told)


def _at_work(pid: int) -> bool:
    """Whether a process is there, and no zombie that nobody has fetched."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_processes_of_a_killed_job_end_with_it(tmp_path):
    made = tmp_path / "made"
    told = source(made, n=1_000_000).model_dump_json()
    words = ["draw-shaders", "--source", told, "--output", str(tmp_path / "0.parquet"), "--processes", "2"]
    job = subprocess.Popen([sys.executable, "-m", "crossgen", *words])
    try:
        _until(lambda: len(list(made.rglob("*.png"))) > 70)
        children = [int(pid) for pid in Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split()]
        assert len(children) >= 2 and all(map(_at_work, children))
    finally:
        job.kill()
        job.wait()
    _until(lambda: not any(map(_at_work, children)))
    (left,) = tmp_path.glob(".0.parquet.*.part")
    assert Journal(left).lines
