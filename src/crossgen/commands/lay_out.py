"""Lay images out as folders that other training code reads."""

import argparse
from pathlib import Path

EXAMPLE = """crossgen lay-out --rows results/mini/subsets/unbiased/cyclegan.parquet \\
    --aligned results/mini/aligned/*/{photographs,cyclegan}/* \\
    --folders '{"photographs": "data/mini", "cyclegan": "data/mini"}' --output laid_out"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--rows", required=True, type=Path, nargs="+", help="manifests of pools, or selections (crossgen filter-subset)"
    )
    parser.add_argument("--folders", required=True, help="JSON: pool to the folder that its paths are relative to")
    parser.add_argument(
        "--aligned",
        type=Path,
        nargs="*",
        default=[],
        help="folders named <pool>/<shard> of align-jpeg or align-drawn, whose files are laid out (rows: a selection)",
    )
    parser.add_argument("--splits", nargs="+", choices=("train", "val", "test"), default=("train", "val"))
    parser.add_argument("--val", choices=("valid", "val"), default="valid", help="name of its folder (default: valid)")
    parser.add_argument(
        "--how", choices=("link", "symlink", "copy"), default="link", help="hard links (default), links or copies"
    )
    parser.add_argument("--output", required=True, type=Path, help="folder to write; it must not be there")


def run(options: argparse.Namespace) -> None:
    """Write <output>/<split>/0_real and 1_fake; a fake made from a real bears its stem."""
    import json

    import pandas as pd

    from crossgen import records
    from crossgen.data.laying_out import Layout, lay_out

    kind = records.SELECTION if options.aligned else records.MANIFEST
    tables = [records.read(path, kind).to_pandas() for path in options.rows]
    rows = pd.concat(tables, ignore_index=True)
    usable = rows["quarantine"].isna() if "quarantine" in rows else True
    rows = rows[rows["split"].isin(options.splits) & usable]
    counts = lay_out(
        rows, json.loads(options.folders), Layout(options.output, options.how, options.val), options.aligned
    )
    print("\n".join(f"{options.output}/{folder}: {n} images" for folder, n in sorted(counts.items())))
