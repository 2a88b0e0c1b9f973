"""Compare the detectors of several labs' runs on what they share."""

import argparse
import re
from contextlib import ExitStack
from pathlib import Path

EXAMPLE = "crossgen merge first.zip second.zip --names lab_a lab_b --output results/both_labs"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("runs", type=Path, nargs="+", help="bundles or report folders of two labs or more")
    parser.add_argument("--names", nargs="+", help="names of the labs (default: those of the files)")
    parser.add_argument("--output", required=True, type=Path, help="folder for index.html, merged.json and tables")
    parser.add_argument("--max-gb", type=float, default=4.0, help="refuse a bundle that unpacks to more (4)")


def run(options: argparse.Namespace) -> None:
    """Write the comparison; refuse runs that share nothing."""
    from crossgen.replay.bundle import opened
    from crossgen.replay.labs import Lab
    from crossgen.replay.merge import merge
    from crossgen.replay.merged_page import write_all

    names = _names(options)
    with ExitStack() as held:
        runs = [held.enter_context(opened(path, options.max_gb)) for path in options.runs]
        merged = merge([Lab.of(name, each) for name, each in zip(names, runs, strict=True)])
        write_all(merged, options.output)
    for item in merged.shared.apart:
        print(f"{item.what} {item.name}: {item.how}: {item.so}")
    sets, conditions = merged.shared.test_sets, merged.shared.conditions
    print(f"{options.output}/index.html: {len(names)} labs on {len(sets)} test sets, {len(conditions)} conditions")


def _names(options: argparse.Namespace) -> list[str]:
    """The labs' names. Raises ValueError if there are too few, if they repeat or cannot be names."""
    names: list[str] = options.names or [path.resolve().stem for path in options.runs]
    if len(options.runs) < 2:
        raise ValueError(f"A comparison of {len(options.runs)} run: expected at least two bundles or report folders.")
    if len(names) != len(options.runs):
        raise ValueError(f"--names has {len(names)} names for {len(options.runs)} runs: expected one each.")
    wrong = [name for name in names if not re.fullmatch(r"[A-Za-z0-9_.-]+", name) or names.count(name) > 1]
    if wrong:
        raise ValueError(f"Lab name {wrong[0]!r} is there twice or is no name: give others with --names lab_a lab_b.")
    return names
