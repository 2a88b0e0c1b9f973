"""workflow/cluster/sbatch: waits for a controller that is away, and for nothing else. A stand-in is the real one."""

import os
import subprocess
from pathlib import Path

import pytest

from toys import ROOT

WRAPPER = ROOT / "workflow" / "cluster"
AWAY = "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)"
PROGRAM = """#!/bin/sh
echo called >>{calls}
if [ "$(wc -l <{calls})" -le {failures} ]; then echo "{message}" >&2; exit 1; fi
echo "42;$1"
echo "a warning" >&2
"""


Done = subprocess.CompletedProcess


def submit(folder: Path, failures: int, message: str = AWAY, **told: str) -> tuple[Done, int]:
    """What the wrapper makes of an sbatch that fails so many times, and how often that was called."""
    calls = folder / "calls"
    program = folder / "sbatch"
    program.write_text(PROGRAM.format(calls=calls, failures=failures, message=message))
    program.chmod(0o755)
    told |= {"CROSSGEN_SBATCH_SECONDS": "0.01", "PATH": f"{WRAPPER}:{folder}:{os.environ['PATH']}"}
    done = subprocess.run(["sbatch", "--wrap=a b"], env=os.environ | told, capture_output=True, text=True)
    return done, len(calls.read_text().splitlines())


def test_it_waits_for_the_controller(tmp_path):
    done, calls = submit(tmp_path, failures=3)
    assert (done.returncode, done.stdout, done.stderr) == (0, "42;--wrap=a b\n", "a warning\n")
    assert calls == 4


def test_it_waits_not_for_ever(tmp_path):
    done, calls = submit(tmp_path, failures=100, CROSSGEN_SBATCH_ATTEMPTS="3")
    assert done.returncode == 1 and AWAY in done.stderr and calls == 3


def test_it_sends_nothing_for_a_run_that_is_gone(tmp_path):
    ended = subprocess.Popen(["true"])
    ended.wait()
    done, calls = submit(tmp_path, failures=1, CROSSGEN_RUN_PID=str(ended.pid))
    assert done.returncode == 1 and done.stdout == "" and calls == 1
    (tmp_path / "calls").unlink()
    done, calls = submit(tmp_path, failures=1, CROSSGEN_RUN_PID=str(os.getpid()))
    assert done.returncode == 0 and calls == 2


@pytest.mark.parametrize("message", ["sbatch: error: invalid partition specified: x", "Socket timed out on send/recv"])
def test_other_errors_are_told_at_once(tmp_path, message):
    done, calls = submit(tmp_path, failures=100, message=message)
    assert done.returncode == 1 and done.stderr == f"{message}\n" and calls == 1


def test_a_machine_without_slurm_is_said_to_be_one(tmp_path):
    done = subprocess.run(
        ["/bin/bash", str(WRAPPER / "sbatch")], env={"PATH": f"{WRAPPER}:{tmp_path}"}, capture_output=True
    )
    assert done.returncode == 127 and b"there is no sbatch on this machine" in done.stderr
