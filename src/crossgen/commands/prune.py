"""Delete cells that no run refers to."""

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path

EXAMPLE = "crossgen prune --results results --store mini --dry-run"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--results", type=Path, default=Path("results"), help="folder of all results (default: results)"
    )
    parser.add_argument("--store", required=True, help="store whose cells are looked at (`data:` of the config)")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be deleted")


def run(options: argparse.Namespace) -> None:
    """Delete what no index of any report below `results` names, and the remains of killed jobs."""
    cells = options.results / options.store / "cells"
    if not cells.is_dir():
        raise ValueError(f"There is no store {cells}: name one with --store.")
    needed = {
        "pixels": set(_named(options.results, "rendered/*/*.parquet", "cell")),
        "logits": set(_named(options.results, "scores/batches/*.parquet", "logits")),
    }
    freed = count = 0
    for kind, names in needed.items():
        for folder in sorted((cells / kind).glob("*/*")):
            if folder.name not in names:
                freed += sum(file.stat().st_size for file in folder.rglob("*"))
                count += 1
                if not options.dry_run:
                    shutil.rmtree(folder)
    print(f"{'would delete' if options.dry_run else 'deleted'} {count} cells, {freed / 1e6:.1f} MB")


def _named(results: Path, pattern: str, column: str) -> Iterator[str]:
    import pyarrow.parquet as pq

    for path in results.glob(f"*/{pattern}"):
        yield from pq.read_table(path, columns=[column])[column].to_pylist()
