"""Fetch a text-to-image pipeline from the hub, which `generate` then loads without a network."""

import argparse
from pathlib import Path

EXAMPLE = """crossgen fetch-pipeline --output sdxl.json \\
    --source '{"kind": "generated", "root": "generated", "test_per_class": 6,
               "pipeline": "stabilityai/stable-diffusion-xl-base-1.0",
               "revision": "462165984030d82259a11f4367a4eed129e94a7b"}'"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--source", required=True, help="JSON of the pool's source in the config (kind generated)")
    parser.add_argument("--output", required=True, type=Path, help="record of what was fetched, to write (JSON)")


def run(options: argparse.Namespace) -> None:
    """Fetch to the cache of the hub (HF_HOME), then write the record."""
    import json

    from crossgen.config import GeneratedSource
    from crossgen.files import write_text
    from crossgen.generation.weights import fetch

    record = fetch(GeneratedSource.model_validate_json(options.source))
    write_text(options.output, json.dumps(record, indent=1, sort_keys=True) + "\n")
    size = sum(file["bytes"] for file in record["files"]) / 1e9
    print(f"{options.output}: {record['lies']} ({len(record['files'])} files, {size:.2f} GB)")
