"""Join the shards of a train set's crops and refuse too many losses."""

import argparse
import json
from pathlib import Path

EXAMPLE = """crossgen gather-crops --selection selection.parquet --indexes 0/index.parquet 1/index.parquet \\
    --shard-losses 0/losses.parquet 1/losses.parquet --index index.parquet --losses losses.parquet"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--selection", required=True, type=Path, help="selection (crossgen filter-subset)")
    parser.add_argument("--indexes", required=True, type=Path, nargs="+", help="indexes of the shards, in their order")
    parser.add_argument("--shard-losses", required=True, type=Path, nargs="+", help="losses of the shards")
    parser.add_argument("--max-quarantine", default="{}", help="JSON: pool to the largest share that does not decode")
    parser.add_argument("--index", required=True, type=Path, help="index of all to write (Parquet)")
    parser.add_argument("--losses", required=True, type=Path, help="losses of all to write (Parquet)")


def run(options: argparse.Namespace) -> None:
    """Write the index and the losses of all shards."""
    from crossgen import records
    from crossgen.data.gather import images_in, join_indexes, refuse_gaps, refuse_losses_of_pools, refuse_unbalanced

    read = records.read(options.selection, records.SELECTION)
    selection = read.select(["image_id", "pool", "split", "label"]).to_pandas()
    told = records.read_all(options.shard_losses, records.LOSSES)
    losses = told.to_pandas()
    refuse_losses_of_pools(losses, selection, json.loads(options.max_quarantine))
    images = images_in(options.indexes)
    refuse_gaps(images, losses, selection, str(options.index))
    refuse_unbalanced(images, selection, str(options.index))
    join_indexes(options.indexes, options.index)
    records.write(options.losses, told, records.LOSSES)
    print(f"{options.index}: crops of {len(images)} images in {len(options.indexes)} shards; {len(losses)} lost")
