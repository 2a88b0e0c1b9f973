"""Draw figures."""

import argparse
from pathlib import Path

from crossgen.report import arguments

#: It may be replayed, and reads this of the manifests (see `crossgen.replay.steps`).
REPLAYED = "all"
EXAMPLE = "crossgen plot --figure matrix_clean_roc_auc --output figures/ (and the inputs: see a rule's log)"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    arguments.configure(parser)
    parser.add_argument("--figure", required=True, nargs="+", help="figures to draw, such as matrix_clean_roc_auc")
    parser.add_argument("--output", required=True, type=Path, help="folder for <figure>.svg and .png")


def run(options: argparse.Namespace) -> None:
    """Draw the figures asked for."""
    from crossgen.report import inputs
    from crossgen.report.figures import plan, save

    known = plan(inputs.read(options))
    unknown = [name for name in options.figure if name not in known]
    if unknown:
        raise ValueError(f"Unknown figure {unknown[0]!r}: expected one of {', '.join(known)}.")
    for name in options.figure:
        print(" ".join(str(path) for path in save(known[name](), options.output / name)))
