"""`--sdm apptainer` with SLURM: Snakemake runs in its own environment on the node, the job's command in the image."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from checkout import Checkout
from test_deployment import APPTAINER, BIN, TARGET, programs

pytestmark = pytest.mark.slurm


def test_jobs_of_a_cluster_run_in_the_image_with_what_it_is_told(cluster, tmp_path):
    checkout = Checkout(tmp_path / "run")
    checkout.write_config()
    (checkout.folder / "envs" / "crossgen.sif").touch()
    path = programs(tmp_path / "programs", apptainer=APPTAINER)
    told = cluster.environment
    words = [TARGET, "--profile", "slurm", "--configfile", "toy.yaml", "--sdm", "apptainer"]
    run = subprocess.Popen(
        [sys.executable, "-m", "snakemake", *words, "--apptainer-args", "--nv --bind /data"],
        cwd=checkout.folder,
        env=told | {"PATH": f"{path}{os.pathsep}{BIN}{os.pathsep}{told['PATH']}", "PYTHONPATH": ""},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        cluster.wait((checkout.folder / TARGET).is_file, 150, "the job's output")
    finally:
        run.send_signal(signal.SIGINT)
        said, _ = run.communicate(timeout=120)
    asked = (path / "asked").read_text().splitlines()
    assert Path(asked[2]) == checkout.folder and "envs/crossgen.sif" in asked, said[-3000:]
    assert asked[3:6] == ["--nv", "--bind", "/data"]
