"""A whole run of the workflow, verified: every kind of file that makes a claim is held against its scores."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from checkout import Checkout
from replay.small_run import change_cell

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    run = Checkout(tmp_path_factory.mktemp("verified") / "run")
    run.config["conditions"] = [{"name": "clean"}, {"name": "all_q60", "steps": [{"step": "jpeg", "quality": 60}]}]
    run.config["ensembles"] = [{"name": "together", "experiments": ["raw", "unbiased"]}]
    run.snakemake("--quiet", "all")
    return run


@pytest.fixture
def report(finished, tmp_path):
    """A copy of the report's folder, which is the store's too, without what verify does not need: cells and crops."""
    left_out = shutil.ignore_patterns("cells", "*.npy", "logs", "benchmarks", "aligned")
    return shutil.copytree(finished.folder / "results" / "toy", tmp_path / "results" / "toy", ignore=left_out)


def verify(finished, path):
    """Verify where an import of torch or timm ends the process, and of every process that it starts."""
    for name in ("torch", "timm"):
        module = path.parent / "poisoned" / f"{name}.py"
        module.parent.mkdir(exist_ok=True)
        module.write_text("import os; os._exit(99)")
    found = os.pathsep.join([finished.environment["PYTHONPATH"], str(path.parent / "poisoned")])
    done = subprocess.run(
        [sys.executable, "-m", "crossgen", "verify", str(path)],
        capture_output=True, text=True, env=finished.environment | {"PYTHONPATH": found}, cwd=path.parent,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def change_text(path, pattern, text):
    """Replace the first place that a pattern finds."""
    old = path.read_text(encoding="utf-8")
    assert re.search(pattern, old), (path, pattern)
    path.write_text(re.sub(pattern, text, old, count=1), encoding="utf-8")


def test_a_good_run_holds_in_all_its_files(finished, report):
    status, told, errors = verify(finished, report)
    assert status == 0, told + errors
    files = json.loads((report / "run.json").read_text())
    kinds = {path.suffix for path in (*(report / "figures").iterdir(), *(report / "tables").iterdir())}
    assert kinds == {".svg", ".png", ".csv", ".md", ".tex"}
    drawn = [*(report / "figures").iterdir(), *(report / "tables").iterdir()]
    measured = [*report.glob("*.parquet"), *(report / "audit").glob("*.parquet")]  # none that no step makes again
    expected = f"numbers in {len(drawn) + len(measured) + 3} files"  # and page, overview, summary
    assert expected in told and "not checked" not in told
    assert [step["command"] for step in files["replay"]][-3:] == ["tabulate", "plot", "report"]


def test_every_kind_of_claim_is_named_when_it_is_changed(finished, report):
    change_cell(report / "metrics.parquet", "value", 3, 0.123)
    change_cell(report / "differences.parquet", "value", 0, 0.123)
    change_cell(report / "audit" / "probes.parquet", "high", 1, 0.123)
    change_text(report / "tables" / "matrix.csv", r"0\.\d{6,}", "0.987654321")
    change_text(report / "tables" / "summary.md", r"\d+\.\d \[", "33.3 [")
    change_text(report / "tables" / "matrix.tex", r"\d+\.\d \[", "33.3 [")
    change_text(report / "figures" / "matrix_clean_roc_auc.svg", r"<!-- \d+\.?\d* -->", "<!-- 33.3 -->")
    change_text(report / "figures" / "experiments.svg", r"M \d+\.\d+", "M 1.5")
    change_text(report / "report.html", r'("payload">.*?"low":)\d+|("payload">\{.*?\[)\d{3,4}', r"\g<1>\g<2>333")
    change_text(report / "overview.html", r"<td>\d+\.\d \[", "<td>33.3 [")
    change_text(report / "summary.txt", r" \d+\.\d ", " 33.3 ")
    picture = report / "figures" / "experiments.png"
    shutil.copy(report / "figures" / "probes_raw.png", picture)
    status, told, _ = verify(finished, report)
    assert status == 2
    for claim in (
        r"metrics.parquet: \(.+, average_precision\), value: claimed 0.123, recomputed \S+",
        r"differences.parquet: \(unbiased, raw, checker, .+\), value: claimed 0.123",
        r"audit/probes.parquet: \(raw, before_selection, .+\), high: claimed 0.123",
        r"tables/matrix.csv: row \d+ \(raw, .+\), (value|low|high): claimed 0.987654321",
        r"tables/summary.md: line \d+ .+: claimed 33.3, recomputed \d+\.\d",
        r"tables/matrix.tex: line \d+ .+: claimed 33.3, recomputed \d+\.\d",
        r"figures/matrix_clean_roc_auc.svg: line \d+ after .+: claimed 33.3, recomputed \d+",
        r"figures/experiments.svg: line \d+ .+: claimed 1.5, recomputed \d+",
        r"figures/experiments.png: ",
        r"report.html: payload\.\S+: claimed 333\d*, recomputed \S+",
        r"overview.html: line \d+ after .+: claimed 33.3, recomputed \d+\.\d",
        r"summary.txt: line \d+ .+: claimed 33.3, recomputed \d+\.\d",
        r"report.html: altered, run.json tells of",
    ):
        assert re.search(rf"^{claim}", told, re.M), (claim, told)


def test_a_run_is_verified_merged_and_told_of_as_a_bundle(finished, report, tmp_path):
    def crossgen(*words):
        command = [sys.executable, "-m", "crossgen", *words]
        done = subprocess.run(command, capture_output=True, text=True, env=finished.environment, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    crossgen("export", str(report), "--output", "a.zip")
    (report / "figures" / "experiments.svg").unlink()  # the bundle stands for itself
    told = crossgen("verify", "a.zip")
    assert "every claim that was checked holds" in told and "3 audit" in told
    assert str(finished.folder) not in (tmp_path / "a.zip").read_bytes().decode("latin-1")
    shutil.copy(tmp_path / "a.zip", tmp_path / "b.zip")
    told = crossgen("merge", "a.zip", "b.zip", "--output", "both")
    assert "2 labs on 2 test sets, 2 conditions" in told
    page = (tmp_path / "both" / "index.html").read_text()
    assert "a:together − b:together" in page and "b:raw" in page
