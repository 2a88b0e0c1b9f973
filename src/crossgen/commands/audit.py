"""Audit anyone's images: can reals and fakes be told apart without looking at the pictures? No config is needed."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

EXAMPLE = """crossgen audit photographs/ generated/ --html audit.html --fail-above 0.6

exit status:
  0  measured (and, with --fail-above, not above it)
  1  error: nothing was measured, or there are too few images to decide --fail-above
  2  --fail-above X: the balanced accuracy of the better of tree and boosting on header and size is above X, and its
     interval excludes 0.5"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folders", type=Path, nargs="*", metavar="FOLDER", help="folder of the reals, then of fakes")
    parser.add_argument("--manifests", type=Path, nargs="+", default=[], help="manifests (Parquet) in place of folders")
    parser.add_argument("--manifest", type=Path, help="keep what was read here; unchanged files are not read again")
    group = "regular expression with one capture: what it finds in a file's name is the photograph it comes from"
    parser.add_argument("--group", help=group)
    parser.add_argument("--html", type=Path, help="page to write")
    parser.add_argument("--json", type=Path, help="all findings, to write (JSON)")
    parser.add_argument("--fail-above", type=float, metavar="X", help="exit status 2 above this accuracy, 0.5 to 1")
    parser.add_argument("--near", action="store_true", help="look for near duplicates, too (decodes every image)")
    parser.add_argument("--near-bits", type=int, default=6, help="bits of 64 that near duplicates may differ in (6)")
    hints = "images of each label whose pixels are searched for traces of JPEG (200; 0: none)"
    parser.add_argument("--hints", type=int, default=200, metavar="N", help=hints)
    parser.add_argument("--level", type=float, default=0.95, help="confidence level (default: 0.95)")


def run(options: argparse.Namespace) -> int:
    """Print the verdict, write what was asked for; the exit status."""
    _check(options)
    from crossgen.data.findings import Asked, findings
    from crossgen.files import write_text
    from crossgen.report.verdict import verdict

    table = _table(options)
    hints = 0 if options.manifests else options.hints
    found = findings(table, Asked(options.near_bits if options.near else None, hints, options.level))
    found["verdict"] = verdict(found, options.fail_above)
    found["given"] = [str(path) for path in (*options.folders, *options.manifests)]
    if options.json:
        write_text(options.json, json.dumps(found, indent=1, allow_nan=False) + "\n")
    if options.html:
        from crossgen.report.audit_page import render

        write_text(options.html, render(found))
    print("\n".join(found["verdict"]["words"]))
    for path in filter(None, (options.html, options.json)):
        print(f"Written: {path}")
    return int(found["verdict"]["exit_status"])


def _check(options: argparse.Namespace) -> None:
    if bool(options.folders) == bool(options.manifests):
        raise ValueError("Give folders (the reals first, then the fakes) or --manifests, one of the two.")
    if len(options.folders) == 1:
        raise ValueError(f"{options.folders[0]} alone: give the folder of the reals, then one or more of the fakes.")
    if options.manifests and (options.manifest or options.group or options.near):
        raise ValueError("--manifest, --group and --near go with folders: manifests were given.")
    if options.fail_above is not None and not 0.5 <= options.fail_above < 1:
        raise ValueError(f"--fail-above {options.fail_above:g}: 0.5 is guessing and 1 is perfect; give 0.5 to below 1.")
    if options.hints < 0 or not 0 < options.level < 1:
        raise ValueError(
            f"--hints {options.hints}, --level {options.level:g}: expected at least 0, and between 0 and 1."
        )
    if options.near and not 0 <= options.near_bits <= 16:
        raise ValueError(f"--near-bits {options.near_bits}: of 64 bits, 0 to 16 may differ.")


def _table(options: argparse.Namespace) -> "pa.Table":
    from crossgen.data import given

    if options.manifests:
        return given.from_manifests(options.manifests)
    folders = given.folders(options.folders[0], options.folders[1:])
    return given.described(folders, options.group, options.manifest)
