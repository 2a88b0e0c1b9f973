"""Compute the missing logits of some detectors."""

import argparse
import json
from collections.abc import Callable
from functools import cache
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
from crossgen.evaluation.render import Images, effective_steps, failures, shard_images
from crossgen.evaluation.scoring import Judge, Task, logit_key, score

#: (pool, shard) -> its test images
Load = Callable[[str, int], Images]

EXAMPLE = """crossgen score-images --detectors detector.safetensors --rendered rendered.parquet --pools pools.json \\
    --conditions '[{"name": "clean"}]' --pixels cells/pixels --logits cells/logits --output index.parquet \\
    --losses losses.parquet"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--detectors", required=True, type=Path, nargs="+", help="detector files")
    parser.add_argument("--rendered", required=True, type=Path, nargs="+", help="indexes of render-conditions")
    parser.add_argument("--pools", required=True, help='JSON: {pool: {"root": folder, "manifest": file}}')
    parser.add_argument("--conditions", required=True, help="JSON list of the conditions")
    parser.add_argument("--pixels", required=True, type=Path, help="folder of the pixel cells")
    parser.add_argument("--logits", required=True, type=Path, help="folder of the logit cells")
    parser.add_argument("--output", required=True, type=Path, help="index to write (Parquet)")
    parser.add_argument("--losses", required=True, type=Path, help="images without a picture, to write (Parquet)")


def run(options: argparse.Namespace) -> None:
    """Fill the missing logit cells, and write the index of all and what has no picture."""
    pixels, logits = Store(options.pixels), Store(options.logits)
    told = [read_header(path) for path in options.detectors]
    cells = records.read_all(options.rendered, records.RENDERED).to_pylist()
    load = _loader(options.pools)
    rows: list[dict[str, object]] = []
    judged: dict[str, list[dict[str, Any]]] = {}  # logit cell -> pixel cells' rows that it judges
    missing: dict[str, dict[str, int]] = {}  # pixel cell -> logit cell -> place of the detector
    for judge, (path, header) in enumerate(zip(options.detectors, told, strict=True)):
        weights, geometry = digest(path), frames.key(frame_of(header))
        for cell in cells:
            if frames.key(Frame.model_validate_json(cell["frame"])) == geometry:
                name = logit_key(weights, cell["cell"])
                rows.append(_row(header, cell, name))
                judged.setdefault(name, []).append(cell)
                missing.setdefault(cell["cell"], {})[name] = judge
    for names in missing.values():
        for name in [name for name in names if logits.holds(name)]:
            del names[name]
    tasks = _tasks(options, load, cells, missing)
    if tasks:
        score(tasks, _judges(options.detectors), pixels, logits)
    records.write_whole(options.output, lambda path: pq.write_table(pa.Table.from_pylist(rows), path))
    lost = _losses(load, judged, logits)
    records.write(options.losses, records.from_rows(lost, records.LOSSES), records.LOSSES)
    print(logits.log("logit"))
    print(f"{options.losses}: {len(lost)} times an image has no picture under a frame and condition")


def _loader(pools: str) -> Load:
    known = json.loads(pools)
    return cache(lambda pool, shard: shard_images(Path(known[pool]["manifest"]), shard, Path(known[pool]["root"])))


def _losses(load: Load, judged: dict[str, list[dict[str, Any]]], logits: Store) -> list[dict[str, object]]:
    """LOSSES rows: who has no picture is a matter of pool, frame and condition, whichever detector looks."""
    found: dict[tuple[str, str], dict[str, object]] = {}
    for name, cells in judged.items():
        for row, reason in failures(logits, name).items():
            for cell in cells:
                lost_for = f"{frames.key(Frame.model_validate_json(cell['frame']))} {cell['condition']}"
                image_id = load(cell["pool"], cell["shard"]).ids[row]
                told = {"stage": "test", "lost_for": lost_for, "pool": cell["pool"], "image_id": image_id}
                found[lost_for, image_id] = told | {"reason": reason}
    return list(found.values())


def _row(header: dict[str, Any], cell: dict[str, Any], name: str) -> dict[str, object]:
    identity = header["identity"]
    keys = {key: identity[key] for key in ("experiment", "train_set", "seed")}
    return keys | {key: cell[key] for key in ("pool", "shard", "condition")} | {"logits": name}


def _tasks(
    options: argparse.Namespace, load: Load, cells: list[dict[str, Any]], missing: dict[str, dict[str, int]]
) -> list[Task]:
    """One task a pixel cell: conditions that come to the same pixels share it, and its logits."""
    known = {item.name: item for item in TypeAdapter(tuple[Condition, ...]).validate_json(options.conditions)}
    tasks = []
    for cell in {cell["cell"]: cell for cell in cells}.values():
        if not missing.get(cell["cell"]):
            continue
        images = load(cell["pool"], cell["shard"])
        steps = effective_steps(known[cell["condition"]], images.label, tuple(known.values()))
        frame = Frame.model_validate_json(cell["frame"])
        wanted = tuple((judge, name) for name, judge in missing[cell["cell"]].items())
        tasks.append(Task(images, frame, steps, cell["cell"], wanted))
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
