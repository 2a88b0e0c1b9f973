"""`snakemake --profile slurm` on the mini data set: what it makes is what a local run makes, whatever befell it.

Two generators, both experiments, two conditions; trainings long enough to be disturbed. Three runs of it: a local one,
one on the cluster, and one on the cluster whose trainings have too little memory at first, are preempted, run out of
time, and lose the controller for a while and for good the Snakemake that watches them.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from blake3 import blake3

from checkout import copy_code
from one_node_slurm import Cluster
from toys import ROOT

pytestmark = pytest.mark.slurm
NAME = "reduced"
GENERATORS = ("srvgg", "realsr")
KEPT = ("photographs", *GENERATORS)
DETECTORS = [f"{experiment}/{generator}/seed0" for experiment in ("raw", "unbiased") for generator in GENERATORS]
#: What tells of the running: times, rates, who started it. Everything else is compared, byte by byte.
ABOUT_THE_RUN = re.compile(
    r"/(logs|benchmarks|events)/|history\.parquet$|configs\.json$|(report|overview)\.html$|tables/detectors|run\.json$|/card\.|crate-metadata"
)
QUICK = ("--slurm-init-seconds-before-status-checks", "2")


class Run:
    """A copy of the code with the mini data and the reduced config, in which Snakemake runs."""

    def __init__(self, folder: Path, cluster: Cluster | None = None) -> None:
        self.folder, self.cluster = folder, cluster
        copy_code(folder)
        (folder / "data").symlink_to(ROOT / "data")
        (folder / "reduced.yaml").write_text(yaml.safe_dump(reduced()))
        self.output = folder / "output.txt"

    @property
    def environment(self) -> dict[str, str]:
        told = self.cluster.environment if self.cluster else dict(os.environ)
        path = f"{Path(sys.executable).parent}{os.pathsep}{told['PATH']}"
        return told | {"PATH": path, "PYTHONPATH": str(self.folder / "src"), "OMP_NUM_THREADS": "1"}

    def begin(self, *words: str) -> subprocess.Popen:
        """Start a command; what it says goes to the end of `output`."""
        with open(self.output, "a") as output:
            return subprocess.Popen(words, cwd=self.folder, env=self.environment, stdout=output, stderr=output,
                                    stdin=subprocess.DEVNULL, start_new_session=True)  # fmt: skip

    def snakemake(self, *words: str) -> subprocess.Popen:
        return self.begin(sys.executable, "-m", "snakemake", "--configfile", "reduced.yaml", *words)

    def resume(self, *words: str) -> subprocess.Popen:
        return self.begin(sys.executable, "-m", "crossgen", "resume", "--configfile", "reduced.yaml", *words)

    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def log(self, key: str) -> str:
        """What the last attempt of a training says."""
        path = self.folder / f"results/{NAME}/logs/train_detector/{key}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def made(self) -> dict[str, str]:
        """Path to digest of all that was made, but for what tells of the running."""
        files = [path for path in (self.folder / "results" / NAME).rglob("*") if path.is_file()]
        named = {path.relative_to(self.folder).as_posix(): path for path in files}
        return {
            name: blake3(path.read_bytes()).hexdigest()
            for name, path in sorted(named.items())
            if not ABOUT_THE_RUN.search(name) and not Path(name).name.startswith(".")
        }


def reduced() -> dict:
    """The mini config with two generators, two conditions and trainings of a minute."""
    mini = yaml.safe_load((ROOT / "config" / "mini.yaml").read_text())
    recipe = yaml.safe_load((ROOT / "config" / "recipes" / "mini.yaml").read_text())
    return {
        "extends": "config/mini.yaml",
        "data": NAME,
        "report": NAME,
        "pools": [pool for pool in mini["pools"] if pool["name"] in KEPT],
        "test_sets": [item for item in mini["test_sets"] if item["name"] in GENERATORS],
        "recipes": [recipe | {"steps": 400}],
        "conditions": [item for item in mini["conditions"] if item["name"] in ("clean", "jpeg_q30")],
        "matrix_conditions": ["clean"],
        "statistics": {"replicates": 200},
        "checkpoint_minutes": 0.05,
    }


def end(run: subprocess.Popen, of: Run, seconds: float) -> None:
    """Wait for a run that must succeed."""
    try:
        status = run.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGINT)
        pytest.fail(f"no end in {seconds} s: {of.said()[-4000:]}")
    finally:
        if run.poll() is None:
            time.sleep(5)
            os.killpg(run.pid, signal.SIGKILL)
    assert status == 0, of.said()[-6000:]


@pytest.fixture(scope="module")
def local(tmp_path_factory) -> Run:
    """The same on this machine, without a cluster."""
    run = Run(tmp_path_factory.mktemp("local") / "run")
    end(run.snakemake("--cores", "2", "--quiet"), run, 900)
    return run


@pytest.fixture(scope="module")
def on_slurm(tmp_path_factory, cluster: Cluster) -> Run:
    """On the cluster, undisturbed."""
    run = Run(tmp_path_factory.mktemp("cluster") / "run", cluster)
    end(run.snakemake("--profile", "slurm", *QUICK), run, 900)
    return run


def test_the_cluster_makes_what_a_local_run_makes(local, on_slurm):
    here, there = local.made(), on_slurm.made()
    assert set(there) == set(here) and len(here) > 60
    assert [name for name in here if here[name] != there[name]] == []


def test_short_jobs_went_together_and_trainings_alone(on_slurm, cluster):
    told = [job["comment"] for job in cluster.jobs() if job["comment"].startswith("rule_")]
    assert sum("extract_metadata" in comment for comment in told) == 1
    assert sum(comment.startswith("rule_train_detector_wildcards_") for comment in told) == len(DETECTORS)
    # A group is named by the first few of its rules only: that nothing of it went alone tells that it holds the rest.
    assert sum(comment.startswith("rule_report_") for comment in told) == 1
    alone = ("rule_plot", "rule_tabulate", "rule_describe_run")
    assert [comment for comment in told if comment.startswith(alone)] == []


def untrained(local: Run, folder: Path, cluster: Cluster) -> Run:
    """A copy of the local run before its trainings. Its profile sends them where they may be preempted, with too little
    memory at the first attempt."""
    run = Run(folder, cluster)
    for name in ("results", ".snakemake"):
        shutil.copytree(local.folder / name, folder / name)
    for name in ("detectors", "scores", "cells/logits", "metrics.parquet", "report.html", "logs/train_detector"):
        path = folder / "results" / NAME / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    path = folder / "slurm" / "config.yaml"
    profile = yaml.safe_load(path.read_text())
    profile["set-resources"]["train_detector"] |= {"slurm_partition": "low", "mem_mb": "600 * attempt ** 2"}
    path.write_text(yaml.safe_dump(profile))
    return run


def trainings(cluster: Cluster, since: int, *states: str) -> list[dict[str, str]]:
    """Jobs of trainings in some states whose number is above `since`."""
    found = [job for job in cluster.jobs(*states) if "rule_train_detector_" in job["comment"]]
    return [job for job in found if int(job["id"]) > since]


def key_of(job: dict[str, str]) -> str:
    """The detector that a job trains."""
    return next(key for key in DETECTORS if key.replace("/seed", "_").replace("/", "_") in job["comment"])


def preempt(cluster: Cluster, running: list[dict[str, str]]) -> dict[str, str]:
    """Let a job of higher rank take the GPU of one of four trainings; that one.

    SLURM puts it back into the queue. If it has written its checkpoint and ended before, it has failed for SLURM, and
    Snakemake sends it again.
    """
    cluster.run("sbatch", "--partition=gpu", "--gpus=1", "--mem=100", "--output=/dev/null", "--wrap", "sleep 3")
    found = []

    def gave_way() -> bool:
        now = {job["id"] for job in cluster.jobs("RUNNING")}
        found[:] = [job for job in running if job["id"] not in now]
        return bool(found)

    cluster.wait(gave_way, 60, "a preempted training")
    cluster.run(
        "scontrol", "update", f"jobid={found[0]['id']}", "StartTime=now", check=False
    )  # else it waits two minutes
    return found[0]


def restart_controller(cluster: Cluster) -> None:
    cluster.stop_controller()
    time.sleep(5)
    cluster.start_controller()


def test_disturbed_trainings_come_to_the_same(local, tmp_path, cluster):
    run = untrained(local, tmp_path / "run", cluster)
    before = max((int(job["id"]) for job in cluster.jobs()), default=0)
    begun = run.snakemake("--profile", "slurm", *QUICK)

    def all_at_work() -> bool:
        assert begun.poll() is None, run.said()[-6000:]
        running = trainings(cluster, before, "RUNNING")
        return len(running) == len(DETECTORS) and all(run.log(key).count("epoch=") > 1 for key in DETECTORS)

    cluster.wait(all_at_work, 600, "four trainings with enough memory")
    assert len(trainings(cluster, before, "FAILED", "OUT_OF_MEMORY")) == len(DETECTORS)  # the first attempts

    running = trainings(cluster, before, "RUNNING")
    preempted = preempt(cluster, running)
    late = next(job for job in running if job != preempted)
    cluster.run("scontrol", "update", f"jobid={late['id']}", "TimeLimit=1")
    restart_controller(cluster)
    cluster.wait(lambda: late["id"] in [job["id"] for job in cluster.jobs("TIMEOUT", "FAILED")], 120, "its time's end")

    os.kill(begun.pid, signal.SIGKILL)
    begun.wait()
    finished = [
        key for key in DETECTORS if (run.folder / f"results/{NAME}/detectors/{key}/detector.safetensors").exists()
    ]
    assert not {key_of(preempted), key_of(late)} & set(finished)
    end(run.resume("--profile", "slurm", "--", *QUICK), run, 900)
    assert all("goes on after step" in run.log(key) for key in DETECTORS if key not in finished)
    here, there = local.made(), run.made()
    assert [name for name in here if here[name] != there.get(name)] == []
