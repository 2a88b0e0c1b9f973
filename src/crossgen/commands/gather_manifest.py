"""Join a pool's shards and refuse too many unusable images."""

import argparse
from pathlib import Path

EXAMPLE = "crossgen gather-manifest --shards shards/0.parquet shards/1.parquet --pool mine --output mine.parquet"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--shards", required=True, type=Path, nargs="+", help="manifests of the shards")
    parser.add_argument("--pool", required=True, help="name of the pool, for messages")
    parser.add_argument("--max-quarantine", type=float, default=0.01, help="largest unusable share (default: 0.01)")
    parser.add_argument("--output", required=True, type=Path, help="manifest of the pool to write (Parquet)")


def run(options: argparse.Namespace) -> None:
    """Write the pool's manifest."""
    from crossgen.data.gathering import gather

    counted = gather(options.shards, options.output, options.pool, options.max_quarantine)
    print(f"{options.output}: {counted.total} images, quarantined: {dict(counted.reasons) or 'none'}")
