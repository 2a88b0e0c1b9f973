"""Read the header facts of a shard's images."""

import argparse
from pathlib import Path

EXAMPLE = "crossgen extract-metadata --files files.parquet --root photos --output manifest.parquet"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--files", required=True, type=Path, help="listing of the pool (crossgen download)")
    parser.add_argument("--root", required=True, type=Path, help="folder that the listing's paths are relative to")
    parser.add_argument("--shard", type=int, default=0, help="shard to read (default: 0)")
    parser.add_argument("--threads", type=int, default=4, help="files read at a time (default: 4)")
    parser.add_argument("--output", required=True, type=Path, help="manifest to write (Parquet)")


def run(options: argparse.Namespace) -> None:
    """Write the shard's manifest."""
    import pyarrow.compute as pc

    from crossgen import records
    from crossgen.data.manifest import describe, quarantined

    files = records.read(options.files, records.FILES)
    mine = files.filter(pc.equal(files["shard"], options.shard))
    manifest = describe(mine, options.root, options.threads)
    records.write(options.output, manifest, records.MANIFEST)
    print(f"{options.output}: {manifest.num_rows} images, quarantined: {quarantined(manifest) or 'none'}")
