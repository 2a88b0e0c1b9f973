"""Recompute every number of a finished run from its scores, and compare."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crossgen.replay.verification import Verified

EXAMPLE = "crossgen verify results/mini"
#: Claims of a file that do not hold, named unless all are asked for.
NAMED = 10


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("run_folder", metavar="run", type=Path, help="results/<report> of a finished run, or a bundle")
    parser.add_argument("--all", action="store_true", help=f"name every claim that does not hold, not {NAMED} a file")
    parser.add_argument("--max-gb", type=float, default=4.0, help="refuse a bundle that unpacks to more (4)")


def run(options: argparse.Namespace) -> int:
    """Exit status 0 if every claim that could be checked holds, 2 if one does not, 1 if nothing could be checked."""
    from tempfile import TemporaryDirectory

    from crossgen.replay.bundle import opened
    from crossgen.replay.verification import verify

    with opened(options.run_folder, options.max_gb) as held, TemporaryDirectory(prefix="crossgen-") as folder:
        found = verify(held, Path(folder))
    _say(found, None if options.all else NAMED)
    print(f"{options.run_folder}: {'every claim that was checked holds' if found.holds else 'NOT every claim holds'}")
    return 0 if found.holds else 2


def _say(found: "Verified", most: int | None) -> None:
    for text in found.refused:
        print(text)
    for name, compared in found.compared.items():
        for finding in compared.findings[:most]:
            print(f"{name}: {finding}")
        if most is not None and len(compared.findings) > most:
            print(f"{name}: {len(compared.findings) - most} more (--all names them)")
    made = list(found.compared)
    print(f"recomputed: {found.numbers:,} numbers in {len(made)} files ({', '.join(_folders(made)) or 'none'})")
    print(f"by digest only: {len(found.by_digest)} files ({', '.join(_folders(found.by_digest)) or 'none'})")
    for name, reason in found.unchecked.items():
        print(f"not checked: {name} ({reason})")


def _folders(names: list[str]) -> list[str]:
    """The folders that files lie in, with their number."""
    tops = [name.removeprefix("../").split("/")[0] for name in names]
    return [f"{tops.count(top)} {top}" for top in dict.fromkeys(tops)]
