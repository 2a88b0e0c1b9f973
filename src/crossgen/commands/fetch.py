"""Fetch and verify what a source needs before its pools can be listed."""

import argparse
from pathlib import Path

EXAMPLE = """crossgen fetch --output fetched.json \\
    --source '{"kind": "archive", "root": "images", "url": "https://example.org/images.zip", "sha256": "..."}'"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--source", required=True, help="the source, as JSON of a pool's key")
    parser.add_argument("--output", required=True, type=Path, help="record of what was verified, to write (JSON)")


def run(options: argparse.Namespace) -> None:
    """Fetch, then write the record."""
    import json

    from pydantic import TypeAdapter

    from crossgen.config import Source
    from crossgen.data.fetch import fetch
    from crossgen.files import write_text

    source = TypeAdapter(Source).validate_json(options.source)
    record = fetch(source)
    write_text(options.output, json.dumps(record, indent=1, sort_keys=True) + "\n")
    print(f"{options.output}: {', '.join(f'{key} {value}' for key, value in record.items())}")
