"""Compute the missing logits of some detectors."""

import argparse
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter

from crossgen import records
from crossgen.config import Condition, Frame
from crossgen.data import frames
from crossgen.detectors.identity import digest, frame_of, read_header
from crossgen.evaluation.cells import Store
from crossgen.evaluation.render import Images, effective_steps, shard_images
from crossgen.evaluation.scoring import Judge, Task, logit_key, score

EXAMPLE = """crossgen score-images --detectors detector.safetensors --rendered rendered.parquet --pools pools.json \\
    --conditions '[{"name": "clean"}]' --pixels cells/pixels --logits cells/logits --output index.parquet"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--detectors", required=True, type=Path, nargs="+", help="detector files")
    parser.add_argument("--rendered", required=True, type=Path, nargs="+", help="indexes of render-conditions")
    parser.add_argument("--pools", required=True, help='JSON: {pool: {"root": folder, "manifest": file}}')
    parser.add_argument("--conditions", required=True, help="JSON list of the conditions")
    parser.add_argument("--pixels", required=True, type=Path, help="folder of the pixel cells")
    parser.add_argument("--logits", required=True, type=Path, help="folder of the logit cells")
    parser.add_argument("--output", required=True, type=Path, help="index to write (Parquet)")


def run(options: argparse.Namespace) -> None:
    """Fill the missing logit cells and write the index of all."""
    pixels, logits = Store(options.pixels), Store(options.logits)
    told = [read_header(path) for path in options.detectors]
    cells = records.read_all(options.rendered, records.RENDERED).to_pylist()
    rows: list[dict[str, object]] = []
    missing: dict[str, dict[str, int]] = {}  # pixel cell -> logit cell -> place of the detector
    for judge, (path, header) in enumerate(zip(options.detectors, told, strict=True)):
        weights, geometry = digest(path), frames.key(frame_of(header))
        for cell in cells:
            if frames.key(Frame.model_validate_json(cell["frame"])) == geometry:
                rows.append(_row(header, cell, logit_key(weights, cell["cell"])))
                missing.setdefault(cell["cell"], {})[str(rows[-1]["logits"])] = judge
    for names in missing.values():
        for name in [name for name in names if logits.holds(name)]:
            del names[name]
    tasks = _tasks(options, cells, missing)
    if tasks:
        score(tasks, _judges(options.detectors), pixels, logits)
    records.write_whole(options.output, lambda path: pq.write_table(pa.Table.from_pylist(rows), path))
    print(logits.log("logit"))


def _row(header: dict[str, Any], cell: dict[str, Any], name: str) -> dict[str, object]:
    identity = header["identity"]
    keys = {key: identity[key] for key in ("experiment", "train_set", "seed")}
    return keys | {key: cell[key] for key in ("pool", "shard", "condition")} | {"logits": name}


def _tasks(options: argparse.Namespace, cells: list[dict[str, Any]], missing: dict[str, dict[str, int]]) -> list[Task]:
    """One task a pixel cell: conditions that come to the same pixels share it, and its logits."""
    known = {item.name: item for item in TypeAdapter(tuple[Condition, ...]).validate_json(options.conditions)}
    pools = json.loads(options.pools)
    loaded: dict[tuple[str, int], Images] = {}
    tasks = []
    for cell in {cell["cell"]: cell for cell in cells}.values():
        if not missing.get(cell["cell"]):
            continue
        at = (cell["pool"], cell["shard"])
        if at not in loaded:
            loaded[at] = shard_images(Path(pools[at[0]]["manifest"]), at[1], Path(pools[at[0]]["root"]))
        steps = effective_steps(known[cell["condition"]], loaded[at].label, tuple(known.values()))
        frame = Frame.model_validate_json(cell["frame"])
        wanted = tuple((judge, name) for name, judge in missing[cell["cell"]].items())
        tasks.append(Task(loaded[at], frame, steps, cell["cell"], wanted))
    return tasks


def _judges(paths: list[Path]) -> list[Judge]:
    """Detectors ready to judge. Only a job that has something to compute imports torch."""
    import numpy as np

    from crossgen.detectors.detector import load
    from crossgen.training.loop import score as judge
    from crossgen.training.loop import set_up

    set_up(0)
    detectors = [load(path) for path in paths]
    return [
        lambda crops, detector=detector: judge(detector, crops, np.arange(len(crops))).astype(np.float32)  # type: ignore[misc]
        for detector in detectors
    ]
