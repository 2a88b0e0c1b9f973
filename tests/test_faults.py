"""What a run survives: being killed at any moment, a second run in its folder, a full disk."""

import os
import re
import resource
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest

from checkout import Checkout
from crossgen.evaluation.cells import Store

pytestmark = pytest.mark.long
TARGET = "results/toy/metrics.parquet"
MOMENTS = 10


def reduced(folder) -> Checkout:
    """Two generators, one condition, one experiment with alignment: every rule up to the metrics."""
    checkout = Checkout(folder)
    checkout.config |= {"train_sets": [], "comparisons": [], "experiments": checkout.config["experiments"][1:]}
    checkout.write_config()
    return checkout


def start(checkout: Checkout) -> subprocess.Popen:
    """A run in a process group of its own."""
    return subprocess.Popen(
        checkout.resume_command("--", TARGET), cwd=checkout.folder, env=checkout.environment, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> tuple[str, float]:
    """Digest of the metrics, and the seconds they took."""
    checkout, began = reduced(tmp_path_factory.mktemp("undisturbed")), time.monotonic()
    checkout.resume("--", TARGET)
    return checkout.digest("metrics.parquet"), time.monotonic() - began


@pytest.mark.parametrize("moment", np.random.default_rng(2026).uniform(0.02, 0.98, MOMENTS).round(2))
def test_a_killed_run_resumes_to_the_same_bytes(moment, undisturbed, tmp_path):
    digest, seconds = undisturbed
    checkout = reduced(tmp_path / "killed")
    run = start(checkout)
    time.sleep(moment * seconds)
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    checkout.resume("--", TARGET)
    assert checkout.digest("metrics.parquet") == digest
    assert "Nothing to be done" in checkout.resume("--", TARGET)


def test_a_run_at_work_is_not_disturbed(undisturbed, tmp_path):
    checkout = reduced(tmp_path / "twice")
    run = start(checkout)
    deadline = time.monotonic() + 120
    while not list(checkout.folder.glob(".snakemake/locks/*.lock")):
        assert time.monotonic() < deadline and run.poll() is None
        time.sleep(0.1)
    os.killpg(run.pid, signal.SIGSTOP)  # at work as long as it takes to look
    try:
        again = checkout.resume("--", TARGET, check=False)
        assert "crossgen resume: a run is at work in" in again and "config toy.yaml" in again
        assert f"process {run.pid}" not in again  # Snakemake holds it, not the command that started it
        plain = checkout.snakemake(TARGET, check=False)
        assert "Another run is at work in this folder: process" in plain and "cannot be locked" in plain
        # looking is allowed; what is being written counts as incomplete
        assert "total" in checkout.snakemake("-n", "--rerun-incomplete", TARGET)
    finally:
        os.killpg(run.pid, signal.SIGCONT)
    output, _ = run.communicate(timeout=400)
    assert run.returncode == 0, output[-3000:]
    assert checkout.digest("metrics.parquet") == undisturbed[0]


def test_a_plain_snakemake_says_what_a_killed_run_left(undisturbed, tmp_path):
    checkout = reduced(tmp_path / "left")
    run = start(checkout)
    deadline = time.monotonic() + 300
    while not list((checkout.folder / "results").glob("*/manifest/*.parquet")):  # in its midst, however fast it is
        assert time.monotonic() < deadline and run.poll() is None
        time.sleep(0.1)
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    output = checkout.snakemake(TARGET, check=False)
    assert "Go on with: crossgen resume --configfile toy.yaml" in output
    assert "removed the lock of a killed run" in checkout.resume("--", TARGET)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Checkout, dict[str, str]]:
    """A whole run, and a command of every rule as Snakemake would start it."""
    checkout = reduced(tmp_path_factory.mktemp("finished") / "run")
    checkout.resume()
    told = checkout.snakemake("-n", "-p", "--forceall")
    jobs = re.findall(r"^Shell command: logged \S+ (python -m crossgen (\S+) .*)$", told, re.M)
    return checkout, {name: command for command, name in jobs}


def files(folder) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


RULES = [
    "download", "extract-metadata", "gather-manifest", "filter-subset", "align-jpeg", "pack-crops", "gather-crops",
    "train-detector", "render-conditions", "score-images", "collect-scores", "audit-biases", "compute-metrics",
    "break-down", "choose-thresholds", "tabulate", "plot", "report", "describe-run",
]  # fmt: skip


def test_every_rule_is_tried_on_a_full_disk(finished):
    assert sorted(finished[1]) == sorted(RULES)


@pytest.mark.parametrize("name", RULES)
def test_a_full_disk_is_one_message_and_leaves_nothing_half_written(name, finished, tmp_path):
    checkout, commands = finished
    for kind, rule in (("pixels", "render-conditions"), ("logits", "score-images")):
        if name == rule:  # what is there is not written again
            shutil.move(checkout.folder / "results" / "toy" / "cells" / kind, tmp_path / kind)
    before = files(checkout.folder / "results")
    limit = 900  # bytes that a file may have: the first write of any table, array or picture fails on the way
    done = subprocess.run(
        ["bash", "-c", commands[name]], cwd=checkout.folder, env=checkout.environment, capture_output=True, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip
    assert done.returncode == 1, done.stderr[-2000:]
    assert re.search(rf"^crossgen {name}: cannot write results/.*: .*; nothing was left there", done.stderr, re.M), (
        done.stderr[-2000:]
    )
    assert "Traceback" not in done.stderr
    after = files(checkout.folder / "results")
    assert {path: after.get(path) for path in before} == before
    for path in after.keys() - before.keys():  # small cells that found room, each of them whole
        cell = checkout.folder / "results" / path
        assert Store(cell.parents[2]).read(cell.parent.name, verify=True) is not None
    for kind in tmp_path.iterdir():
        shutil.rmtree(checkout.folder / "results" / "toy" / "cells" / kind.name, ignore_errors=True)
        shutil.move(kind, checkout.folder / "results" / "toy" / "cells")
