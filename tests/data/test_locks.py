"""Who writes an output: told by a lock, and by a note where locks do not reach."""

import errno
import fcntl
import os
import socket
import subprocess
import sys
from dataclasses import replace

import pytest

from crossgen.data import locks
from crossgen.holders import Holder, here
from toys import ROOT

#: Owns an output until it is told to go on; `without`: on a file system without locks.
OWNER = """
import fcntl, sys
from pathlib import Path
from crossgen.data.locks import own
def none_here(*_): raise OSError("No locks available")
if "without" in sys.argv: fcntl.flock = none_here
with own(Path(sys.argv[1])): print("mine", flush=True); sys.stdin.readline()
"""
RIVAL = """
import fcntl, sys, time
from pathlib import Path
from crossgen.data.locks import own
def none_here(*_): raise OSError("No locks available")
fcntl.flock = none_here
print("ready", flush=True); sys.stdin.readline()
try:
    with own(Path(sys.argv[1])): print("mine", flush=True); time.sleep(3)
except OSError as error: print("refused", error, flush=True)
"""


@pytest.fixture
def output(tmp_path):
    return tmp_path / "detector.safetensors"


@pytest.fixture
def no_locks(monkeypatch):
    def none_here(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none_here)


@pytest.fixture
def start(output):
    """Start processes on the output, with what they say and hear as pipes; they are killed in the end."""
    started = []

    def starts(script, *words, **environment):
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", script, str(output), *words],
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": str(ROOT / "src")} | environment,
            )
        )
        return started[-1], started[-1].stdout.readline().strip()

    yield starts
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def squeue(tmp_path, monkeypatch):
    """A program that plays squeue."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def says(does):
        (folder / "squeue").write_text(f"#!/bin/sh\n{does}\n")
        (folder / "squeue").chmod(0o755)

    return says


def left_by(output, holder):
    with open(locks.lock_of(output), "w") as file:
        holder.write(file)


def owned(output):
    """Own the output for a moment: what its lock file says meanwhile."""
    with locks.own(output):
        return Holder.read(locks.lock_of(output))


@pytest.mark.parametrize("words", [[], ["without"]])
def test_the_refusal_names_who_writes(output, start, words, request):
    if words:
        request.getfixturevalue("no_locks")
    other, said = start(OWNER, *words, SLURM_JOB_ID="41")
    assert said == "mine"
    whom = rf"process {other.pid} on {socket.gethostname()}, SLURM job 41, since 20\d\d-.*"
    with pytest.raises(OSError, match=rf"safetensors is being written by .*: let it finish, or end it \({whom}\)\.$"):
        locks.own(output).__enter__()
    other.communicate("go on\n")
    assert list(output.parent.iterdir()) == []
    assert owned(output).pid == os.getpid()


@pytest.mark.parametrize("words", [[], ["without"]])
def test_what_a_killed_one_left_is_taken_over(output, start, words, request):
    if words:
        request.getfixturevalue("no_locks")
    other, _ = start(OWNER, *words)
    other.kill()
    assert other.wait() and locks.lock_of(output).exists() and not locks.is_held(locks.lock_of(output))
    assert owned(output).pid == os.getpid()
    assert list(output.parent.iterdir()) == []


def test_without_locks_one_process_owns_an_output_once(output, no_locks):
    with locks.own(output):
        assert locks.is_held(locks.lock_of(output))
        with pytest.raises(OSError, match=f"process {os.getpid()} on"):
            locks.own(output).__enter__()


def test_without_locks_one_of_many_takes_what_a_dead_one_left(output, start):
    left_by(output, replace(here(), pid=2**22 + 1))  # above the largest number of a process
    rivals = [start(RIVAL)[0] for _ in range(4)]
    for rival in rivals:
        rival.stdin.write("go on\n")
        rival.stdin.flush()
    said = sorted(rival.stdout.readline().split()[0] for rival in rivals)
    assert said == ["mine", "refused", "refused", "refused"]


def test_a_later_process_of_the_same_number_is_another(output, no_locks):
    left_by(output, replace(here(), born="an earlier boot 1"))
    assert owned(output) is not None


@pytest.mark.parametrize("has_locks", [True, False])  # not every file system shares them between machines
def test_a_job_that_runs_on_another_machine_is_not_joined(output, squeue, has_locks, request):
    if not has_locks:
        request.getfixturevalue("no_locks")
    left_by(output, Holder(1, "another-machine", "", "2026-01-01 00:00:00", slurm_job="7"))
    squeue('test "$2" = --jobs=7 && echo RUNNING')
    with pytest.raises(
        OSError, match=r"end it \(process 1 on another-machine, SLURM job 7, since 2026-01-01 00:00:00\)"
    ):
        locks.own(output).__enter__()
    assert locks.is_held(locks.lock_of(output))
    squeue("echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1")
    assert not locks.is_held(locks.lock_of(output)) and owned(output).pid == os.getpid()


def test_a_job_put_back_into_the_queue_goes_on_from_itself(output, squeue, monkeypatch):
    left_by(output, Holder(1, "a-node-that-failed", "", "2026-01-01 00:00:00", slurm_job="7"))
    squeue("echo RUNNING")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert owned(output).slurm_job == "7"


@pytest.mark.parametrize("job", ["", "7"])
def test_who_cannot_be_seen_is_taken_to_be_gone_with_a_warning(output, squeue, caplog, job):
    left_by(output, Holder(1, "another-machine", "", "2026-01-01 00:00:00", slurm_job=job))
    squeue("echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1")
    assert owned(output).pid == os.getpid()
    assert "its last holder cannot be seen from here and is taken to be gone (process 1 on another-ma" in caplog.text


def test_a_pen_that_was_left_is_named(output, monkeypatch):
    monkeypatch.setattr(locks, "PATIENCE", 0.05)
    pen = output.with_name(f".{output.name}.lock.pen.lock")
    pen.touch()
    with pytest.raises(OSError, match=rf"which is just taking .*: try again, and remove {pen} if it stays"):
        locks.own(output).__enter__()


def test_who_was_taken_for_dead_does_not_remove_the_next_ones_lock(output, no_locks):
    with locks.own(output):
        left_by(output, Holder(1, "another-machine", "", "2026-01-01 00:00:00"))
    assert Holder.read(locks.lock_of(output)).host == "another-machine"


def test_a_disk_without_room_for_the_note_is_said(output, start):
    script = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n" + OWNER.replace(
        "with own", "try: own(Path(sys.argv[1])).__enter__()\nexcept OSError as error: sys.exit(print(error))\nwith own"
    )
    _, said = start(script)
    assert said.startswith(f"cannot write the lock file {locks.lock_of(output)}: ") and "Make room, then run" in said
