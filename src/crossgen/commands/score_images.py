"""Compute the missing logits of some detectors."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crossgen.evaluation.scoring import Judge

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
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pydantic import TypeAdapter

    from crossgen import records
    from crossgen.config import Condition
    from crossgen.evaluation.cells import Store
    from crossgen.evaluation.owed import Owed, loader
    from crossgen.evaluation.scoring import score
    from crossgen.files import write_whole

    pixels, logits = Store(options.pixels), Store(options.logits)
    cells = records.read_all(options.rendered, records.RENDERED).to_pylist()
    owed = Owed.of(options.detectors, cells, loader(json.loads(options.pools)))
    conditions = TypeAdapter(tuple[Condition, ...]).validate_json(options.conditions)
    tasks = owed.tasks(conditions, logits)
    if tasks:
        score(tasks, _judges(options.detectors), pixels, logits)
    lost = owed.losses(logits)
    write_whole(options.output, lambda path: pq.write_table(pa.Table.from_pylist(owed.rows), path))
    records.write(options.losses, records.from_rows(lost, records.LOSSES), records.LOSSES)
    print(logits.log("logit"))
    print(f"{options.output}: logits of {len(owed.rows)} detector x pool x condition; {len(lost)} without a picture")


def _judges(paths: list[Path]) -> "list[Judge]":
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
