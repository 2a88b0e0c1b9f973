"""Alignment and packing go on where they were killed, to the same bytes; what was begun otherwise is left alone."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from crossgen import records
from crossgen.__main__ import main
from crossgen.data import align, pack, unfinished
from toys import ROOT, described, draw_pools, write_tables

#: Runs a command that kills itself (SIGKILL: nothing is cleaned up) on entering a function for the n-th time.
KILLED = """
import importlib, os, signal, sys
from crossgen.__main__ import main
module, name, moment = importlib.import_module(sys.argv[1]), sys.argv[2], int(sys.argv[3])
module.CHECKPOINT = 5
original, calls = getattr(module, name), []
def counted(*arguments, **more):
    calls.append(1)
    if len(calls) == moment:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments, **more)
setattr(module, name, counted)
sys.exit(main(sys.argv[4:]))
"""


def kill(module: str, name: str, moment: int, command: list[str]) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    words = [sys.executable, "-c", KILLED, module, name, str(moment), *command]
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def shard(tmp_path_factory):
    """Manifest, selection and folder of 24 fakes to re-encode, one of which does not decode."""
    pools = tmp_path_factory.mktemp("drawn") / "images"
    draw_pools(pools, generators=("checker",))
    write_tables(pools)
    broken = pools / "checker" / "train" / "003.png"
    broken.write_bytes((pools / "photographs" / "train" / "001.jpg").read_bytes()[:2000] + b"\xff\xd9")
    table = described(pools, "checker", "fake")
    records.write(pools / "checker.parquet", table, records.MANIFEST)
    rows = table.filter([split != "test" for split in table["split"].to_pylist()])
    records.write(pools / "selection.parquet", rows, records.SELECTION)
    return pools


def aligning(shard: Path, output: Path, quality: int = 90, threads: int = 1) -> list[str]:
    alignment = json.dumps({"jpeg_quality": quality})
    given = ["--manifest", str(shard / "checker.parquet"), "--root", str(shard), "--alignment", alignment]
    return ["align-jpeg", *given, "--threads", str(threads), "--output", str(output)]


@pytest.mark.parametrize("threads", [1, 3])
def test_alignment_goes_on_after_a_kill(threads, shard, tmp_path, monkeypatch):
    assert main(aligning(shard, tmp_path / "undisturbed" / "0")) == 0
    output = tmp_path / "checker" / "0"
    kill("crossgen.data.align", "encode", 20, aligning(shard, output, threads=threads))
    (part,) = output.parent.iterdir()
    assert part.name.startswith(".0.") and part.name.endswith(".part") and not output.exists()
    journal = (part / "done.txt").read_text().split()
    names, encoded = journal[::2], []
    assert len(names) >= 4  # of the first checkpoint, at least
    assert len(list((part / "images").iterdir())) >= len(names)
    original = align.encode
    monkeypatch.setattr(align, "encode", lambda *given: encoded.append(1) or original(*given))
    assert main(aligning(shard, output, threads=threads)) == 0
    assert len(encoded) == 23 - len(names)  # what was told of is not done again
    assert files(output) == files(tmp_path / "undisturbed" / "0") and not part.exists()


def test_a_kill_while_the_index_is_written_leaves_nothing_in_the_folder(shard, tmp_path):
    assert main(aligning(shard, tmp_path / "undisturbed" / "0")) == 0
    output = tmp_path / "checker" / "0"
    kill("os", "replace", 1, aligning(shard, output))
    assert main(aligning(shard, output)) == 0
    assert files(output) == files(tmp_path / "undisturbed" / "0")
    assert [path.name for path in output.parent.iterdir()] == ["0"]


def test_a_kept_file_that_is_no_longer_what_it_was_is_written_again(shard, tmp_path):
    assert main(aligning(shard, tmp_path / "undisturbed" / "0")) == 0
    output = tmp_path / "checker" / "0"
    kill("crossgen.data.align", "encode", 20, aligning(shard, output))
    (part,) = output.parent.iterdir()
    kept = sorted((part / "images").iterdir())
    kept[0].write_bytes(kept[1].read_bytes())
    kept[1].write_bytes(kept[1].read_bytes()[:-9])
    kept[2].unlink()
    assert main(aligning(shard, output)) == 0
    assert files(output) == files(tmp_path / "undisturbed" / "0")


def test_what_was_begun_with_another_quality_is_not_taken_up_and_prune_sweeps_it(shard, tmp_path):
    results = tmp_path / "results"
    (results / "toy" / "cells").mkdir(parents=True)
    folder = results / "toy" / "aligned" / "q90" / "checker"
    kill("crossgen.data.align", "encode", 20, aligning(shard, folder / "0"))
    drawn = results / "toy" / "drawn" / "subset" / "set" / "checker" / ".0.77.part"
    (drawn / "images").mkdir(parents=True)
    assert main(aligning(shard, folder / "0", quality=50)) == 0
    assert len(list(folder.iterdir())) == 2
    rows = records.read(folder / "0" / "index.parquet", records.MANIFEST).to_pandas()
    assert set(rows.loc[rows["quarantine"].isna(), "jpeg_quality"]) == {50}
    assert main(["prune", "--results", str(results), "--store", "toy"]) == 0
    assert [path.name for path in folder.iterdir()] == ["0"] and not drawn.exists()


def packing(shard: Path, folder: Path, size: int = 32, threads: int = 1) -> list[str]:
    told = {name: str(folder / f"{name}.parquet") for name in ("index", "losses")}
    outputs = ["--crops", str(folder / "crops.npy"), "--index", told["index"], "--losses", told["losses"]]
    frame, folders = json.dumps({"kind": "crop", "size": size}), json.dumps({"checker": str(shard)})
    given = ["--selection", str(shard / "selection.parquet"), "--folders", folders, "--frame", frame]
    return ["pack-crops", *given, "--crops-per-image", "3", "--threads", str(threads), *outputs]


@pytest.mark.parametrize("threads", [1, 3])
def test_packing_goes_on_after_a_kill(threads, shard, tmp_path, monkeypatch):
    assert main(packing(shard, tmp_path / "undisturbed")) == 0
    kill("crossgen.data.pack", "decode", 20, packing(shard, tmp_path / "killed", threads=threads))
    (part,) = (tmp_path / "killed").iterdir()
    done = (part / "done.txt").read_text().splitlines()
    assert len(done) >= 5 and len(done) % 5 == 0
    decoded, original = [], pack.decode
    monkeypatch.setattr(pack, "decode", lambda blob: decoded.append(1) or original(blob))
    assert main(packing(shard, tmp_path / "killed", threads=threads)) == 0
    assert len(decoded) == 24 - len(done)
    assert files(tmp_path / "killed") == files(tmp_path / "undisturbed") and not part.exists()


def test_packing_begins_again_if_the_array_is_gone_or_the_frame_is_another(shard, tmp_path):
    kill("crossgen.data.pack", "decode", 20, packing(shard, tmp_path / "killed"))
    (part,) = (tmp_path / "killed").iterdir()
    assert main(packing(shard, tmp_path / "killed", size=48)) == 0 and part.exists()
    (part / "crops.npy").write_bytes(b"")
    assert main(packing(shard, tmp_path / "killed")) == 0 and not part.exists()
    assert main(packing(shard, tmp_path / "undisturbed")) == 0
    assert files(tmp_path / "killed") == files(tmp_path / "undisturbed")


def test_a_line_that_was_cut_short_does_not_count(tmp_path):
    journal = unfinished.Journal(tmp_path)
    assert journal.lines == []
    journal.append(["one", "two"])
    with open(journal.path, "ab") as file:
        file.write(b"thr")
    again = unfinished.Journal(tmp_path)
    assert again.lines == ["one", "two"]
    again.append(["three"])
    assert unfinished.Journal(tmp_path).lines == ["one", "two", "three"]
    again.forget()
    assert unfinished.Journal(tmp_path).lines == [] == again.lines


def test_a_failure_leaves_what_was_done_and_nothing_else(tmp_path):
    for name, done in (("nothing", []), ("something", ["a"])):
        with pytest.raises(ZeroDivisionError), unfinished.resuming(tmp_path / name, ["x"]) as place:
            (place / "half").write_bytes(b"half")
            if done:
                unfinished.Journal(place).append(done)
            raise ZeroDivisionError
        assert unfinished.folder(tmp_path / name, ["x"]).exists() == bool(done)
