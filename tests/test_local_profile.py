"""profiles/local: one workstation. And that no profile is read without being named."""

import re

import pytest
import yaml

from slow_training import detector, prepared, told
from toys import ROOT

#: Two processes that import it at once: the second fails.
ALONE = """
import fcntl

LOCK = open("one_gpu.lock", "a")
fcntl.flock(LOCK, fcntl.LOCK_EX | fcntl.LOCK_NB)
"""
PROFILE = ("--profile", "profiles/local")


def test_no_profile_is_read_without_being_named():
    """Snakemake reads one that is called default wherever it looks, and key by key over the one that is named."""
    found = [path for path in ROOT.glob("**/default") if "profiles" in path.parts and ".venv" not in path.parts]
    assert not found and not (ROOT / "default").exists()


def test_every_option_of_the_profile_is_snakemakes():
    told_of = yaml.safe_load((ROOT / "profiles" / "local" / "config.yaml").read_text())
    assert told_of["resources"] == {"gpu": 1} and "executor" not in told_of
    assert told_of["retries"] >= 1 and told_of["keep-going"] and told_of["rerun-incomplete"]


@pytest.mark.long
def test_jobs_that_want_a_gpu_run_one_by_one_and_side_by_side_where_there_are_two(tmp_path, monkeypatch):
    """Of one GPU by the profile; of two each takes its own, as nothing else tells it."""
    checkout = prepared(tmp_path / "run")
    plan = checkout.snakemake("-n", *PROFILE, *map(detector, ("checker", "stripes")))
    assert plan.count("rule train_detector:") == 2
    network = checkout.folder / "src" / "slow_network.py"
    free = network.read_text()
    network.write_text(ALONE + free)
    checkout.snakemake(*PROFILE, "--retries", "0", *map(detector, ("checker", "stripes")))
    assert all("epoch=5" in told(checkout, name) for name in ("checker", "stripes"))

    network.write_text(free)
    for name in ("checker", "stripes"):
        (checkout.folder / detector(name)).unlink()
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # of the locks
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    checkout.snakemake(*PROFILE, "--resources", "gpu=2", "--", *map(detector, ("checker", "stripes")))
    logs = "".join(told(checkout, name) for name in ("checker", "stripes"))
    assert sorted(re.findall(r"^GPU (\d) of 0, 1$", logs, re.MULTILINE)) == ["0", "1"]
