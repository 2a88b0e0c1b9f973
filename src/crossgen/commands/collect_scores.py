"""Assemble one detector's scores."""

import argparse
import json
from pathlib import Path

EXAMPLE = """crossgen collect-scores --index index.parquet --pools pools.json --logits cells/logits \\
    --experiment raw --train-set biggan --seed 0 --output scores.parquet"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--index", required=True, type=Path, help="index of score-images")
    parser.add_argument("--pools", required=True, help='JSON: {pool: {"root": folder, "manifest": file}}')
    parser.add_argument("--logits", required=True, type=Path, help="folder of the logit cells")
    parser.add_argument("--experiment", required=True, help="experiment of the detector")
    parser.add_argument("--train-set", required=True, help="train set of the detector")
    parser.add_argument("--seed", required=True, type=int, help="training seed of the detector")
    parser.add_argument("--output", required=True, type=Path, help="scores to write (Parquet)")


def run(options: argparse.Namespace) -> None:
    """Write one row for every judged image and condition; images without a picture have none."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from crossgen import records
    from crossgen.evaluation.cells import Store
    from crossgen.evaluation.render import Images, shard_images
    from crossgen.evaluation.scoring import score_rows

    index = pq.read_table(options.index)
    wanted = {"experiment": options.experiment, "train_set": options.train_set, "seed": options.seed}
    for name, value in wanted.items():
        index = index.filter(pc.equal(index[name], value))
    store, pools, parts = Store(options.logits), json.loads(options.pools), []
    known: dict[tuple[str, int], Images] = {}
    for row in index.to_pylist():
        at = (row["pool"], row["shard"])
        if at not in known:
            pool = pools[row["pool"]]
            known[at] = shard_images(Path(pool["manifest"]), row["shard"], Path(pool["root"]))
        keys = {**wanted, "pool": row["pool"], "condition": row["condition"]}
        parts.append(score_rows(keys, known[at], np.asarray(store.read(row["logits"], verify=True))))
    if not parts:
        raise ValueError(f"{options.index} holds no scores of {wanted}: score the detector first.")
    scores = pa.concat_tables(parts)
    records.write(options.output, scores, records.SCORES)
    print(f"{options.output}: {scores.num_rows} scores")
