"""Draw what the step `operations` does to each test image."""

import argparse
from pathlib import Path

EXAMPLE = """crossgen draw-operations --manifests results/mini/manifest/*.parquet --seed 0 --output operations.csv"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options; the defaults of the draw are DMimageDetection's constants."""
    parser.add_argument("--manifests", required=True, type=Path, nargs="+", help="manifests of the pools")
    parser.add_argument("--crop", type=int, nargs=2, default=(160, 2048), help="least and most pixels (160 2048)")
    parser.add_argument(
        "--ratio", type=float, default=5 / 8, help="a square has at least this share of the short side (0.625)"
    )
    parser.add_argument("--quality", type=int, nargs=2, default=(65, 100), help="least and best JPEG quality (65 100)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draw (default: 0)")
    parser.add_argument("--output", required=True, type=Path, help="table to write (CSV)")


def run(options: argparse.Namespace) -> None:
    """Write a row for each usable test image that is large enough, in the order of image ids."""
    from crossgen.evaluation.operation_table import Drawn, as_csv, draw, tested
    from crossgen.files import write_text

    images = tested(options.manifests)
    least, most = options.crop
    worst, best = options.quality
    drawn = Drawn(least, most, options.ratio, (worst, best), options.seed).checked()
    cuts = list(draw(images, drawn))
    write_text(options.output, as_csv(cuts))
    print(f"{options.output}: {len(cuts)} images; {len(images) - len(cuts)} have a side below {drawn.least} pixels")
