"""The demonstration itself: what the mini config must show, on its finished run (made if it is not there)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from toys import ROOT

pytestmark = pytest.mark.long
REPORT = ROOT / "results" / "mini"


@pytest.fixture(scope="module", autouse=True)
def finished():
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--quiet", "all"]
    subprocess.run(command, cwd=ROOT, check=True, env=os.environ | {"PATH": path}, timeout=1500)


@pytest.fixture(scope="module")
def metrics():
    return pd.read_parquet(REPORT / "metrics.parquet")


def test_file_headers_tell_everything_before_alignment_and_nothing_after():
    probes = pd.read_parquet(REPORT / "audit" / "probes.parquet")
    before = probes[(probes["stage"] != "after_alignment") & probes["group"].str.startswith("header")]
    assert len(before) == 2 * 2 * 2 * 8 and (before["balanced_accuracy"] > 0.95).all()
    reads = probes[(probes["stage"] == "after_alignment") & (probes["group"] == "detector_reads")]
    raw, unbiased = reads[reads["subset"] == "raw"], reads[reads["subset"] == "unbiased"]
    assert len(raw) == len(unbiased) == 8 and (raw["balanced_accuracy"] > 0.95).all()
    assert (unbiased["balanced_accuracy"] < 0.6).all()
    assert (unbiased["low"] <= 0.5).all() and (unbiased["high"] >= 0.5).all()


def test_every_cell_is_there_for_every_image(metrics):
    cells = metrics[(metrics["metric"] == "roc_auc") & (metrics["train_set"] != "mean")]
    cells = cells[cells["test_generator"].isin(cells["train_set"])]
    assert len(cells) == 2 * 9 * 64 and cells["value"].notna().all() and (cells["coverage"] == 1).all()
    assert (cells["n_real"] >= 120).all() and (cells["n_fake"] >= 60).all()
    assert ((cells["high"] - cells["low"]) > 0).all()


def test_detectors_know_their_own_generator_best(metrics):
    kept = metrics[metrics["metric"].eq("balanced_accuracy") & metrics["train_set"].eq("mean")]
    gap = kept[kept["test_generator"] == "own_minus_off_diagonal"].set_index(["experiment", "condition"])
    for condition in ("clean", "all_q96"):
        assert gap.loc[("unbiased", condition), "low"] > 0


def test_controls_are_judged_as_reals_alone(metrics):
    controls = metrics[
        metrics["test_generator"].isin(["photographs_png", "bicubic"]) & metrics["condition"].eq("clean")
    ]
    shares = controls[controls["metric"] == "fpr"]
    assert len(shares) == 2 * 2 * 9 and shares["value"].between(0, 1).all()
    undefined = controls[controls["metric"] == "roc_auc"]
    assert undefined["value"].isna().all() and undefined["reason"].str.contains("no fakes|undefined for").all()


def test_the_page_and_the_tables_are_told_of(metrics):
    files = json.loads((REPORT / "run.json").read_text())["files"]
    assert (REPORT / files["page"]["path"]).stat().st_size < 10_000_000
    table = pd.read_csv(REPORT / files["table_matrix"]["path"])
    assert {"value", "low", "high"} <= set(table.columns)
