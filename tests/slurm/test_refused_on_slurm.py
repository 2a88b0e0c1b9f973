"""What a real SLURM says of itself is understood: runs that it cannot serve are refused before a job is sent."""

import os

import pytest

from checkout import Checkout
from crossgen.cluster import Refused, examine
from crossgen.partitions import Asked

pytestmark = pytest.mark.slurm

GPU_JOB = Asked("train_detector", "gpu", minutes=1440, memory_mb=20000, cores=8, gpus=4)


@pytest.fixture(autouse=True)
def programs(cluster, monkeypatch):
    """Those of this cluster, here and in runs of the workflow."""
    monkeypatch.setenv("PATH", cluster.environment["PATH"])
    monkeypatch.setattr(os, "defpath", cluster.environment["PATH"])


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Checkout:
    return Checkout(tmp_path_factory.mktemp("refused") / "run")


def refused(checkout: Checkout, cluster, *words: str) -> str:
    """What a run of the workflow says that is refused, with no job sent."""
    before = cluster.jobs()
    output = checkout.snakemake("--profile", "slurm", *words, check=False)
    assert "This run cannot be sent to the cluster" in output and "Traceback" not in output, output
    assert cluster.jobs() == before
    return output


def test_what_the_cluster_has_is_known_to_the_last_gpu(cluster):
    assert examine([GPU_JOB], "squeue") == []
    over = Asked("train_detector", "gpu", minutes=1441, memory_mb=20001, cores=9, gpus=5)
    told = examine([over], "squeue")
    for most, text in zip((1440, 20000, 8, 4), told, strict=True):
        assert f"gives at most {most}:" in text


def test_a_partition_that_is_not_there(checkout, cluster):
    output = refused(checkout, cluster, "--default-resources", "slurm_partition=cpus", "mem_mb=1000")
    assert "no partition 'cpus', which rule" in output and "expected one of cpu, gpu, low" in output


def test_sacct_without_accounts(checkout, cluster):
    output = refused(checkout, cluster, "--slurm-status-command", "sacct")
    assert "Set `slurm-status-command: squeue` in the profile (slurm/config.yaml)" in output


def test_a_controller_that_is_down(cluster):
    cluster.stop_controller()
    try:
        with pytest.raises(Refused, match=r"controller does not answer \(.*Unable to contact slurm controller"):
            examine([GPU_JOB], "squeue")
    finally:
        cluster.start_controller()
        cluster.wait(lambda: "idle" in cluster.run("sinfo", "-h", "-o", "%T"), 30, "the controller")
