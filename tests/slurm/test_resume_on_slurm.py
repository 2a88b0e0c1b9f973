"""A run on SLURM whose Snakemake is killed: its job goes on without it, until the next run takes over."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from checkout import Checkout
from crossgen import slurm_jobs
from crossgen.data.locks import lock_of
from crossgen.holders import Holder

pytestmark = pytest.mark.slurm
DETECTOR = "results/toy/detectors/raw/checker/seed0/detector.safetensors"
LOG = "results/toy/logs/train_detector/raw/checker/seed0.log"
RESUME = ["resume", "--profile", "slurm", "--configfile", "toy.yaml", "--", DETECTOR]
PROFILE = {
    "executor": "slurm",
    "jobs": 4,
    "default-resources": {"slurm_partition": "cpu", "runtime": 10, "mem_mb": 1000},
    "set-resources": {"train_detector": {"slurm_partition": "gpu"}},
    "rerun-incomplete": True,
    "scheduler": "greedy",
    "slurm-status-command": "squeue",
    "slurm-init-seconds-before-status-checks": 2,
    "slurm-jobname-prefix": "crossgen",
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Checkout:
    """One detector of toy images, and a profile whose polling is quick."""
    checkout = Checkout(tmp_path_factory.mktemp("resume") / "run")
    checkout.config |= {"train_sets": [], "comparisons": [], "experiments": checkout.config["experiments"][:1]}
    checkout.config["experiments"][0].pop("train_sets")
    checkout.config["recipes"][0] |= {"steps": 200, "batch_size": 8, "select": "last"}
    checkout.config["checkpoint_minutes"] = 0.01
    checkout.write_config()
    (checkout.folder / "slurm" / "config.yaml").write_text(json.dumps(PROFILE))
    return checkout


@pytest.fixture
def environment(cluster, checkout) -> dict[str, str]:
    """In which Snakemake finds the cluster, and this copy of the package."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{cluster.environment['PATH']}"
    return cluster.environment | {"PATH": path, "PYTHONPATH": checkout.environment["PYTHONPATH"]}


def started(checkout, *words, **more) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", *words], cwd=checkout.folder, start_new_session=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, **more,
    )  # fmt: skip


def ended(run: subprocess.Popen) -> str:
    try:
        return run.communicate(timeout=240)[0]
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def undisturbed(checkout) -> bytes:
    """The detector of a local run."""
    checkout.resume("--", DETECTOR)
    return (checkout.folder / DETECTOR).read_bytes()


def begun(cluster, checkout, environment) -> subprocess.Popen:
    """A run whose training has come to its second epoch."""
    log = checkout.folder / LOG
    for file in (checkout.folder / DETECTOR, log):
        file.unlink()
    run = started(checkout, "snakemake", DETECTOR, "--profile", "slurm", "--configfile", "toy.yaml", env=environment)
    try:
        cluster.wait(lambda: run.poll() is not None or (log.exists() and "epoch=1 " in log.read_text()), 150, "epoch 1")
    except TimeoutError:
        run.kill()
        raise
    return run


def test_the_job_of_a_killed_run_is_cancelled_and_the_next_goes_on_from_it(
    cluster, checkout, undisturbed, environment, monkeypatch
):
    run, log = begun(cluster, checkout, environment), checkout.folder / LOG
    try:
        assert run.poll() is None
    finally:
        run.kill()
    output = run.communicate()[0]
    assert run.returncode == -signal.SIGKILL, output
    name = re.search(r"SLURM run ID: (\S+)", output)[1]
    (first,) = (job for job in cluster.jobs("RUNNING") if job["name"] == name)
    holder = Holder.read(lock_of(checkout.folder / DETECTOR))
    assert holder.slurm_job == first["id"] and holder.is_alive()

    again = ended(started(checkout, "crossgen", *RESUME, env=environment))
    assert f"SLURM jobs of a killed run ({name}) are left: {first['id']} (running, rule_train_detector" in again
    assert "removed the lock of a killed run" in again, again[-3000:]
    names = slurm_jobs.runs_of(checkout.folder / ".snakemake")
    states = {job["id"]: job["state"] for job in cluster.jobs() if job["name"] in names}
    assert states.pop(first["id"]) == "CANCELLED" and list(states.values()) == ["COMPLETED"], again[-3000:]
    assert re.search(r"goes on after step \d+, from the checkpoint", log.read_text())
    assert (checkout.folder / DETECTOR).read_bytes() == undisturbed

    monkeypatch.setenv("PATH", cluster.environment["PATH"])
    assert slurm_jobs.left_behind(checkout.folder / ".snakemake") == []
    assert slurm_jobs.is_at_work(first["id"]) is False and slurm_jobs.is_at_work("999999") is False


def test_a_controller_that_is_down_is_said(cluster, checkout, environment):
    lock, log = (checkout.folder / ".snakemake" / name for name in ("locks/0.input.lock", "log/1.snakemake.log"))
    for file, text in ((lock, "a\n"), (log, "SLURM run ID: crossgen_1\n")):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    cluster.stop_controller()
    try:
        output = ended(started(checkout, "crossgen", *RESUME, env=environment))
    finally:
        cluster.start_controller()
        cluster.wait(
            lambda: "idle" in cluster.run("sinfo", "-h", "-o", "%T", check=False), 30, "the controller's return"
        )
    assert "SLURM does not answer (squeue: slurm_load_jobs error: Unable to contact slurm controller" in output
    assert lock.exists()
