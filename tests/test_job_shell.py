"""What surrounds every job (workflow/job.sh): its log, its status, and signals that reach the command within it."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from toys import ROOT

#: Takes half a second for its checkpoint after it was told to stop, as a training does.
TRAINING = """
import sys, time
from pathlib import Path
from crossgen.training.interrupt import Interrupted, watching
with watching() as stopped:
    print("begun", flush=True)
    while not stopped():
        time.sleep(0.01)
    time.sleep(0.5)
    Path("checkpoint").touch()
    raise Interrupted(7)
"""


def start(folder: Path, *words: str) -> subprocess.Popen:
    """A job in a process group of its own, Ctrl-C not ignored, as Snakemake runs it."""
    script = f"source '{ROOT}/workflow/job.sh';  logged job.log \"$@\""
    return subprocess.Popen(
        ["bash", "-c", script, "bash", *words], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip


def begun(folder: Path) -> None:
    deadline = time.monotonic() + 30
    while "begun" not in ((folder / "job.log").read_text() if (folder / "job.log").exists() else ""):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def send(job: subprocess.Popen, number: int, whom: str) -> None:
    {"shell": os.kill, "group": os.killpg}[whom](job.pid, number)


@pytest.mark.parametrize(
    ("number", "whom"),
    [
        (signal.SIGTERM, "shell"),
        (signal.SIGTERM, "group"),
        (signal.SIGUSR1, "shell"),
        (signal.SIGUSR1, "group"),
        (signal.SIGINT, "group"),
    ],
)
def test_a_signal_leaves_the_command_its_time_for_a_checkpoint(number, whom, tmp_path):
    job = start(tmp_path, sys.executable, "-c", TRAINING)
    begun(tmp_path)
    send(job, number, whom)
    try:
        _, errors = job.communicate(timeout=30)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(job.pid, signal.SIGKILL)
    assert job.returncode == 75, errors
    assert (tmp_path / "checkpoint").exists()  # the shell has not ended before the command
    assert "exit status 75 (told to stop: it goes on from its checkpoint when it is run again); the end of" in errors


def test_a_command_that_knows_nothing_of_signals_ends_by_them(tmp_path):
    for number in (signal.SIGTERM, signal.SIGINT):
        job = start(tmp_path, "bash", "-c", "echo begun; exec sleep 30")
        begun(tmp_path)
        send(job, number, "group")
        _, errors = job.communicate(timeout=10)
        assert job.returncode == 128 + number and f"exit status {128 + number}; the end of job.log:\nbegun" in errors
        (tmp_path / "job.log").unlink()


@pytest.mark.parametrize(("script", "status"), [("exit 3", 3), ("kill -9 $$", 137)])
def test_a_failure_keeps_its_status(script, status, tmp_path):
    job = start(tmp_path, "bash", "-c", f"echo begun; {script}")
    output, errors = job.communicate(timeout=10)
    assert job.returncode == status and not output
    assert f"---- exit status {status}; the end of job.log:\nbegun\n" in errors
    assert f"---- to repeat this job by hand:\ncd {tmp_path} && PYTHONPATH={ROOT}/src bash -c echo" in errors


def test_success_says_the_last_line(tmp_path):
    job = start(tmp_path, "bash", "-c", "echo first; echo last; echo and errors >&2")
    assert (*job.communicate(timeout=10), job.returncode) == ("and errors\n", "", 0)
    assert (tmp_path / "job.log").read_text() == "first\nlast\nand errors\n"
