"""Where data are fetched and listed on a cluster: in jobs, or where Snakemake runs, for nodes without internet."""

import hashlib
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from checkout import Checkout

pytestmark = pytest.mark.slurm


@pytest.fixture
def checkout(tmp_path) -> Checkout:
    """Its stripes come out of an archive."""
    made = Checkout(tmp_path / "run")
    archive = made.folder / "stripes.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted((made.folder / "images" / "stripes").rglob("*.png")):
            file.write(path, path.relative_to(made.folder / "images" / "stripes"))
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    source = {"kind": "archive", "root": "unpacked", "url": "stripes.zip", "sha256": digest, "layout": "splits"}
    made.config["pools"][2]["source"] = source
    return made


def downloads(checkout: Checkout, cluster) -> subprocess.Popen:
    """`snakemake --profile slurm downloads`, begun."""
    checkout.write_config()
    told = cluster.environment
    path = f"{Path(sys.executable).parent}{os.pathsep}{told['PATH']}"
    words = ["downloads", "--profile", "slurm", "--configfile", "toy.yaml"]
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", *words],
        cwd=checkout.folder,
        env=told | {"PATH": path, "PYTHONPATH": str(checkout.folder / "src")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_here_fetches_where_snakemake_runs(cluster, checkout):
    checkout.config["fetch_on"] = "here"
    before = [job["id"] for job in cluster.jobs()]
    run = downloads(checkout, cluster)
    said, _ = run.communicate(timeout=200)
    assert run.returncode == 0, said[-4000:]
    assert (checkout.folder / "results/toy/downloads/stripes.parquet").is_file()
    assert [job["id"] for job in cluster.jobs()] == before


def test_jobs_fetch_on_the_nodes(cluster, checkout):
    run = downloads(checkout, cluster)
    try:
        sent = lambda: any("fetch" in job["comment"] for job in cluster.jobs())  # noqa: E731
        cluster.wait(sent, 120, "a job that fetches")
    finally:
        run.send_signal(signal.SIGINT)  # it cancels its jobs
        run.communicate(timeout=120)
