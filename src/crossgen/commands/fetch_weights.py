"""Fetch the pretrained weights that a network begins with."""

import argparse
from pathlib import Path

EXAMPLE = """crossgen fetch-weights --architecture timm --options '{"model": "resnet50", "pretrained": true}' \\
    --output resnet50.json"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--architecture", required=True, help="architecture, as in a recipe")
    parser.add_argument("--options", required=True, help="its options, as JSON of the recipe's key")
    parser.add_argument("--output", required=True, type=Path, help="record of what was fetched, to write (JSON)")


def run(options: argparse.Namespace) -> None:
    """Fetch to the caches (HF_HOME, TORCH_HOME), then write the record."""
    import json

    from crossgen.detectors.pretrained import fetch
    from crossgen.files import write_text

    record = fetch(options.architecture, json.loads(options.options))
    write_text(options.output, json.dumps(record, indent=1, sort_keys=True) + "\n")
    told = ", ".join(f"{file['lies']} ({file['bytes'] / 1e6:.1f} MB)" for file in record["files"])
    print(f"{options.output}: {told or 'no file of timm, but the network was built'}")
