"""List a pool's images and verify their files."""

import argparse
from pathlib import Path

EXAMPLE = """crossgen download --output files.parquet \\
    --pool '{"name": "mine", "label": "real", "source": {"kind": "folder", "root": "photos"}}'"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--pool", required=True, help="the pool, as JSON of the config's item")
    parser.add_argument("--split-seed", type=int, default=0, help="seed of the val and test carve (default: 0)")
    parser.add_argument("--val-fraction", type=float, default=0.15, help="share of train groups for val (0.15)")
    parser.add_argument("--test-fraction", type=float, default=0.3, help="share tested where no split is stated (0.3)")
    parser.add_argument("--output", required=True, type=Path, help="listing to write (Parquet)")


def run(options: argparse.Namespace) -> None:
    """Write the listing."""
    from crossgen import records
    from crossgen.config import Pool
    from crossgen.data.listing import build

    pool = Pool.model_validate_json(options.pool)
    files = build(pool, options.split_seed, options.val_fraction, options.test_fraction)
    records.write(options.output, files, records.FILES)
    print(f"{options.output}: {files.num_rows} images of pool {pool.name!r}, verified")
