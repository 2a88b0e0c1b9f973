"""The table side of config/genimage.yaml at GenImage's size: seconds and memory of each step on a synthetic manifest.

    python benchmarks/scale.py        2,681,150 rows, some minutes, 2 GB of disk

Nothing is downloaded and no picture is drawn: the manifests are made by formula (tests/synthetic_genimage.py). Each
step is run as the workflow runs it, through Snakemake, and the dry run is compared with that of an empty Snakefile.
Memory is the peak of the largest process of a step.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import synthetic_genimage  # noqa: E402 (lies among the tests)
from crossgen import records  # noqa: E402

SELECTIONS = {"raw set of sd14": "classic/sd14", "constrained set of wukong": "constrained/wukong"}
ROUNDS = 3


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        dry_runs(work)
        began = time.monotonic()
        paths = synthetic_genimage.write(work / "results/genimage/manifest")
        rows = sum(pq.ParquetFile(path).metadata.num_rows for path in paths.values())
        print(f"synthetic manifest: {rows:,} rows in {len(paths)} pools, written in {time.monotonic() - began:.0f} s")
        gather(work, list(paths.values()), rows)
        cross_check(work, list(paths.values()))
        for what, target in SELECTIONS.items():
            steps(work, f"filter_subset, {what}", ["filter_subset"], f"results/genimage/subsets/{target}.parquet")
        audit(work)


def dry_runs(work: Path) -> None:
    """`snakemake -n` of the full config on an empty disk against one of a Snakefile with one empty rule, in turn."""
    (work / "empty").mkdir()
    (work / "empty/Snakefile").write_text('rule all:\n    output: "nothing"\n    shell: "touch {output}"\n')
    empty = ["-n", "--cores", "2", "--directory", str(work / "empty"), "--snakefile", str(work / "empty/Snakefile")]
    seconds: dict[str, list[float]] = {"empty": [], "genimage": []}
    for _ in range(ROUNDS):
        seconds["empty"].append(snakemake(work, empty)[0])
        seconds["genimage"].append(snakemake(work, ["-n", *ours(work)])[0])
    base, full = (statistics.median(seconds[name]) for name in ("empty", "genimage"))
    print(
        f"snakemake -n: {full:.1f} s, empty Snakefile {base:.1f} s: {full - base:.1f} s more, ratio {full / base:.1f}"
    )


def gather(work: Path, shards: Sequence[Path], rows: int) -> None:
    """One pool of all rows, from 16 shards."""
    command = [sys.executable, "-m", "crossgen", "gather-manifest", "--pool", "everything", "--max-quarantine", "1"]
    cost = measured([*command, "--shards", *map(str, shards), "--output", str(work / "everything.parquet")], work)
    told("gather_manifest, one pool of all rows", cost)
    assert pq.ParquetFile(work / "everything.parquet").metadata.num_rows == rows
    (work / "everything.parquet").unlink()


def cross_check(work: Path, manifests: Sequence[Path]) -> None:
    """All manifests against a published table that says the same of every image."""
    table = work / "genimage_metadata.csv"
    synthetic_genimage.metadata_csv(table, manifests)
    command = [sys.executable, "-m", "crossgen", "cross-check", "--published", str(table), "--manifests"]
    told("cross-check of all rows", measured([*command, *map(str, manifests), "--output", "check.json"], work))
    table.unlink()


def audit(work: Path) -> None:
    """All selections and their audit; for what was packed stands the selection, with crops at the origin."""
    steps(work, "filter_subset, all train sets", ["filter_subset"], "subsets")
    for path in planned(work, "audit_biases", "results/genimage/audit/biases.parquet"):
        _, _, kind, *place = Path(path).parts
        if kind == "crops":
            index_of(work / "results/genimage/subsets" / place[0] / f"{place[1]}.parquet", work / path)
    steps(work, "audit_biases, all train sets", ["audit_biases"], "results/genimage/audit/biases.parquet")


def planned(work: Path, rule: str, target: str) -> list[str]:
    """Inputs of the one job of a rule."""
    snakemake(work, [*ours(work), "-n", "--rerun-triggers", "mtime", "--", target])
    job = (work / "said").read_text().split(f"rule {rule}:\n")[1]
    return re.findall(r"^ *input: (.*)$", job, re.MULTILINE)[0].split(", ")


def index_of(selection: Path, target: Path) -> None:
    rows = pq.read_table(selection)
    zero, row = pa.array(np.zeros(rows.num_rows, np.int64)), pa.array(np.arange(rows.num_rows))
    facts = {"crop": zero, "row": row, "crop_size": pc.add(zero, 224), "crop_x": zero, "crop_y": zero}
    facts |= {"source_width": rows["width"], "source_height": rows["height"]}
    for name, column in facts.items():
        rows = rows.append_column(name, column)
    records.write(target, rows, records.CROPS)


def steps(work: Path, what: str, rules: Sequence[str], target: str) -> None:
    """Make a target by these rules alone: whatever else it needs is there."""
    words = [*ours(work), "--quiet", "all", "--rerun-triggers", "mtime", "--allowed-rules", *rules, "--", target]
    told(what, snakemake(work, words))


def ours(work: Path) -> list[str]:
    config = str(ROOT / "config/genimage.yaml")
    return ["--cores", "2", "--directory", str(work), "--snakefile", str(ROOT / "Snakefile"), "--configfile", config]


def snakemake(work: Path, words: Sequence[str]) -> tuple[float, float]:
    return measured([sys.executable, "-m", "snakemake", *words], work)


def measured(command: Sequence[str], work: Path) -> tuple[float, float]:
    """Seconds, and megabytes of the largest process, of a command that must succeed."""
    began = time.monotonic()
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    with open(work / "said", "wb") as said:
        process = subprocess.Popen(command, cwd=work, stdout=said, stderr=subprocess.STDOUT, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)}\n{(work / 'said').read_text()[-3000:]}")
    return time.monotonic() - began, usage.ru_maxrss / 1024


def told(what: str, cost: tuple[float, float]) -> None:
    print(f"{what}: {cost[0]:.1f} s, {cost[1]:,.0f} MB", flush=True)


if __name__ == "__main__":
    main()
