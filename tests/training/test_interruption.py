"""Trainings by the command itself that are told to stop, killed, damaged, doubled, or out of room, and go on.

Whatever happened, the detector that comes out in the end has the bytes of one that was trained undisturbed.
"""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crossgen import records
from crossgen.training.history import EVENTS
from toys import ROOT, photograph, synthetic

pytestmark = pytest.mark.long
SIZE, STEPS = 32, 400

RECIPE = {
    "name": "tiny",
    "architecture": "residual",
    "options": {"model": "test_resnet"},
    "frame": {"kind": "crop", "size": SIZE},
    "augment": [{"step": "flip"}, {"step": "blur", "probability": 0.5}],  # not so cheap that no worker is started
    "optimiser": {"lr": 0.003},
    "ema": {"decay": 0.99},
    "mixing": {"mixup": 0.2},
    "steps": STEPS,
    "batch_size": 16,
    "select": "last",  # so that every step counts
}


@dataclass
class Job:
    """A training in a folder of its own; every start is the same command."""

    folder: Path
    processes: int = 1
    started: list[subprocess.Popen] = field(default_factory=list)

    @property
    def output(self) -> Path:
        return self.folder / "detector.safetensors"

    @property
    def checkpoints(self) -> list[Path]:
        return sorted(self.folder.glob(".detector.*.part/step*.pt"))

    def start(self, *options: str, room: int = resource.RLIM_INFINITY) -> subprocess.Popen:
        """Begin, in a process group of its own; `room`: bytes that a file may have."""
        words = [sys.executable, "-m", "crossgen", "train-detector", *self.words(), *options]
        environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
        with open(self.folder / "log", "w") as log:
            self.started += [subprocess.Popen(
                words, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
            )]  # fmt: skip
        return self.started[-1]

    def end(self) -> None:
        """Nothing of it stays, whatever a test found."""
        for process in self.started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def words(self) -> list[str]:
        images = self.folder.parent / "images"
        named = {"crops": images / "crops.npy", "index": images / "index.parquet", "recipe": json.dumps(RECIPE)}
        named |= {
            "experiment": "raw",
            "train-set": "checker",
            "generator": "checker",
            "seed": 0,
            "gpus": self.processes,
        }
        named |= {"output": self.output, "history": self.folder / "history.parquet", "events": self.folder / "events"}
        return [word for name, value in named.items() for word in (f"--{name}", str(value))]

    def finish(self, *options: str) -> None:
        """Start and wait until it is done."""
        status = self.start(*options).wait(300)
        assert status == 0, self.said()

    def going_on(self) -> int:
        """Number of steps after which it went on."""
        return int(re.search(r"goes on after step (\d+), from the checkpoint in", self.said())[1])

    def said(self) -> str:
        return (self.folder / "log").read_text()

    def history(self) -> pd.DataFrame:
        table = records.read(self.folder / "history.parquet", records.HISTORY).to_pandas()
        return table.drop(columns=["seconds", "images_per_second"])


def when(happened: Callable[[], object], process: subprocess.Popen) -> None:
    """Wait until something is the case, while a training is at work."""
    deadline = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)


def interrupted(
    job: Job, *options: str, number: int = signal.SIGTERM, tell: Callable[[int, int], None] = os.kill
) -> int:
    """Start a training, tell it to stop two epochs later, and let it do so; the step of its checkpoint."""
    process = job.start(*options)
    when(lambda: job.said().count("epoch=") == 2, process)
    tell(process.pid, number)
    assert process.wait(120) == 75, job.said()
    step = at(job.checkpoints[-1])
    assert f"crossgen train-detector: told to stop after step {step}: a checkpoint is written" in job.said()
    assert not job.output.exists() and 0 < step < STEPS
    return step


def at(checkpoint: Path) -> int:
    return int(checkpoint.name[4:13])


