"""How processes were launched is found; two of them train as one does."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from tiny_training import recipe, trained

from crossgen.detectors.detector import save
from crossgen.training import launch
from crossgen.training.processes import ENVIRONMENTS, Launch, Together

HERE = Path(__file__).parent
TORCHRUN = {"WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2", "LOCAL_RANK": "1", "RANK": "3"}
SLURM = {"SLURM_NTASKS": "6", "SLURM_NNODES": "2", "SLURM_LOCALID": "2", "SLURM_STEP_NUM_TASKS": "6"}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, Launch()),
        (TORCHRUN, Launch(4, 2, 1, "torchrun")),
        (SLURM, Launch(6, 2, 2, "srun")),
        (SLURM | TORCHRUN, Launch(4, 2, 1, "torchrun")),
        ({name: value for name, value in SLURM.items() if name != "SLURM_STEP_NUM_TASKS"}, Launch()),
        (SLURM | {"SLURM_NTASKS": "1", "SLURM_STEP_NUM_TASKS": "1"}, Launch()),
        ({"WORLD_SIZE": "1", "LOCAL_RANK": "0"}, Launch()),
    ],
)
def test_it_is_the_launcher_that_makes_several_processes(told, expected, monkeypatch):
    """A batch script on SLURM has the job's variables as well: what it starts itself is one process."""
    for name in {*TORCHRUN, *SLURM}:
        monkeypatch.delenv(name, raising=False)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert Launch.found() == expected


@pytest.mark.parametrize(("by", "told"), [("torchrun", TORCHRUN), ("srun", SLURM | {"SLURM_PROCID": "5"})])
def test_fabric_reads_what_the_launcher_leaves(by, told, monkeypatch):
    for name, value in (told | {"SLURM_NTASKS_PER_NODE": "3", "MASTER_ADDR": "h", "MASTER_PORT": "1"}).items():
        monkeypatch.setenv(name, value)
    launch, environment = Launch.found(), ENVIRONMENTS[by]()
    assert (environment.world_size(), environment.local_rank()) == (launch.processes, launch.local)
    environment.validate_settings(launch.processes // launch.nodes, launch.nodes)
    assert environment.creates_processes_externally


def test_a_single_process_talks_to_itself():
    together = Together(Launch().fabric("fp32"))
    assert together.sums(1, 2.5) == [1, 2.5] and together.gather("x") == ["x"]
    assert (together.rank, together.count) == (0, 1)


def ran(folder: Path, processes: int, norm: str, precision: str = "fp32", start: str | None = None) -> list[dict]:
    """What each rank says of the training."""
    folder.mkdir(exist_ok=True)
    paths = [HERE.parents[1] / "src", HERE.parent, HERE]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths)), "OMP_NUM_THREADS": "1"}
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"] if processes > 1 else []
    command = [
        sys.executable,
        *launcher,
        str(HERE / "ranked.py"),
        str(folder),
        norm,
        precision,
        *([start] if start else []),
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [torch.load(folder / f"rank{rank}.out", weights_only=False) for rank in range(processes)]


@pytest.mark.long
@pytest.mark.skipif(torch.cuda.is_available(), reason="two processes would want two GPUs")
@pytest.mark.parametrize("kind", ["plain", "pairs"])
def test_two_processes_train_as_one_does(kind, tmp_path):
    """Without norms, whose statistics each process takes of its part, gradients are those of the whole batch."""
    (one,), two = ran(tmp_path / "one", 1, kind), ran(tmp_path / "two", 2, kind)
    for name, tensor in two[0]["state"].items():
        assert torch.equal(tensor, two[1]["state"][name])
        assert torch.allclose(tensor, one["state"][name], atol=1e-5)
    for name in ("train_loss", "val_loss", "val_roc_auc", "step", "lr"):
        assert two[0]["history"][name] == pytest.approx(one["history"][name], abs=1e-5)
    assert two[1]["lines"] == [] and "processes=2" in "".join(two[0]["lines"])
    assert len(one["watched"]["epoch"]) == 2 and two[0]["watched"]["loss"] == pytest.approx(one["watched"]["loss"])


@pytest.mark.long
@pytest.mark.skipif(torch.cuda.is_available(), reason="two processes would want two GPUs")
def test_two_processes_train_a_second_stage_as_one_does(tmp_path):
    first = str(tmp_path / "first.safetensors")
    save(Path(first), trained(options={"norm": False}).state, recipe(options={"norm": False}), {})
    (one,), two = (ran(tmp_path / f"{n}", n, "plain", start=first) for n in (1, 2))
    weight = two[0]["state"]["network.last.weight"]
    assert (weight >= 0).all() and (weight > 0).any()
    for name, tensor in two[0]["state"].items():
        assert torch.equal(tensor, two[1]["state"][name])
        assert torch.allclose(tensor, one["state"][name], atol=1e-5)


@pytest.mark.long
@pytest.mark.skipif(torch.cuda.is_available(), reason="two processes would want two GPUs")
def test_two_processes_agree_and_go_on_as_they_were(tmp_path):
    """With norms, an average of the weights and lost images; from the checkpoint of the last step but one."""
    first = ran(tmp_path / "whole", 2, "norm", "bf16")
    assert all(torch.equal(tensor, first[1]["state"][name]) for name, tensor in first[0]["state"].items())
    assert [name for name, _ in first[0]["lost"]] == ["i000", "i050"] and first[0]["lost"] == first[1]["lost"]
    again = ran(tmp_path / "whole", 2, "norm", "bf16")
    assert "goes on after step 11" in "".join(again[0]["lines"])
    assert all(torch.equal(tensor, again[0]["state"][name]) for name, tensor in first[0]["state"].items())
    for name in ("train_loss", "val_loss", "lost"):
        assert first[0]["history"][name] == again[0]["history"][name]


#: A process of several, which needs a moment for its checkpoint; without torch, for the sake of time.
PATIENT = """\
import os, pathlib, signal, sys, time

told = []
signal.signal(signal.SIGUSR1, lambda *_: told.append(1))
signal.signal(signal.SIGTERM, lambda *_: told.append(1))
folder, rank = pathlib.Path(sys.argv[1]), os.environ["RANK"]
(folder / f"began{rank}").touch()
while not told:
    time.sleep(0.02)
time.sleep(1)
(folder / f"saved{rank}").touch()
sys.exit(75)
"""


@pytest.mark.long
def test_a_schedulers_warning_to_torchrun_reaches_its_processes(tmp_path):
    """SIGUSR1 as SLURM sends it: to all processes of a job, of which torchrun would end and leave the others alone."""
    (tmp_path / "patient.py").write_text(PATIENT)
    command = [*launch.torchrun(launch.Processes(2)), "-m", "patient", str(tmp_path)]
    run = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while len(list(tmp_path.glob("began*"))) < 2:
            assert run.poll() is None
            time.sleep(0.05)
        run.send_signal(signal.SIGUSR1)
        assert run.wait(60) != 0
        assert len(list(tmp_path.glob("saved*"))) == 2
    finally:
        run.kill()
