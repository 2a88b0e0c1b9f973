"""A run of the workflow whose training is told to stop: tried again, or taken up by the next run, to the same bytes."""

import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from checkout import Checkout

pytestmark = pytest.mark.long
FOLDER = Path("results/toy/detectors/raw/checker/seed0")
LOG = Path("results/toy/logs/train_detector/raw/checker/seed0.log")


def begin(checkout: Checkout) -> subprocess.Popen:
    """A run up to one detector, in a process group of its own, whose training has come to its third epoch."""
    (checkout.folder / LOG).unlink(missing_ok=True)
    command = checkout.resume_command("--", str(FOLDER / "detector.safetensors"))
    run = subprocess.Popen(
        command, cwd=checkout.folder, env=checkout.environment, start_new_session=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 300
    while not (checkout.folder / LOG).exists() or (checkout.folder / LOG).read_text().count("epoch=") < 2:
        assert time.monotonic() < deadline and run.poll() is None, run.communicate()
        time.sleep(0.05)
    return run


def members(group: int, *module: str) -> list[int]:
    """The processes of a process group that run `python -m MODULE ...`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = os.fsdecode((process / "cmdline").read_bytes()).split("\0")
            if words[1 : 2 + len(module)] == ["-m", *module] and os.getpgid(int(process.name)) == group:
                found.append(int(process.name))
        except OSError:
            continue  # it ended meanwhile
    return found


def insist(run: subprocess.Popen) -> None:
    """Tell Snakemake again and again, at every moment of its end."""
    deadline = time.monotonic() + 60
    while run.poll() is None and time.monotonic() < deadline:
        for process in members(run.pid, "snakemake"):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)
        time.sleep(0.002)


def end(run: subprocess.Popen) -> str:
    try:
        return run.communicate(timeout=300)[0]
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)


def test_an_interrupted_training_goes_on(tmp_path):
    checkout = Checkout(tmp_path / "run")
    checkout.config |= {"train_sets": [], "comparisons": [], "experiments": checkout.config["experiments"][:1]}
    checkout.config["experiments"][0].pop("train_sets")
    checkout.config["recipes"][0] |= {"steps": 200, "batch_size": 8, "select": "last"}
    checkout.write_config()
    detector = checkout.folder / FOLDER / "detector.safetensors"
    checkout.resume("--", str(FOLDER / "detector.safetensors"))
    undisturbed = detector.read_bytes()
    detector.unlink()

    run = begin(checkout)
    os.killpg(run.pid, signal.SIGTERM)  # as a scheduler does whose time is up: Snakemake and all
    insist(run)
    output = end(run)
    assert "exit status 75 (told to stop: it goes on from its checkpoint when it is run again)" in output
    assert run.returncode != 0 and not detector.exists()
    (left,) = (checkout.folder / FOLDER).iterdir()  # Snakemake has removed the outputs
    (checkpoint,) = left.iterdir()

    run = begin(checkout)
    assert f"goes on after step {int(checkpoint.name[4:13])}, from" in (checkout.folder / LOG).read_text()
    (training,) = members(run.pid, "crossgen", "train-detector")
    os.kill(training, signal.SIGTERM)  # as one does who needs the machine
    output = end(run)
    assert run.returncode == 0, output
    assert "exit status 75 (told to stop" in output and "starting again, 1 of 3" in output and "again, 2" not in output
    assert re.search(r"goes on after step \d+, from", (checkout.folder / LOG).read_text())
    assert detector.read_bytes() == undisturbed
    assert not list((checkout.folder / FOLDER).glob(".*"))