def same(job: Job, other: Job) -> None:
    assert job.output.read_bytes() == other.output.read_bytes()
    pd.testing.assert_frame_equal(job.history(), other.history(), check_exact=True)
    told, expected = ((each.folder / "events" / EVENTS).stat().st_size for each in (job, other))
    assert told == expected  # an event for every epoch, whoever was at work then
    assert {path.name for path in job.folder.iterdir()} == {path.name for path in other.folder.iterdir()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """48 photographs and as many fakes, cut to crops."""
    folder = tmp_path_factory.mktemp("interruption")
    (folder / "images").mkdir()
    drawn = [synthetic(seed, SIZE, 2) if seed % 2 else photograph(seed, SIZE, SIZE) for seed in range(96)]
    np.save(folder / "images" / "crops.npy", np.stack(drawn))
    rows = pd.DataFrame({"image_id": [f"pool/{seed:03d}.png" for seed in range(96)], "row": range(96)})
    rows = rows.assign(crop=0, label=rows["row"] % 2, pool="pool", pair=None, split=["train"] * 64 + ["val"] * 32)
    rows.to_parquet(folder / "images" / "index.parquet")
    return folder


@pytest.fixture(scope="module")
def undisturbed(folder) -> Job:
    job = Job(folder / "undisturbed")
    job.folder.mkdir()
    job.finish()
    return job


@pytest.fixture
def job(folder, request) -> Iterator[Job]:
    made = Job(folder / request.node.name)
    made.folder.mkdir()
    yield made
    made.end()


def test_told_to_stop_it_writes_a_checkpoint_and_the_same_command_goes_on(job, undisturbed):
    first = interrupted(job, number=signal.SIGUSR1)
    second = interrupted(job, "--threads", "2", tell=os.killpg)  # one core reads, in a worker that is told as well
    assert job.going_on() == first < second
    job.finish()
    assert job.going_on() == second
    same(job, undisturbed)


def test_killed_it_goes_on_from_the_last_periodic_checkpoint_that_is_whole(job, undisturbed):
    process = job.start("--checkpoint-seconds", "1")
    when(lambda: len(job.checkpoints) == 2, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before, newest = job.checkpoints
    blob = newest.read_bytes()
    newest.write_bytes(blob[:-1])
    process = job.start()
    when(lambda: "goes on after step" in job.said(), process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert job.going_on() == at(before)
    assert f"checkpoint {newest} is passed over: its bytes are not those that were written; the one" in job.said()
    newest.write_bytes(blob)
    job.finish()
    assert job.going_on() == at(newest)
    same(job, undisturbed)


def test_a_second_one_on_the_same_output_is_refused_and_harms_nothing(job, undisturbed):
    process, second = job.start(), Job(job.folder)
    when(lambda: "epoch=0 " in job.said(), process)
    os.kill(process.pid, signal.SIGSTOP)  # at work as long as it takes to look
    (job.folder / "log").rename(job.folder / "log of the first")
    assert second.start("--seed", "1").wait(120) == 1
    held = f"crossgen train-detector: {job.output} is being written by another process: let it finish, or end it "
    assert f"{held}(process {process.pid} on " in second.said()
    os.kill(process.pid, signal.SIGCONT)
    assert process.wait(300) == 0
    (job.folder / "log of the first").rename(job.folder / "log")
    same(job, undisturbed)


def test_without_room_for_a_checkpoint_the_older_one_survives(job, undisturbed):
    interrupted(job)
    (older,) = job.checkpoints
    blob = older.read_bytes()
    full = job.start("--checkpoint-seconds", "1", room=len(blob) // 2)
    assert full.wait(300) == 1
    assert "crossgen train-detector: cannot write " in job.said() and "Traceback" not in job.said()
    assert "File too large; nothing was left there. Make room, then run again." in job.said()
    assert list(older.parent.iterdir()) == [older] and older.read_bytes() == blob
    job.finish()
    same(job, undisturbed)


def test_several_processes_stop_together_and_go_on_together(folder):
    undisturbed, job = (Job(folder / name, processes=2) for name in ("two undisturbed", "two"))
    for each in (undisturbed, job):
        each.folder.mkdir()
    undisturbed.finish()
    try:
        first = interrupted(job)
        second = interrupted(job, tell=os.killpg)  # torchrun and its processes hear it too, from several sides
        assert job.going_on() == first < second
        job.finish()
    finally:
        job.end()
    assert job.going_on() == second
    same(job, undisturbed)
