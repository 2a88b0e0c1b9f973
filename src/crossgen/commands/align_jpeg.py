"""Re-encode a shard's training images, once, to files."""

import argparse
import os
import shutil
from pathlib import Path

EXAMPLE = """crossgen align-jpeg --manifest biggan/0.parquet --root images/biggan \\
    --alignment '{"jpeg_quality": 96, "to": "fake"}' --output aligned/biggan/0"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--manifest", required=True, type=Path, help="manifest of the shard")
    parser.add_argument("--root", required=True, type=Path, help="folder that the manifest's paths are relative to")
    parser.add_argument("--alignment", required=True, help="the alignment, as JSON of the config's item")
    parser.add_argument("--output", required=True, type=Path, help="folder to write: JPEG files and index.parquet")


def run(options: argparse.Namespace) -> None:
    """Write the folder under another name and rename it: it appears whole."""
    import pyarrow as pa

    from crossgen import records
    from crossgen.config import Alignment
    from crossgen.data.align import align

    manifest = records.read(options.manifest, records.MANIFEST).to_pandas()
    part = options.output.with_name(f".{options.output.name}.{os.getpid()}.part")
    part.mkdir(parents=True)
    try:
        rows = align(manifest, options.root, Alignment.model_validate_json(options.alignment), part)
        table = pa.Table.from_pandas(rows, preserve_index=False)
        records.write(part / "index.parquet", table, records.MANIFEST)
        shutil.rmtree(options.output, ignore_errors=True)
        part.rename(options.output)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    print(f"{options.output}: {len(rows)} images re-encoded, {int(rows['quarantine'].notna().sum())} quarantined")
