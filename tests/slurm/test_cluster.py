"""The stand-in itself: jobs run, GPUs are handed out, and nothing of it is left."""

import pytest

from one_node_slurm import gone

pytestmark = pytest.mark.slurm


def test_jobs_run_and_get_their_gpus(cluster, tmp_path):
    gets_two_gpus(cluster, tmp_path)


def gets_two_gpus(cluster, tmp_path):
    said = tmp_path / "said"
    words = ("--parsable", "--gpus=2", f"--output={said}", "--wrap", "echo gpus=$CUDA_VISIBLE_DEVICES")
    number = cluster.run("sbatch", *words).strip()
    cluster.wait(lambda: number in [job["id"] for job in cluster.jobs("COMPLETED")], 60, "the end of a job")
    assert said.read_text().strip() == "gpus=0,1"


def test_the_controller_comes_back_with_its_jobs_and_gpus(cluster, tmp_path):
    number = cluster.run("sbatch", "--parsable", "--output=/dev/null", "--wrap", "sleep 3").strip()
    cluster.wait(lambda: number in [job["id"] for job in cluster.jobs("RUNNING")], 20, "a running job")
    pid = cluster._pid("slurmctld")
    cluster.stop_controller()
    assert gone(pid)
    cluster.start_controller()
    cluster.wait(lambda: number in [job["id"] for job in cluster.jobs("COMPLETED")], 30, "its end")
    gets_two_gpus(cluster, tmp_path)
