"""The profile that `snakemake --profile slurm` finds, and the example of partitions."""

import logging
import re
from types import SimpleNamespace

import pytest
import yaml
from snakemake_executor_plugin_slurm import ExecutorSettings
from snakemake_executor_plugin_slurm.partitions import get_best_partition, read_partition_file

from toys import ROOT

TEXT = (ROOT / "slurm" / "config.yaml").read_text(encoding="utf-8")
PROFILE = yaml.safe_load(TEXT)
RULES = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "workflow" / "rules").glob("*.smk"))


def test_no_profile_is_read_unasked():
    assert not (ROOT / "profiles" / "default").exists()  # it would override --profile slurm, key by key
    assert not (ROOT / "workflow" / "profiles" / "default").exists()


def test_retries_stand_in_the_profile_and_in_no_rule():
    assert PROFILE["retries"] >= 2
    assert not re.findall(r"^    retries:", RULES, re.M)


def test_what_it_sets_is_known():
    names = set(re.findall(r"^rule (\w+):", RULES, re.M))
    assert set(PROFILE["set-resources"]) <= names
    assert set(PROFILE["group-components"]) == set(re.findall(r'"(\w+)" if is_\w+_in_one_job', RULES)) | {"subsets"}
    own = {key.removeprefix("slurm-").replace("-", "_") for key in PROFILE if key.startswith("slurm-")}
    assert own <= set(ExecutorSettings.__dataclass_fields__)


def test_a_site_changes_one_block():
    block = TEXT.split("# ====")[1]
    for key in (
        "slurm_partition",
        "slurm_account",
        "slurm-status-command",
        "gpu_model",
        "jobs:",
        "slurm-partition-config",
    ):
        assert key in block
    assert not re.search(r"slurm_partition:|slurm_account|status-command:", TEXT.replace(block, ""))


def test_trainings_are_told_before_their_time_is_up():
    assert re.search(r"--signal=TERM@\d+", PROFILE["set-resources"]["train_detector"]["slurm_extra"])


@pytest.mark.parametrize(
    ("resources", "partition"),
    [
        ({"gpu": 1, "mem_mb": 4000, "runtime": 600}, "gpu"),
        ({"mem_mb": 4000, "runtime": 600}, "cpu"),
        ({"mem_mb": 4000, "runtime": 2880}, "long"),
    ],
)
def test_the_example_of_partitions_chooses(resources, partition):
    job = SimpleNamespace(name="j", resources=resources, threads=2)
    chosen = get_best_partition(read_partition_file(ROOT / "slurm" / "partitions.yaml"), job, logging.getLogger())
    assert chosen == partition
