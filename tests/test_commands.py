"""Commands: each has help with an example, and tells users what is wrong in one message."""

import argparse
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crossgen import runs
from crossgen.__main__ import COMMANDS, main
from crossgen.commands import resume
from crossgen.evaluation.cells import Store
from toys import ROOT


def test_every_module_is_a_listed_command():
    modules = {path.stem for path in (ROOT / "src" / "crossgen" / "commands").glob("[a-z]*.py")}
    assert modules == {name.replace("-", "_") for name in COMMANDS}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example_that_parses(name, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([name, "--help"])
    text = capsys.readouterr().out
    assert stopped.value.code == 0 and f"example:\n  crossgen {name} " in text


@pytest.mark.parametrize("name", COMMANDS)
def test_help_imports_nothing_that_takes_time(name):
    code = "import sys; from crossgen.__main__ import main\ntry: main(sys.argv[1:])\nfinally: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, name, "--help"], capture_output=True, text=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert done.returncode == 0 and "crossgen.commands" in loaded
    assert not loaded & {"torch", "timm", "pandas", "numpy", "pyarrow", "pydantic", "matplotlib", "sklearn", "rich"}


def test_the_list_of_commands_is_in_the_order_of_the_flow(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert re.findall(r"^    ([a-z-]+)\b", text, re.M) == list(COMMANDS)


def test_faults_are_one_message(tmp_path, capsys):
    pool = {"name": "a", "label": "real", "source": {"kind": "folder", "root": str(tmp_path / "absent")}}
    assert main(["download", "--pool", json.dumps(pool), "--output", str(tmp_path / "x.parquet")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("crossgen download: Pool 'a': no folder") and "Traceback" not in error


def test_a_command_runs_without_snakemake(pools, tmp_path):
    listing, manifest = tmp_path / "files.parquet", tmp_path / "manifest.parquet"
    pool = {"name": "checker", "label": "fake", "source": {"kind": "folder", "root": str(pools / "checker")}}
    assert main(["download", "--pool", json.dumps(pool), "--output", str(listing)]) == 0
    command = ["extract-metadata", "--files", str(listing), "--root", str(pools / "checker"), "--output", str(manifest)]
    assert main(command) == 0 and manifest.is_file()


@pytest.fixture
def pruned(tmp_path):
    """Results with a cell of each kind that a report names, one that none names, and what killed jobs left."""
    results = tmp_path / "results"
    store = {kind: Store(results / "toy" / "cells" / kind) for kind in ("pixels", "logits", "validation")}
    named = (("pixels", "cell", "rendered/pool"), ("logits", "logits", "scores/batches"))
    for kind, column, folder in (*named, ("validation", "logits", "scores/validated")):
        for name in ("a" * 32, "b" * 32):
            store[kind].write(name, np.zeros(8))
        index = results / "report" / folder / "0.parquet"
        index.parent.mkdir(parents=True)
        pq.write_table(pa.table({column: ["a" * 32, None]}), index)
    store["pixels"].begin("c" * 32)
    half = results / "toy" / "aligned" / "q96" / "pool" / ".0.77.part"
    half.mkdir(parents=True)
    (half / "000000.jpg").write_bytes(b"half")
    (results / "report" / ".metrics.parquet.77.part").write_bytes(b"half")
    read = results / "toy" / "manifest" / "shards" / "pool" / ".0.parquet.0123456789abcdef.parts"
    read.mkdir(parents=True)
    (read / "000000.parquet").write_bytes(b"read by a job that was killed")
    return results, store


def test_prune_keeps_what_reports_name(pruned, capsys):
    results, store = pruned
    assert main(["prune", "--results", str(results), "--store", "toy", "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("would delete 3 cells and 4 remains of killed jobs")
    assert store["pixels"].whole("b" * 32) and len(list(results.rglob("*.part*"))) == 4
    assert main(["prune", "--results", str(results), "--store", "toy"]) == 0
    assert [store[kind].whole(name * 32) for kind in store for name in "ab"] == [True, False] * 3
    assert not list(results.rglob("*.part*"))
    assert main(["prune", "--results", str(results), "--store", "none"]) == 1


def test_prune_cleans_cells_that_lie_on_another_disk(pruned, tmp_path, capsys):
    results, store = pruned
    shutil.move(results / "toy" / "cells", tmp_path / "scratch")
    (results / "toy" / "cells").symlink_to(tmp_path / "scratch")
    assert main(["prune", "--results", str(results), "--store", "toy"]) == 0
    assert capsys.readouterr().out.startswith("deleted 3 cells and 4 remains of killed jobs")
    assert [store[kind].whole(name * 32) for kind in store for name in "ab"] == [True, False] * 3
    assert not list((tmp_path / "scratch").rglob("*.part*"))


def test_prune_waits_for_no_run_and_harms_none(pruned, capsys, monkeypatch):
    results, _ = pruned
    monkeypatch.setattr(runs, "PATIENCE", 0.1)
    lock, _ = runs.join(results.parent / runs.STATE, runs.here("config a.yaml"))
    assert main(["prune", "--results", str(results), "--store", "toy"]) == 1
    assert "crossgen prune: a run is at work in" in capsys.readouterr().err
    lock.close()
    assert main(["prune", "--results", str(results), "--store", "toy"]) == 0


def test_resume_names_what_it_cannot_start(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["resume"]) == 1
    assert f"there is no Snakefile in {tmp_path}: run it in the root" in capsys.readouterr().err
    (tmp_path / "Snakefile").touch()
    assert main(["resume", "--configfile", "absent.yaml"]) == 1
    assert "Cannot read the config file absent.yaml: No such file" in capsys.readouterr().err
    (tmp_path / "broken.yaml").write_text("pools: [")
    assert main(["resume", "--configfile", "broken.yaml"]) == 1
    assert "Not YAML: broken.yaml" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("installed", "terminal", "chosen", "bars"),
    [
        (True, True, [], True),
        (True, True, ["--logger=snkmt"], False),
        (True, True, ["--logger", "rich"], False),
        (True, False, [], False),
        (False, True, [], False),
    ],
)
def test_resume_draws_bars_on_a_terminal_where_the_plugin_is(installed, terminal, chosen, bars, monkeypatch):
    found = {"snakemake_logger_plugin_rich": object()} if installed else {}
    monkeypatch.setattr(resume.importlib.util, "find_spec", found.get)
    monkeypatch.setattr(resume.sys.stdout, "isatty", lambda: terminal)
    options = argparse.Namespace(configfile=[], profile=None, cores="2", snakemake=chosen)
    words = resume.command(options)
    assert words[words.index("host") + 1 :] == [
        *(["--logger", "rich"] if bars else []), "--cores", "2", "--rerun-incomplete", *chosen,
    ]  # fmt: skip
