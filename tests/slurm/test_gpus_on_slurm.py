"""Trainings of several processes inside SLURM jobs: on one node by torchrun, on two by srun."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from checkout import Checkout
from crossgen.detectors.identity import read_header
from one_node_slurm import Cluster, gone
from slow_training import RAN, copied, detector, prepared, told
from two_node_slurm import TwoNodes

pytestmark = pytest.mark.slurm


class Run:
    """`snakemake --profile slurm` up to some detectors, in the background."""

    def __init__(self, checkout: Checkout, cluster: Cluster, *names: str) -> None:
        self.checkout, self.cluster = checkout, cluster
        words = ["--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "5"]
        command = [sys.executable, "-m", "snakemake", "--profile", "slurm", "--configfile", "toy.yaml", *words]
        path = f"{cluster.environment['PATH'].partition(os.pathsep)[0]}{os.pathsep}{checkout.environment['PATH']}"
        environment = cluster.environment | checkout.environment | {"PATH": path}
        self.process = subprocess.Popen(
            [*command, *map(detector, names)], cwd=checkout.folder, env=environment, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *told: object) -> None:
        """No run outlives its test."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.communicate(timeout=60)
            finally:
                self.process.kill()

    def wait(self, condition, what: str) -> None:
        try:
            self.cluster.wait(lambda: condition() or self.process.poll() is not None, 600, what)
        except TimeoutError as error:
            raise TimeoutError(f"{error}: {self.cluster.state_in_words()}") from error
        assert self.process.poll() is None, self.process.communicate()[0][-6000:]

    def end(self) -> str:
        """What it said; it must have succeeded."""
        output = self.process.communicate(timeout=600)[0]
        assert self.process.returncode == 0, output[-6000:]
        return output

    def job(self, name: str) -> str:
        """The number of the running job that trains on `name`."""
        (found,) = [job["id"] for job in self.cluster.jobs("RUNNING") if f"raw_{name}" in job["comment"]]
        return found


def trainers(folder: Path) -> list[int]:
    """Processes of a training in this folder, with those that start them."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if b"train-detector" in (process / "cmdline").read_bytes() and (process / "cwd").resolve() == folder:
                found.append(int(process.name))
        except OSError:
            continue  # it ended meanwhile
    return found


def losses(checkout: Checkout, name: str) -> list[float]:
    return pd.read_parquet(checkout.folder / RAN / name / "seed0" / "history.parquet")["train_loss"].tolist()


def assert_same(one: Checkout, several: Checkout, name: str, processes: int) -> None:
    """The weights and losses of a training in one process, within what the order of sums makes."""
    found, expected = (load_file(made.folder / detector(name)) for made in (several, one))
    assert found.keys() == expected.keys()
    for key, tensor in expected.items():
        assert torch.allclose(found[key], tensor, atol=1e-4), key
    assert losses(several, name) == pytest.approx(losses(one, name), abs=1e-4)
    assert read_header(several.folder / detector(name))["training"]["processes"] == processes
    assert f"processes={processes}" in told(several, name)


@pytest.fixture(scope="module")
def untrained(tmp_path_factory) -> Checkout:
    return prepared(tmp_path_factory.mktemp("untrained") / "run")


@pytest.fixture(scope="module")
def alone(untrained, tmp_path_factory) -> Checkout:
    """Both detectors, each trained by one process, without SLURM."""
    made = copied(untrained, tmp_path_factory.mktemp("alone") / "run")
    made.snakemake(*map(detector, ("checker", "stripes")))
    return made


def test_two_gpus_of_a_node_train_as_one_and_go_on_after_a_warning(cluster, untrained, alone, tmp_path):
    """Two such jobs on one node at once; one of them is told to stop, as SLURM does before its time is up."""
    checkout = copied(untrained, tmp_path / "run", train_gpus=2, train_threads=2)
    with Run(checkout, cluster, "checker", "stripes") as run:
        run.wait(lambda: all("epoch=" in told(checkout, name) for name in ("checker", "stripes")), "two trainings")
        before = trainers(checkout.folder)
        assert len(before) >= 2 * 3  # of each the launcher and two trainers, beside torchrun
        cluster.run("scancel", "--signal=TERM", run.job("checker"))
        output = run.end()
    assert "Trying to restart job" in output and "exit status 75" in told_by_slurm(checkout, "checker")
    assert re.search(r"goes on after step \d+, from", told(checkout, "checker"))
    assert "goes on after step" not in told(checkout, "stripes")
    for name in ("checker", "stripes"):
        assert_same(alone, checkout, name, 2)
    assert all(gone(pid) for pid in before)


def told_by_slurm(checkout: Checkout, name: str) -> str:
    """What the jobs of a training have said to SLURM."""
    logs = (checkout.folder / "results/logs/slurm").rglob(f"*{name}*/*.log")
    return "".join(path.read_text() for path in logs)


@pytest.fixture
def two_nodes(cluster, tmp_path) -> Iterator[Cluster]:
    made = TwoNodes(tmp_path / "slurm", gpus=2)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def test_two_nodes_train_as_one_process(two_nodes, untrained, alone, tmp_path):
    """Two GPUs on each; told to stop they all end, with a checkpoint, and the next job goes on."""
    checkout = copied(untrained, tmp_path / "run", train_gpus=2, train_nodes=2, train_threads=2)
    with Run(checkout, two_nodes, "checker") as run:
        run.wait(lambda: "epoch=" in told(checkout, "checker"), "a training")
        number = run.job("checker")
        job = two_nodes.run("scontrol", "show", "job", "-d", number)
        assert "Nodes=first,second" in job and "GRES=gpu:fake:2" in job, job
        before = trainers(checkout.folder)
        assert len(before) >= 4 + 1
        two_nodes.run("scancel", "--signal=TERM", number)
        run.end()
    assert "exit status 75" in told_by_slurm(checkout, "checker")
    assert re.search(r"goes on after step \d+, from", told(checkout, "checker"))
    assert_same(alone, checkout, "checker", 4)
    assert all(gone(pid) for pid in before)
