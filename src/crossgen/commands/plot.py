"""Draw a figure."""

import argparse
from pathlib import Path

from crossgen.report import arguments

EXAMPLE = "crossgen plot --figure matrix_clean_roc_auc --output figures/ (and the inputs: see a rule's log)"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    arguments.configure(parser)
    parser.add_argument("--figure", required=True, help="name of the figure, such as matrix_clean_roc_auc")
    parser.add_argument("--output", required=True, type=Path, help="folder for <figure>.svg and .png")


def run(options: argparse.Namespace) -> None:
    """Draw the figure asked for."""
    from crossgen.report import inputs
    from crossgen.report.figures import plan, save

    known = plan(inputs.read(options))
    if options.figure not in known:
        raise ValueError(f"Unknown figure {options.figure!r}: expected one of {', '.join(known)}.")
    paths = save(known[options.figure](), options.output / options.figure)
    print(" ".join(str(path) for path in paths))
