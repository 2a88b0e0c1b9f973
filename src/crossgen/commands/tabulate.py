"""Write the tables."""

import argparse
from dataclasses import replace
from pathlib import Path

from crossgen.report import arguments

#: It may be replayed, and reads this of the manifests (see `crossgen.replay.steps`).
REPLAYED = "all"
EXAMPLE = "crossgen tabulate --tables matrix summary --output tables/ (and the inputs: see a rule's log)"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    arguments.configure(parser)
    arguments.configure_detectors(parser)
    parser.add_argument("--tables", nargs="+", default=[], help="tables to write (default: all)")
    parser.add_argument("--output", required=True, type=Path, help="folder for <table>.csv, .md and .tex")


def run(options: argparse.Namespace) -> None:
    """Write the tables asked for."""
    from crossgen.report import inputs
    from crossgen.report.printing import write
    from crossgen.report.tables import TABLES
    from crossgen.report.trained import headers

    unknown = sorted(set(options.tables) - set(TABLES))
    if unknown:
        raise ValueError(f"Unknown table {unknown[0]!r}: expected one of {', '.join(TABLES)}.")
    data = replace(inputs.read(options), detectors=headers(options.detectors))
    for name in options.tables or TABLES:
        paths = write(TABLES[name](data), options.output / name)
        print(" ".join(str(path) for path in paths))
