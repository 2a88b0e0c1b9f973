"""Who is at work in a folder: told by a lock that dies with its process."""

import errno
import fcntl
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


@pytest.fixture
def killed_elsewhere(tmp_path, monkeypatch):
    """What a run left that was a job of SLURM on another machine; asked of that job, squeue says what is given."""
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "0.input.lock").write_text("a\n")
    last = runs.Holder(1, "another-machine", "config a.yaml", "2026-01-01 00:00:00", slurm_job="7")
    with open(tmp_path / "crossgen.lock", "w") as file:
        last.write(file)
    program = tmp_path / "squeue"
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    def says(state: str) -> None:
        program.write_text(f"#!/bin/sh\necho {state}\n")
        program.chmod(0o755)

    return says


def test_a_run_in_a_job_of_slurm_is_over_when_the_job_is(tmp_path, killed_elsewhere):
    killed_elsewhere("")
    with runs.alone(tmp_path) as last:
        assert last.host == "another-machine" and runs.remove_lock(tmp_path, last)


def test_a_run_in_a_job_of_slurm_that_runs_is_at_work(tmp_path, killed_elsewhere, monkeypatch):
    monkeypatch.setattr(runs, "PATIENCE", 0.1)
    killed_elsewhere("RUNNING")
    with pytest.raises(runs.Busy, match="process 1 on another-machine, SLURM job 7, config a.yaml"):
        runs.alone(tmp_path).__enter__()
    (tmp_path / "locks" / "0.input.lock").unlink()  # the run came to its end, though its job goes on
    with runs.alone(tmp_path) as last:
        assert last.slurm_job == "7"


def test_without_locks_a_note_tells_of_a_run_at_work(tmp_path, run_elsewhere, monkeypatch):
    def none_here(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(runs, "PATIENCE", 0.1)
    at_work, _ = run_elsewhere()
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "0.input.lock").write_text("a\n")
    monkeypatch.setattr(fcntl, "flock", none_here)
    with pytest.raises(runs.Busy, match=f"process {at_work.pid} on"):
        runs.alone(tmp_path).__enter__()
    at_work.kill()
    at_work.wait()
    with runs.alone(tmp_path) as last:
        assert last.pid == at_work.pid


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


TOLD_WHILE_BUSY = """
import os, signal, threading
from crossgen import runs
lock, answered = threading.Lock(), threading.Semaphore(0)
def answer(*_):
    with lock:
        answered.release()
signal.signal(signal.SIGTERM, answer)
runs.stop_in_a_thread()
with lock:
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGTERM)
assert answered.acquire(timeout=30) and answered.acquire(timeout=30)
print("answered")
"""


def test_who_holds_the_lock_of_its_handler_can_be_told_to_stop():
    busy = [sys.executable, "-c", TOLD_WHILE_BUSY]
    assert subprocess.run(busy, check=True, timeout=60, capture_output=True, text=True).stdout == "answered\n"


@pytest.mark.parametrize("words", [["--profile", "slurm"], ["--profile=slurm"]])
def test_who_goes_on_takes_the_same_profile(words):
    again = runs.resume_command(["snakemake", "--configfile", "a.yaml", *words, "matrix"], ["a.yaml", "my b.yaml"])
    assert again == "crossgen resume --profile slurm --configfile a.yaml 'my b.yaml'"
    assert runs.resume_command(["snakemake", "-c2"], ["a.yaml"]) == "crossgen resume --configfile a.yaml"
