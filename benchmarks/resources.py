"""What the workflow's rules ask a cluster for, held against what their jobs take.

    python benchmarks/resources.py                   jobs on tables, at 1/64 and 1/16 of GenImage; some minutes
    python benchmarks/resources.py --part images     jobs that decode images, of 1024 pixels: the largest of GenImage
    python benchmarks/resources.py --part finished   a run in this folder: its `benchmark:` files
    python benchmarks/resources.py --part finished --configfile my.yaml --folder elsewhere

Each job is run as the workflow runs it, through Snakemake. Memory is the peak of its largest process, time that of the
processor: what others do on the machine matters little. The line through two sizes is what
workflow/rules/common_resources.smk is made from; a job of GenImage's size is far beyond the sizes measured here, and
what it is foretold to take is that line, continued.
"""

import argparse
import csv
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import synthetic_run
from scale import ROOT
from workflow_job import Run, Taken

REPORT = "results/genimage"
#: Rule to a job of it, and the tables whose rows it reads: how often each, by the folder that they lie in.
JOBS: Mapping[str, tuple[str, Mapping[str, float]]] = {
    "gather_manifest": (f"{REPORT}/manifest/sd14.parquet", {"manifest": 1}),
    "filter_subset": (f"{REPORT}/subsets/constrained/wukong.parquet", {"manifest": 1}),
    "index_files": (f"{REPORT}/files/classic/sd14/index.parquet", {"subsets": 1}),
    "audit_biases": (f"{REPORT}/audit/biases.parquet", {"manifest": 1, "subsets": 2}),
    "collect_scores": (f"{REPORT}/scores/raw/midjourney/seed0.parquet", {"manifest": 1}),
    "compute_metrics": (f"{REPORT}/metrics.parquet", {"scores": 10}),
    "break_down": (f"{REPORT}/breakdowns.parquet", {"scores": 10}),
    "plot": (f"{REPORT}/figures/biases_classic.svg", {"manifest": 1, "subsets": 2}),
}
BYTES_A_ROW = 60


