"""Write scores in the shape of DMimageDetection's result tables."""

import argparse
from pathlib import Path

EXAMPLE = """crossgen export-dmimage --scores results/mini/scores/raw/*/*.parquet --condition clean \\
    --reals photographs --output dmimage"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--scores", required=True, type=Path, nargs="+", help="scores of detectors (collect-scores)")
    parser.add_argument("--condition", default="clean", help="condition that they are of (default: clean)")
    parser.add_argument("--reals", nargs="+", help="pools of reals that fakes are held against (default: all)")
    parser.add_argument("--output", required=True, type=Path, help="folder to write")


def run(options: argparse.Namespace) -> None:
    """Write <pool>/<pool>.csv of logits, acc.csv and auc.csv."""
    import pandas as pd

    from crossgen import records
    from crossgen.evaluation.dmimage import logits_by_folder, summaries
    from crossgen.files import write_text

    scores = pd.concat([records.read(path, records.SCORES).to_pandas() for path in options.scores])
    folders = logits_by_folder(scores[scores["condition"] == options.condition])
    tables = summaries(folders, options.reals)
    for name, rows in folders.items():
        write_text(options.output / name / f"{name}.csv", rows.to_csv(index=False))
    for name, table in tables.items():
        write_text(options.output / f"{name}.csv", table.to_csv(index_label="", float_format="%.2f"))
    print(f"{options.output}: {len(folders)} folders, {len(tables['auc'].columns)} detectors\n{tables['auc'].round(2)}")
