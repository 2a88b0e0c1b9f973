"""What a run's jobs took, rule by rule: sums of Snakemake's `benchmark:` files.

A job that an earlier run of the store did counts as well: its file is there because its result is.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

COLUMNS = ("s", "cpu_time", "max_rss")
ENERGY = ("processors_joules", "gpus_joules")
#: Rules whose jobs a card cannot tell of: its own.
UNTOLD = ("describe_run",)


def spent(report: Path, store: Path, jobs: Sequence[str]) -> list[dict[str, Any]]:
    """A row a rule, in the order of their names: jobs, wall and processor seconds (sums), the largest memory of a job
    in MiB. A job too short to be measured (`-`, `NA`) counts with what its file has.

    `report`, `store`: folders of benchmark files, which may be one. `jobs`: those of the store that are this run's, for
    others share it: `<rule>/<wildcards>`, of one job or of a folder of them. Joules are of the jobs that could read
    them (`metered`: how many), beside their logs; None where none could.
    """
    found: dict[str, list[dict[str, float]]] = {}
    for rule, path, told in _jobs(report, store, jobs):
        used = {name: float(told[name]) for name in ENERGY if isinstance(told.get(name), int | float)}
        found.setdefault(rule, []).extend(row | used for row in _rows(path))
    return [_summed(rule, rows) for rule, rows in sorted(found.items())]


def machines(report: Path, store: Path, jobs: Sequence[str]) -> list[dict[str, Any]]:
    """Kinds of machines that the same jobs ran on: `processor`, `gpus` that a job might use, how many `jobs`, `rules`.

    Jobs of versions that did not record it are not among them.
    """
    found: dict[tuple[str | None, tuple[str, ...]], list[str]] = {}
    for rule, _, told in _jobs(report, store, jobs):
        if told:
            found.setdefault((told.get("processor"), tuple(told.get("gpus", ()))), []).append(rule)
    return [
        {"processor": processor, "gpus": list(gpus), "jobs": len(rules), "rules": sorted(set(rules))}
        for (processor, gpus), rules in sorted(found.items(), key=lambda item: -len(item[1]))
    ]


def _jobs(report: Path, store: Path, jobs: Sequence[str]) -> Iterator[tuple[str, Path, dict[str, Any]]]:
    """Rule, benchmark file, and what the job wrote of itself beside its log (`crossgen.metering`)."""
    for rule, path in sorted(set(_files(report, store, jobs))):
        folder = report if path.is_relative_to(report) else store
        yield rule, path, _written(folder.parent / "logs" / path.relative_to(folder).with_suffix(".job.json"))


def _files(report: Path, store: Path, jobs: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Rule and benchmark file of every job of the run."""
    shared = {job.split("/")[0] for job in jobs}
    for path in report.rglob("*.tsv"):
        rule = path.relative_to(report).parts[0].removesuffix(".tsv")
        if rule not in UNTOLD and (report != store or rule not in shared):
            yield rule, path
    for job in jobs:
        alone, folder = store / f"{job}.tsv", store / job
        for path in [alone] if alone.is_file() else folder.rglob("*.tsv"):
            yield job.split("/")[0], path


def _rows(path: Path) -> Iterable[dict[str, float]]:
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream, delimiter="\t"):
            yield {name: float(row[name]) for name in COLUMNS if _is_number(row.get(name))}


def _written(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _is_number(text: str | None) -> bool:
    try:
        float(text or "")
    except ValueError:
        return False
    return text not in ("NA", "nan")


def _summed(rule: str, rows: Sequence[dict[str, float]]) -> dict[str, Any]:
    return {
        "rule": rule,
        "jobs": len(rows),
        "wall_seconds": round(sum(row.get("s", 0.0) for row in rows), 2),
        "processor_seconds": round(sum(row.get("cpu_time", 0.0) for row in rows), 2),
        "largest_memory_mib": round(max((row["max_rss"] for row in rows if "max_rss" in row), default=0.0), 1),
        "metered": sum(any(name in row for name in ENERGY) for row in rows),
        **{name: _joules([row[name] for row in rows if name in row]) for name in ENERGY},
    }


def _joules(known: Sequence[float]) -> float | None:
    return round(sum(known), 1) if known else None
