"""What is asked of SLURM for trainings on several GPUs and nodes, by the plugin's own words for sbatch."""

import re
from types import SimpleNamespace

import pytest
from snakemake_executor_plugin_slurm.submit_string import get_submit_command
from snakemake_executor_plugin_slurm.utils import set_gres_string

from checkout import Checkout
from slow_training import detector

PARAMS = {"run_uuid": "run", "slurm_logfile": "log", "comment_str": "", "account": "", "partition": "", "workdir": ""}


class Resources(dict):
    """As the plugin reads a job's."""

    __getattr__ = dict.__getitem__


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Checkout:
    return Checkout(tmp_path_factory.mktemp("nodes") / "run")


def asked(checkout: Checkout, **changes: int) -> tuple[set[str], str]:
    """The words of sbatch that say how large a training's job is, and its command."""
    plan = checkout.snakemake("-n", "-p", "--profile", "slurm", detector("both"), config=checkout.config | changes)
    job = plan.split("rule train_detector:")[1]
    told = dict(re.findall(r"(\w+)=([^,\n]+)", re.search(r"resources: (.*)", job)[1]))
    resources = Resources({name: int(text) if text.isdigit() else text for name, text in told.items()})
    threads = re.search(r"threads: (\d+)", job)
    sent = SimpleNamespace(resources=resources, threads=int(threads[1]) if threads else 1)
    words = f"{get_submit_command(sent, PARAMS)}{set_gres_string(sent)}".split()
    sizes = ("--nodes", "--ntasks", "--gres", "--gpus", "--cpus")
    return {word for word in words if word.startswith(sizes)}, re.search(r"--threads \d+ --gpus \d+ --nodes \d+", job)[
        0
    ]


@pytest.mark.long
@pytest.mark.parametrize(
    ("changes", "words", "command"),
    [
        ({"train_gpus": 4}, {"--nodes=1", "--gpus=4", "--cpus-per-task=2"}, "--threads 2 --gpus 4 --nodes 1"),
        (
            {"train_gpus": 2, "train_nodes": 2},
            {"--nodes=2", "--ntasks-per-node=2", "--gpus=4", "--gres=gpu:2", "--cpus-per-task=1"},
            "--threads 2 --gpus 4 --nodes 2",
        ),
        (
            {"train_gpus": 1, "train_nodes": 2},
            {"--nodes=2", "--ntasks=2", "--gpus=2", "--gres=gpu:1", "--cpus-per-task=2"},
            "--threads 2 --gpus 2 --nodes 2",
        ),
        (
            {"train_gpus": 0, "train_nodes": 2},
            {"--nodes=2", "--ntasks=2", "--cpus-per-task=2"},
            "--threads 2 --gpus 0 --nodes 2",
        ),
    ],
)
def test_every_node_gets_the_same_processes_cores_and_gpus(checkout, changes, words, command):
    assert asked(checkout, train_threads=2, **changes) == (words, command)
