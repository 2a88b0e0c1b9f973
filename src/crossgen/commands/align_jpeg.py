"""Re-encode a shard's training images, once, to files."""

import argparse
from pathlib import Path

EXAMPLE = """crossgen align-jpeg --manifest biggan/0.parquet --root images/biggan \\
    --alignment '{"jpeg_quality": 96, "to": "fake"}' --output aligned/biggan/0"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--manifest", required=True, type=Path, help="manifest of the shard")
    parser.add_argument("--root", required=True, type=Path, help="folder that the manifest's paths are relative to")
    parser.add_argument("--alignment", required=True, help="the alignment, as JSON of the config's item")
    parser.add_argument("--threads", type=int, default=1, help="images encoded at a time (default: 1)")
    parser.add_argument("--output", required=True, type=Path, help="folder to write: JPEG files and index.parquet")


def run(options: argparse.Namespace) -> None:
    """Write the folder beside its place, going on where a killed job stopped, and rename it: it appears whole."""
    from crossgen import records
    from crossgen.config import Alignment
    from crossgen.data.align import align, write_folder
    from crossgen.data.unfinished import digest_of

    manifest = records.read(options.manifest, records.MANIFEST).to_pandas()
    alignment = Alignment.model_validate_json(options.alignment)
    rows = write_folder(
        options.output,
        [alignment.model_dump(), digest_of(options.manifest)],
        lambda target, job: align(manifest, options.root, alignment, target, job),
        options.threads,
    )
    print(f"{options.output}: {len(rows)} images re-encoded, {int(rows['quarantine'].notna().sum())} quarantined")
