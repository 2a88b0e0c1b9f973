"""Write the tables."""

import argparse
from pathlib import Path

from crossgen.report import inputs
from crossgen.report.printing import write
from crossgen.report.tables import TABLES

EXAMPLE = "crossgen tabulate --tables matrix summary --output tables/ (and the inputs: see a rule's log)"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    inputs.configure(parser)
    parser.add_argument("--tables", nargs="+", choices=list(TABLES), default=list(TABLES), help="tables to write")
    parser.add_argument("--output", required=True, type=Path, help="folder for <table>.csv, .md and .tex")


def run(options: argparse.Namespace) -> None:
    """Write the tables asked for."""
    data = inputs.read(options)
    for name in options.tables:
        paths = write(TABLES[name](data), options.output / name)
        print(" ".join(str(path) for path in paths))
