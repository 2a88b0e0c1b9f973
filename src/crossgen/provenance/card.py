"""The card of a run: what its numbers were made of, by what code, on which machines, and what that took."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
from blake3 import blake3

import crossgen
from crossgen import records
from crossgen.code import commit
from crossgen.detectors.identity import read_header
from crossgen.provenance.machine import machine
from crossgen.provenance.roles import tables

#: Rows of `spent`, rows of `machines`.
Took = tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]]

VERSION = 1
#: What a detector's training tells of itself.
TRAINING = ("device", "precision", "processes", "threads", "commit", "crossgen", "torch", "timm", "kept_epoch")
UNREAD = "no job could read a counter: processors' are shown to root alone on most systems, GPUs' need NVIDIA's driver"
READ = "the whole processors while each job ran, others' work included, and the GPUs that it might use"


def card(run_file: Path, lock: Path, took: Took, weights: Sequence[Path]) -> dict[str, Any]:
    """The card of a finished run, from its run.json. `took`: rows of `spent` and of `machines`; `weights`: records
    of what was fetched.

    Raises ValueError where a file of the run is missing or is no longer what run.json tells.
    """
    run = json.loads(run_file.read_text(encoding="utf-8"))
    folder, files = run_file.parent, run["files"]
    config = json.loads(_checked(folder, files["config"]).read_text(encoding="utf-8"))
    return {
        "card_version": VERSION,
        "report": run["report"],
        "run": {"path": run_file.name, "blake3": _digest(run_file)},
        "config": {**files["config"], "data": config["data"], "schema_version": config["schema_version"]},
        "code": {"crossgen": crossgen.__version__, "commit": commit(), "made_with": run["made_with"]},
        "lock": {"path": lock.name, "blake3": _digest(lock)} if lock.is_file() else None,
        "seeds": _seeds(config),
        "data": [_pool(folder, told) for told in files["manifests"]],
        "weights": [json.loads(path.read_text(encoding="utf-8")) for path in weights],
        "detectors": [_detector(folder, told) for told in files["detectors"]],
        "scores": [_scores(folder, told) for told in files["scores"]],
        "metrics": files["metrics"],
        "tables": tables(files),
        "machine": machine(),
        "ran_on": list(took[1]),
        "spent": list(took[0]),
        "energy": _energy(took[0]),
    }


def _energy(took: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Sums over the rules, of how many of the jobs, and what they are of."""
    sums: dict[str, Any] = {}
    for name in ("processors_joules", "gpus_joules"):
        known = [row[name] for row in took if row[name] is not None]
        sums[name] = round(sum(known), 1) if known else None
    metered = sum(row["metered"] for row in took)
    return sums | {"metered": metered, "jobs": sum(row["jobs"] for row in took), "about": READ if metered else UNREAD}


def _digest(path: Path) -> str:
    return blake3(path.read_bytes()).hexdigest()


def _there(folder: Path, told: Mapping[str, str]) -> Path:
    path = folder / told["path"]
    if not path.is_file():
        raise ValueError(f"Missing {path}: run.json tells of it; run the workflow again")
    return path


def _checked(folder: Path, told: Mapping[str, str]) -> Path:
    """A file of the run. Raises ValueError if it is not there or another one."""
    path = _there(folder, told)
    if _digest(path) != told["blake3"]:
        raise ValueError(f"{path} is not the file that run.json tells of (blake3 differs): run the workflow again")
    return path


def _seeds(config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "split": config["split_seed"],
        "statistics": config["statistics"]["seed"],
        "training": {each["name"]: each["seeds"] for each in config["experiments"]},
    }


def _pool(folder: Path, told: Mapping[str, str]) -> dict[str, Any]:
    path = _checked(folder, told)
    table = pq.read_table(path, columns=["pool", "label", "quarantine"])
    return {
        "pool": path.stem,
        **told,
        "images": table.num_rows,
        "quarantined": table.num_rows - pc.sum(pc.is_null(table["quarantine"])).as_py() if table.num_rows else 0,
    }


def _scores(folder: Path, told: Mapping[str, str]) -> dict[str, Any]:
    """`judged`: the devices and precisions that its logits were computed on and in; empty: the file does not tell."""
    ways = (records.facts(_there(folder, told)) or {}).get("judged", {}).values()
    return {**told, "judged": [dict(way) for way in dict.fromkeys(tuple(way.items()) for of in ways for way in of)]}


def _detector(folder: Path, told: Mapping[str, str]) -> dict[str, Any]:
    header = read_header(_checked(folder, told))
    training = header.get("training") or {}
    return {**header["identity"], **told, **{name: training.get(name) for name in TRAINING}}
