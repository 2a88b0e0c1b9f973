"""Delete cells that no run refers to, and work that was left unfinished."""

import argparse
import os
import shutil
from collections.abc import Iterator
from itertools import chain
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
    """Delete the cells that no index of any report names, and what killed jobs left half-written anywhere.

    Raises runs.Busy while a run is at work: what it has not finished yet looks the same. What a training that was
    started by hand has not finished is kept for its lock.
    """
    from crossgen import runs

    if not (options.results / options.store / "cells").is_dir():
        raise ValueError(f"There is no store {options.results / options.store}: name one with --store.")
    with runs.alone(options.results.resolve().parent / runs.STATE):
        cells = list(_unnamed(options.results, options.store))
        remains = list(_remains(options.results))
        freed = sum(_size(path) for path in (*cells, *remains))
        if not options.dry_run:
            for path in (*cells, *remains):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    verb = "would delete" if options.dry_run else "deleted"
    print(f"{verb} {len(cells)} cells and {len(remains)} remains of killed jobs, {freed / 1e6:.1f} MB")


def _unnamed(results: Path, store: str) -> Iterator[Path]:
    """Whole cells of the store that no index names."""
    needed = {
        "pixels": set(_named(results, "rendered/*/*.parquet", "cell")),
        "logits": set(_named(results, "scores/batches/*.parquet", "logits")),
        "validation": set(_named(results, "scores/validated/*.parquet", "logits")),
    }
    for kind, names in needed.items():
        folders = sorted((results / store / "cells" / kind).glob("*/[!.]*"))
        yield from (folder for folder in folders if folder.name not in names)


def _named(results: Path, pattern: str, column: str) -> Iterator[str]:
    import pyarrow.parquet as pq

    for path in results.glob(f"*/{pattern}"):
        yield from pq.read_table(path, columns=[column])[column].to_pylist()


def _remains(results: Path) -> Iterator[Path]:
    """Files, and folders of unfinished work: `.part`, and what a killed extract-metadata has read (`.parts`).

    With the locks of outputs that nobody writes any more. Folders of aligned images are not walked: they appear whole.
    Links are followed right below a store only, where cells on another disk stand.
    """
    from crossgen.data.locks import is_held

    linked = [path for path in sorted(results.glob("*/*")) if path.is_symlink() and path.is_dir()]
    for folder, inside, files in chain.from_iterable(map(os.walk, [results, *linked])):
        here = Path(folder)
        hidden = [name for name in (*inside, *files) if name.startswith(".")]
        locks = (name for name in hidden if name.endswith(".lock"))
        written = tuple(name.removesuffix("lock") for name in locks if is_held(here / name))
        left = (name for name in hidden if name.endswith((".part", ".parts", ".lock")))
        yield from (here / name for name in left if not name.startswith(written))
        inside[:] = [name for name in inside if not name.startswith(".") and not _holds_aligned(here)]


def _holds_aligned(pool: Path) -> bool:
    """Whether a folder is `aligned/<alignment>/<pool>` or `drawn/<subset>/<train_set>/<pool>`: shards lie in it."""
    above = [folder.name for folder in pool.parents]
    return above[1:2] == ["aligned"] or above[2:3] == ["drawn"]


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file())
