"""Read the header facts of a shard's images."""

import argparse
from pathlib import Path

EXAMPLE = "crossgen extract-metadata --files files.parquet --root photos --output manifest.parquet"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--files", required=True, type=Path, help="listing of the pool (crossgen download)")
    parser.add_argument("--root", required=True, type=Path, help="folder that the listing's paths are relative to")
    parser.add_argument("--shard", type=int, default=0, help="shard to read (default: 0)")
    parser.add_argument("--threads", type=int, default=2, help="processes that read files (default: 2)")
    parser.add_argument(
        "--no-hash", action="store_true", help="no digests: JPEG and PNG files are read at both ends only"
    )
    parser.add_argument("--output", required=True, type=Path, help="manifest to write (Parquet)")


def run(options: argparse.Namespace) -> None:
    """Write the shard's manifest, going on with what a killed job has read."""
    from crossgen.data.extraction import Shard, extract

    shard = Shard(options.files, options.root, options.shard, hashed=not options.no_hash)
    counted = extract(shard, options.output, options.threads)
    print(f"{options.output}: {counted.total} images, quarantined: {dict(counted.reasons) or 'none'}")
