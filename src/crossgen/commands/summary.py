"""Print the summary of a finished run."""

import argparse
import json
from pathlib import Path

EXAMPLE = "crossgen summary --run results/mini/run.json"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--run", dest="run_file", required=True, type=Path, help="run.json of the report")


def run(options: argparse.Namespace) -> None:
    """Print it, and where the results lie."""
    folder = options.run_file.parent
    files = json.loads(options.run_file.read_text(encoding="utf-8"))["files"]
    print((folder / files["summary"]["path"]).read_text(encoding="utf-8"))
    print(f"Report:  {folder / files['page']['path']}\nResults: {folder}/")
