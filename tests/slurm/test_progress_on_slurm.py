"""What the user of `snakemake --profile slurm` reads of jobs that fail on other machines, and what to do with it."""

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from checkout import Checkout
from one_node_slurm import Cluster

pytestmark = pytest.mark.slurm
GROUPS = [f"{rule}=pool" for rule in ("download", "extract_metadata", "gather_manifest")]
SOON = ["--slurm-init-seconds-before-status-checks", "2"]
QUIET = ["--quiet", "rules", "host", "--show-failed-logs", "--retries", "1"]


@pytest.fixture
def checkout(tmp_path) -> Checkout:
    checkout = Checkout(tmp_path / "run")
    next((checkout.folder / "images" / "checker").rglob("*.png")).unlink()
    checkout.write_config()
    return checkout


def cancel_one(cluster: Cluster, pool: str) -> None:
    """As its owner or SLURM does: the first job of a pool while it is at work."""

    def cancelled() -> bool:
        for job in cluster.jobs("RUNNING"):
            if f"pool={pool}" in cluster.run("scontrol", "write", "batch_script", job["id"], "-", check=False):
                return not cluster.run("scancel", job["id"])
        return False

    cluster.wait(cancelled, 200, f"a running job of pool {pool}")


def test_failed_jobs_are_told_of_with_their_logs_and_the_command_that_repeats_them(checkout, cluster):
    told = cluster.environment
    environment = told | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{told['PATH']}"}
    words = [sys.executable, "-m", "snakemake", "--profile", "slurm", "--configfile", "toy.yaml", *SOON, *QUIET]
    canceller = threading.Thread(target=cancel_one, args=(cluster, "stripes"))
    canceller.start()
    done = subprocess.run([*words, "metadata", "--groups", *GROUPS], cwd=checkout.folder, env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=400)  # fmt: skip
    canceller.join()
    output = done.stdout
    assert done.returncode == 1
    assert output.count("-- failed: download (pool=checker): SLURM job ") == 2
    assert (
        "exit status 1 (attempt 1 of 2; it is tried again)\n" in output and "exit status 1 (attempt 2 of 2)" in output
    )
    assert output.count(" is missing. Restore them") == 2  # the log's last line, once an attempt
    cancelled = (
        r"^-- failed: .*\(pool=stripes.*: SLURM job \d+ ended as CANCELLED \(.*\(attempt 1 of 2; it is tried again\)$"
    )
    assert len(re.findall(cancelled, output, re.M)) == 1 and output.count("-- failed: ") == 3
    assert "-- download: 2 of 3 jobs done in " in output and "Finished jobid" not in output
    assert "; not done:\n   download (pool=checker): SLURM job" in output
    last = output.rpartition("-- failed: download (pool=checker): ")[2]
    command = last.split("---- to repeat this job by hand:\n")[1].splitlines()[0]
    again = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd="/", env={})
    assert again.returncode == 1 and "files are not what the source says" in again.stderr
