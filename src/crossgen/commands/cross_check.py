"""Compare manifests of GenImage's pools with the published table of its images."""

import argparse
from pathlib import Path

EXAMPLE = """crossgen cross-check --published genimage_metadata.csv \\
    --manifests results/genimage/manifest/*.parquet --output cross_check.md"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--published", required=True, type=Path, help="genimage_metadata.csv of the Dataverse deposit")
    parser.add_argument("--manifests", required=True, type=Path, nargs="+", help="manifests of GenImage's pools")
    parser.add_argument("--partial", action="store_true", help="the pools hold a sample: rows they lack are no fault")
    parser.add_argument("--fail", action="store_true", help="exit status 1 if they disagree, once all is written")
    parser.add_argument("--output", required=True, type=Path, help="report to write: Markdown if named *.md, else JSON")


def run(options: argparse.Namespace) -> None:
    """Write the report, and say in a line what it finds. Raises ValueError with `--fail` if they disagree."""
    import json

    from crossgen.data.crosscheck import FAULTS, as_markdown, compare
    from crossgen.files import write_text

    report = compare(options.published, options.manifests, options.partial)
    is_markdown = options.output.suffix == ".md"
    write_text(options.output, as_markdown(report) if is_markdown else json.dumps(report, indent=1) + "\n")
    totals = report["totals"]
    found = "; ".join(f"{totals[name]:,} {words}" for name, words in FAULTS.items() if totals[name]) or "no difference"
    if options.fail and not report["agrees"]:
        raise ValueError(f"manifests and {options.published} disagree: {found}; see {options.output}")
    print(f"{options.output}: {totals['matched']:,} images matched; {found}")
