"""One training an output: its folder, its lock, and what `crossgen prune` leaves of them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from crossgen.__main__ import main
from crossgen.data.locks import lock_of
from crossgen.training.place import working
from toys import ROOT

#: Works on an output until it is killed; with a worker that outlives it.
AT_WORK = """
import os, sys, time
from pathlib import Path
from crossgen.training.place import working
with working(Path(sys.argv[1]), [1]) as place:
    (place / "checkpoint").write_text("whole")
    if os.fork() == 0:
        print("at work", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def output(tmp_path) -> Path:
    return tmp_path / "results" / "toy" / "detectors" / "detector.safetensors"


@pytest.fixture
def at_work(output):
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    words = [sys.executable, "-c", AT_WORK, str(output)]
    process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout.readline() == "at work\n"
    yield process
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_the_folder_stays_after_an_error_and_goes_after_success(output):
    with pytest.raises(KeyboardInterrupt), working(output, ["recipe"]) as place:
        (place / "checkpoint").write_text("whole")
        raise KeyboardInterrupt
    assert [path.name for path in output.parent.iterdir()] == [place.name]  # no lock
    with working(output, ["another recipe"]) as other:
        assert other != place and not list(other.iterdir())
    with working(output, ["recipe"]) as again:
        assert again == place and (again / "checkpoint").read_text() == "whole"
        output.touch()
    assert list(output.parent.iterdir()) == [output]


def test_a_second_training_of_an_output_is_refused_whatever_its_recipe(output, at_work):
    for identity in ([1], [2]):
        with pytest.raises(OSError, match="detector.safetensors is being written by another process: let it finish"):
            working(output, identity).__enter__()
    with working(output.with_name("other.safetensors"), [1]):
        pass
    with working(output, [1], first=False) as shared:  # another process of the same training
        assert (shared / "checkpoint").exists()
    assert (shared / "checkpoint").exists() and at_work.poll() is None


def test_the_lock_dies_with_its_process_even_if_its_worker_lives_on(output, at_work):
    at_work.kill()
    at_work.wait()
    with working(output, [1]) as place:
        assert (place / "checkpoint").read_text() == "whole"
    assert not list(output.parent.iterdir())


def test_who_waits_at_the_door_does_not_take_a_lock_that_was_removed(output, monkeypatch):
    from crossgen.data import locks

    original, opened = locks.refuse_second, []

    def removed_meanwhile(file, what):  # its last holder leaves between the opening and the locking
        opened.append(file)
        if len(opened) == 1:
            lock_of(output).unlink()
        original(file, what)

    monkeypatch.setattr(locks, "refuse_second", removed_meanwhile)
    with working(output, [1]):
        assert len(opened) == 2 and locks.is_held(lock_of(output))
    assert not lock_of(output).exists()


def prune(results: Path, capsys) -> str:
    (results / "toy" / "cells").mkdir(parents=True, exist_ok=True)
    assert main(["prune", "--results", str(results), "--store", "toy"]) == 0
    return capsys.readouterr().out


def test_prune_sweeps_what_nobody_came_back_for_but_nothing_of_a_training_at_work(output, at_work, capsys):
    results = output.parents[2]
    before = sorted(output.parent.rglob("*"))
    assert len(before) == 3 and "0 remains" in prune(results, capsys)
    assert sorted(output.parent.rglob("*")) == before
    at_work.kill()
    at_work.wait()
    assert "deleted 0 cells and 2 remains of killed jobs" in prune(results, capsys)
    assert not list(output.parent.iterdir())
