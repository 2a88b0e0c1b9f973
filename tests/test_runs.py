"""Who is at work in a folder: told by a lock that dies with its process."""

import os
import signal
import subprocess
import sys

import pytest

from crossgen import runs

HOLD = """
import sys, time
from pathlib import Path
from crossgen import runs
lock, other = runs.join(Path(sys.argv[1]), runs.here("config a.yaml"))
print(other or "first", flush=True)
time.sleep(60)
"""


@pytest.fixture
def run_elsewhere(tmp_path):
    """Start processes that count as runs; they are killed in the end."""
    started = []

    def start() -> tuple[subprocess.Popen, str]:
        words = [sys.executable, "-c", HOLD, str(tmp_path)]
        started.append(subprocess.Popen(words, stdout=subprocess.PIPE, text=True))
        return started[-1], started[-1].stdout.readline().strip()

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_runs_know_of_each_other_and_a_dead_one_counts_no_more(tmp_path, run_elsewhere, monkeypatch):
    monkeypatch.setattr(runs, "PATIENCE", 0.3)
    first, said = run_elsewhere()
    assert said == "first"
    _, said = run_elsewhere()
    assert f"process {first.pid} on " in said and "config a.yaml" in said
    with pytest.raises(runs.Busy, match=f"process {first.pid} on .* wait for it, stop it"), runs.alone(tmp_path):
        pass
    first.kill()
    first.wait()
    with pytest.raises(runs.Busy), runs.alone(tmp_path):  # the second is still alive
        pass


def test_a_killed_run_leaves_a_lock_that_may_be_removed(tmp_path, run_elsewhere):
    killed, _ = run_elsewhere()
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "0.input.lock").write_text("a\n")
    killed.kill()
    killed.wait()
    with runs.alone(tmp_path) as last:
        assert last is not None and last.pid == killed.pid
        assert runs.has_lock(tmp_path) and runs.remove_lock(tmp_path, last)
        assert not runs.has_lock(tmp_path) and not runs.remove_lock(tmp_path, last)


def test_the_lock_of_another_machine_is_left_to_people(tmp_path):
    (tmp_path / "locks").mkdir(parents=True)
    (tmp_path / "locks" / "0.input.lock").write_text("a\n")
    last = runs.Holder(1, "another-machine", "config a.yaml", "2026-01-01 00:00:00")
    with pytest.raises(runs.Busy, match="see on another-machine that it is over"):
        runs.remove_lock(tmp_path, last)
    assert runs.has_lock(tmp_path)


def test_a_damaged_note_is_no_reason_to_stop(tmp_path):
    (tmp_path / "crossgen.lock").write_text("{half")
    with runs.alone(tmp_path) as last:
        assert last is None


def test_a_warning_of_slurm_does_not_end_snakemake_and_reaches_what_it_starts():
    earlier = signal.getsignal(signal.SIGUSR1)
    try:
        runs.outlive_warnings()
        os.kill(os.getpid(), signal.SIGUSR1)
        child = subprocess.run(["bash", "-c", "kill -s USR1 $$"])
        assert child.returncode == -signal.SIGUSR1
    finally:
        signal.signal(signal.SIGUSR1, earlier)
