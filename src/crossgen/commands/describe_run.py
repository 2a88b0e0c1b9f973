"""Write the card of a finished run, as JSON, as a page, and as RO-Crate metadata."""

import argparse
import json
from pathlib import Path

EXAMPLE = """crossgen describe-run --run results/mini/run.json --benchmarks results/mini/benchmarks \\
    --store-benchmarks results/mini/benchmarks --jobs '["train_detector/raw"]' --lock envs/requirements.txt \\
    --card card.json --page card.html --crate ro-crate-metadata.json"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--run", dest="run_file", required=True, type=Path, help="run.json of the report")
    parser.add_argument("--lock", required=True, type=Path, help="lock file of the environment")
    parser.add_argument("--benchmarks", required=True, type=Path, help="Snakemake's benchmark files of the report")
    parser.add_argument("--store-benchmarks", required=True, type=Path, help="the same of the store")
    jobs = "JSON list: jobs of the store that are this run's, <rule>/<wildcards> of one or of a folder of them"
    parser.add_argument("--jobs", default="[]", help=jobs)
    parser.add_argument("--weights", type=Path, nargs="*", default=[], help="records of what was fetched (JSON)")
    parser.add_argument("--card", required=True, type=Path, help="card to write (JSON)")
    parser.add_argument("--page", required=True, type=Path, help="card to write (HTML)")
    parser.add_argument("--crate", required=True, type=Path, help="RO-Crate metadata to write (JSON-LD)")


def run(options: argparse.Namespace) -> None:
    """Write all three."""
    from crossgen.files import write_text
    from crossgen.provenance.card import card
    from crossgen.provenance.card_page import render
    from crossgen.provenance.crate import crate
    from crossgen.provenance.spent import machines, spent

    jobs = (options.benchmarks, options.store_benchmarks, json.loads(options.jobs))
    made = card(options.run_file, options.lock, (spent(*jobs), machines(*jobs)), options.weights)
    told = json.loads(options.run_file.read_text(encoding="utf-8"))
    write_text(options.card, json.dumps(made, indent=1) + "\n")
    write_text(options.page, render(made))
    write_text(options.crate, json.dumps(crate(made, told), indent=1) + "\n")
    print(f"{options.card} {options.page} {options.crate}")
