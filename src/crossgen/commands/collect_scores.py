"""Assemble one detector's scores."""

import argparse
import json
from pathlib import Path

EXAMPLE = """crossgen collect-scores --index index.parquet --pools pools.json --logits cells/logits \\
    --conditions '[{"name": "clean"}]' --experiment raw --train-set biggan --seed 0 --output scores.parquet"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--index", required=True, type=Path, help="index of score-images")
    parser.add_argument("--pools", required=True, help='JSON: {pool: {"root": folder, "manifest": file}}')
    parser.add_argument("--logits", required=True, type=Path, help="folder of the logit cells")
    parser.add_argument("--conditions", required=True, help="JSON list of the conditions")
    parser.add_argument("--experiment", required=True, help="experiment of the detector")
    parser.add_argument("--train-set", required=True, help="train set of the detector")
    parser.add_argument("--seed", required=True, type=int, help="training seed of the detector")
    parser.add_argument("--output", required=True, type=Path, help="scores to write (Parquet)")


def run(options: argparse.Namespace) -> None:
    """Write one row for every judged image and condition, and what they were made of; images without a picture have
    none."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pydantic import TypeAdapter

    from crossgen import records
    from crossgen.config import Condition
    from crossgen.evaluation import provenance
    from crossgen.evaluation.cells import Store
    from crossgen.evaluation.owed import loader
    from crossgen.evaluation.render import failed_rows
    from crossgen.evaluation.scoring import score_rows

    wanted = {"experiment": options.experiment, "train_set": options.train_set, "seed": options.seed}
    index = pq.read_table(options.index, filters=[(name, "=", value) for name, value in wanted.items()]).to_pylist()
    if not index:
        raise ValueError(f"{options.index} holds no scores of {wanted}: score the detector first.")
    known = TypeAdapter(tuple[Condition, ...]).validate_json(options.conditions)
    store, load, parts, told = Store(options.logits), loader(json.loads(options.pools)), [], []
    for row in index:
        images = load(row["pool"], row["shard"])
        logits, cell = np.asarray(store.read(row["logits"], verify=True)), store.facts(row["logits"])
        told.append((str(options.index), provenance.of_row(row, images, known, cell.get("judged"))))
        provenance.refuse_broken(row, logits, failed_rows(cell))
        parts.append(score_rows({**wanted, "pool": row["pool"], "condition": row["condition"]}, images, logits))
    scores = pa.concat_tables(parts)
    records.write(options.output, scores, records.SCORES, provenance.joined(told).model_dump())
    print(f"{options.output}: {scores.num_rows} scores")
