"""What surrounds every job (workflow/job.sh): its log, its status, and signals that reach the command within it."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from crossgen.account.failures import ending
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
    status = "exit status 75 (told to stop: it goes on from its checkpoint when it is run again)"
    assert f"\n---- {status}\n" in (tmp_path / "job.log").read_text()


def test_a_command_that_knows_nothing_of_signals_ends_by_them(tmp_path):
    for number in (signal.SIGTERM, signal.SIGINT):
        job = start(tmp_path, "bash", "-c", "echo begun; exec sleep 30")
        begun(tmp_path)
        send(job, number, "group")
        _, errors = job.communicate(timeout=10)
        log = (tmp_path / "job.log").read_text()
        assert job.returncode == 128 + number and log.startswith(f"begun\n\n---- exit status {128 + number}"), errors
        (tmp_path / "job.log").unlink()


@pytest.mark.parametrize(("script", "status"), [("exit 3", 3), ("kill -9 $$", 137)])
def test_a_failure_keeps_its_status(script, status, tmp_path):
    job = start(tmp_path, "bash", "-c", f"echo begun; {script}")
    output, errors = job.communicate(timeout=10)
    assert (job.returncode, output, errors) == (status, "", "")  # the run that sent it tells of it
    end = ending(str(tmp_path / "job.log"))
    assert (end.lines[0], end.status.split()[0]) == ("begun", str(status))
    again = subprocess.run(["bash", "-c", end.command], cwd="/", capture_output=True, text=True, env={})
    assert again.stdout == "begun\n" and abs(again.returncode) in (status, status - 128)  # a process of the shell's own


def test_the_command_repeats_arguments_of_any_form_in_a_fresh_shell(tmp_path):
    words = ['{"a": "it\'s",\n "b": "$HOME"}', "", "back\\slash", "two  spaces"]
    job = start(tmp_path, sys.executable, "-c", "import sys; print(sys.argv[1:]); sys.exit(4)", *words)
    job.communicate(timeout=10)
    end = ending(str(tmp_path / "job.log"))
    again = subprocess.run(["bash", "-c", end.command], cwd="/", capture_output=True, text=True, env={})
    assert again.returncode == 4 and again.stdout.splitlines() == end.lines == [repr(words)]


def test_success_says_nothing_beside_its_log(tmp_path):
    job = start(tmp_path, "bash", "-c", "echo first; echo last; echo and errors >&2")
    assert (*job.communicate(timeout=10), job.returncode) == ("", "", 0)
    assert (tmp_path / "job.log").read_text() == "first\nlast\nand errors\n"
