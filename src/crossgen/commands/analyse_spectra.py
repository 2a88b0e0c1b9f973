"""Average the spectra of a pool's images."""

import argparse
from pathlib import Path

EXAMPLE = """crossgen analyse-spectra --manifest biggan.parquet --others photographs.parquet sd14.parquet \\
    --pool biggan --label fake --root images --options '{"images": 1000, "side": 128}' --threads 2 \\
    --output biggan.spectra.parquet --images biggan.images.parquet"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--manifest", required=True, type=Path, help="manifest of the pool")
    parser.add_argument(
        "--others", type=Path, nargs="*", default=[], help="manifests of all pools, which give equally many images"
    )
    parser.add_argument("--pool", required=True, help="name of the pool")
    parser.add_argument("--label", required=True, choices=("real", "fake"), help="what its images are")
    parser.add_argument("--root", required=True, type=Path, help="folder that the manifest's paths are relative to")
    parser.add_argument("--options", default="{}", help="JSON of the config's `spectra`; {}: the defaults")
    parser.add_argument("--threads", type=int, default=1, help="threads (default: 1); no number depends on it")
    parser.add_argument("--output", required=True, type=Path, help="averages to write (Parquet)")
    parser.add_argument("--images", required=True, type=Path, help="numbers of each image to write (Parquet)")


def run(options: argparse.Namespace) -> None:
    """Write both tables."""
    from crossgen import records
    from crossgen.config.spectra import Spectra
    from crossgen.spectra.choosing import choose
    from crossgen.spectra.measuring import analyse

    told = Spectra.model_validate_json(options.options)
    chosen = choose(options.manifest, options.others, told)
    averages, images = analyse(chosen, options.root, told, options.threads)
    keys = {"pool": options.pool, "label": int(options.label == "fake")}
    for path, rows, schema in (
        (options.output, averages, records.SPECTRA),
        (options.images, images, records.SPECTRAL),
    ):
        records.write(path, records.from_rows([keys | row for row in rows], schema), schema)
    left_out = averages[0]["left_out"]
    print(f"{options.output}: {len(images)} images of pool {options.pool!r}, {told.side} pixels; left out: {left_out}")