@dataclass(frozen=True)
class Measured:
    """A job: thousands of rows (or images), what it took, and what it asked for."""

    thousands: float
    taken: Taken
    mb: float
    minutes: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=PARTS, default="tables", help="what to measure")
    parser.add_argument("--scales", nargs="+", type=float, default=[1 / 64, 1 / 16], help="shares of GenImage (tables)")
    parser.add_argument("--images", nargs="+", type=int, default=[24, 96], help="numbers of images (images)")
    parser.add_argument("--configfile", default=str(ROOT / "config/mini.yaml"), help="config of the run (finished)")
    parser.add_argument("--folder", type=Path, default=ROOT, help="where it was run (finished)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        PARTS[options.part](options, Path(folder))


def tables(options: argparse.Namespace, work: Path) -> None:
    found: dict[str, list[Measured]] = {}
    for scale in options.scales:
        (place := work / f"{scale:g}").mkdir()
        for rule, job in _table_jobs(place, scale):
            found.setdefault(rule, []).append(job)
            print(f"{scale:g} {rule}: {_said(job)}", flush=True)
    _lines(found)


def _table_jobs(work: Path, scale: float) -> Iterator[tuple[str, Measured]]:
    run = synthetic_run.made(work, scale)
    before = {"collect_scores": synthetic_run.logits, "compute_metrics": synthetic_run.scores}
    before["plot"] = synthetic_run.histories
    for rule, (target, weights) in JOBS.items():
        before.get(rule, lambda *_: None)(run, target)
        read = [path for path in run.inputs(rule, target) if path.is_file()]
        rows = sum(path.stat().st_size * _weight(path.relative_to(run.results), weights) for path in read)
        yield rule, _measured(run, rule, target, rows / BYTES_A_ROW / 1000)


def _weight(path: Path, weights: Mapping[str, float]) -> float:
    return weights.get(path.parts[0], 0)


def images(options: argparse.Namespace, work: Path) -> None:
    found: dict[str, list[Measured]] = {}
    for n in options.images:
        (place := work / str(n)).mkdir()
        run = synthetic_run.drawn(place, n)
        shutil.rmtree(run.results / "cells")  # what is rendered would be taken from there
        for rule, (target, share) in synthetic_run.DRAWN.items():
            job = _measured(run, rule, target, share * n / 1000)
            found.setdefault(rule, []).append(job)
            print(f"{n} images, {rule}: {_said(job)}", flush=True)
    _lines(found)


def _measured(run: Run, rule: str, target: str, thousands: float) -> Measured:
    taken = run.alone(rule, target)
    return Measured(thousands, taken, *next(_asked(run.said())))


def _asked(text: str) -> Iterator[tuple[float, float]]:
    """Megabytes and minutes, from what Snakemake says of jobs."""
    for told in re.findall(r"^ *resources: (.*)$", text, re.MULTILINE):
        values = dict(pair.split("=", 1) for pair in told.split(", "))
        yield float(values.get("mem_mb", "nan")), float(values.get("runtime", "nan"))


def _said(job: Measured) -> str:
    ratios = f"{job.mb / job.taken.mb:.1f} x, {job.minutes * 60 / max(job.taken.seconds, 0.1):,.0f} x"
    took = f"{job.taken.mb:,.0f} MB, {job.taken.seconds:.1f} s"
    return f"{job.thousands:,.2f} thousand, took {took}; asked {job.mb:,.0f} MB, {job.minutes:.0f} min ({ratios})"


def _lines(found: Mapping[str, Sequence[Measured]]) -> None:
    print("rule: MB at rest + MB a thousand, seconds at rest + seconds a thousand")
    for rule, (first, *_, last) in ((rule, jobs) for rule, jobs in found.items() if len(jobs) > 1):
        parts = []
        for name in ("mb", "seconds"):
            low, high = (getattr(job.taken, name) for job in (first, last))
            slope = (high - low) / (last.thousands - first.thousands)
            parts.append(f"{low - slope * first.thousands:,.1f} + {slope:.3f}")
        print(f"{rule}: {', '.join(parts)}")


def finished(options: argparse.Namespace, work: Path) -> None:
    """By rule: the most that a job took, by its `benchmark:` file, and the least that one asked for."""
    run = Run(options.folder, str(Path(options.configfile).resolve()), work)
    run.snakemake("all", "--dry-run", "--forceall")
    took: dict[str, list[tuple[float, float, float, float]]] = {}
    for job in re.split(r"^(?:local)?rule ", run.said(), flags=re.MULTILINE)[1:]:
        for path in re.findall(r"^ *benchmark: (.*)$", job, re.MULTILINE):
            if (file := options.folder / path).is_file():
                took.setdefault(job.split(":")[0], []).append((*_told(file), *next(_asked(job))))
    print("rule, jobs: most MB taken, of MB asked; most seconds taken, of minutes asked")
    for rule, jobs in took.items():
        mb, seconds, asked, minutes = (
            kind(values) for kind, values in zip((max, max, min, min), zip(*jobs, strict=True), strict=True)
        )
        print(
            f"{rule}, {len(jobs)}: {mb:,.0f} MB of {asked:,.0f} ({asked / max(mb, 1):.1f} x);"
            f" {seconds:,.0f} s of {minutes:,.0f} min"
        )


def _told(path: Path) -> tuple[float, float]:
    """Megabytes (of all processes, what they share counted once) and seconds; 0 of a job too short to be seen."""
    with open(path, encoding="utf-8", newline="") as file:
        row = next(csv.DictReader(file, delimiter="\t"))
    mb, seconds = (0.0 if row[name] == "NA" else float(row[name]) for name in ("max_pss", "s"))
    return mb, seconds


PARTS = {"tables": tables, "images": images, "finished": finished}

if __name__ == "__main__":
    main()
