"""Commands: each has help with an example, and tells users what is wrong in one message."""

import json
import re
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crossgen.__main__ import COMMANDS, main
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


def test_prune_keeps_what_reports_name(tmp_path, capsys):
    store = {kind: Store(tmp_path / "toy" / "cells" / kind) for kind in ("pixels", "logits")}
    for kind, column, folder in (("pixels", "cell", "rendered/pool"), ("logits", "logits", "scores/batches")):
        for name in ("a" * 32, "b" * 32):
            store[kind].write(name, np.zeros(8))
        index = tmp_path / "report" / folder / "0.parquet"
        index.parent.mkdir(parents=True)
        pq.write_table(pa.table({column: ["a" * 32]}), index)
    store["pixels"].begin("c" * 32)  # what a killed job leaves
    assert main(["prune", "--results", str(tmp_path), "--store", "toy", "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("would delete 3 cells") and store["pixels"].whole("b" * 32)
    main(["prune", "--results", str(tmp_path), "--store", "toy"])
    assert [store[kind].whole(name * 32) for kind in store for name in "ab"] == [True, False, True, False]
    assert main(["prune", "--results", str(tmp_path), "--store", "none"]) == 1


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
