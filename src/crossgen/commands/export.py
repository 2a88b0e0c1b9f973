"""Pack a finished run into one small bundle."""

import argparse
from pathlib import Path

EXAMPLE = "crossgen export results/mini --output mini.zip"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("run_folder", metavar="run", type=Path, help="results/<report> of a finished run")
    parser.add_argument("--output", required=True, type=Path, help="bundle to write (.zip)")
    parser.add_argument(
        "--tested-only", action="store_true", help="leave out all rows of training images: smaller, but less is checked"
    )


def run(options: argparse.Namespace) -> None:
    """Write the bundle."""
    from tempfile import TemporaryDirectory

    from crossgen.replay.bundle import Index, pack
    from crossgen.replay.run import Run
    from crossgen.replay.slim import contents, shows_images

    told = Run.read(options.run_folder)
    with TemporaryDirectory(prefix="crossgen-") as folder:
        held = contents(told, Path(folder), options.tested_only)
        index = Index(
            report=told.name,
            holds_all=not options.tested_only,
            stands_for=held.stands_for,
            left_out=sorted(held.left_out),
        )
        pack(held.files, index, options.output)
    if shows_images(told):
        print("The page and the table of the hardest images hold small pictures of test images (breakdowns.gallery).")
    size = options.output.stat().st_size / 1e6
    print(f"{options.output}: {len(held.files)} files, {size:.1f} MB; {len(held.left_out)} tables left out")
