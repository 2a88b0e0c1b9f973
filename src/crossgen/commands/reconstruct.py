"""Make aligned fakes of a pool's reals: lossless images, and a table that their pool is listed from."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from crossgen.data.made_files import Made
    from crossgen.reconstruction.makers import Maker

EXAMPLE = """crossgen reconstruct --manifest manifest/photographs.parquet --root data/mini --output made/0.parquet \\
    --source '{"kind": "reconstructed", "root": "fakes", "of": "photographs",
               "by": {"kind": "crossgen", "weights": "data/mini/autoencoder.safetensors"}}'"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--manifest", required=True, type=Path, help="manifest of the pool of reals")
    parser.add_argument("--root", required=True, type=Path, help="folder that its paths are relative to")
    parser.add_argument("--source", required=True, help="JSON of the pool's source in the config (kind reconstructed)")
    parser.add_argument("--shard", type=int, default=0, help="which share of the reals (default: 0)")
    parser.add_argument("--shards", type=int, default=1, help="of how many (default: 1)")
    parser.add_argument("--threads", type=int, default=1, help="threads on a processor (default: 1)")
    parser.add_argument("--output", required=True, type=Path, help="table of what was made, to write (Parquet)")


def run(options: argparse.Namespace) -> None:
    """Write images below the source's root, and then their table. A job that has nothing to make imports no torch."""
    from crossgen import records
    from crossgen.config import ReconstructedSource
    from crossgen.config.reconstruction import local_files
    from crossgen.data.unfinished import Journal, digest_of, resuming
    from crossgen.reconstruction.making import VERSION, Work, chosen, reconstruct

    source = ReconstructedSource.model_validate_json(options.source)
    manifest = records.read(options.manifest, records.MANIFEST).to_pandas()
    rows = chosen(manifest, source, options.shard, options.shards)
    files = [options.manifest, *map(Path, local_files(source.by))]
    told = [source.model_dump(mode="json"), options.shard, options.shards, VERSION]
    identity = [*told, *(digest_of(path) for path in files if path.is_file())]
    with resuming(options.output, identity) as place:
        work = Work(source, options.root, Journal(place))
        made = reconstruct(rows, work, lambda: _maker(options), source.batch_size)
        records.write(options.output, records.from_rows(made.rows, records.MADE), records.MADE)
    _tell(made, manifest[manifest["split"].isin(source.splits)])
    print(f"{options.output}: {len(made.rows)} reconstructions of {source.of!r} in {source.root}")


def _tell(made: "Made", reals: "pd.DataFrame") -> None:
    """What was left out, how fast it went, how near it came."""
    from collections import Counter

    quarantined = reals["quarantine"].dropna()
    if len(quarantined):
        print(f"left out: {len(quarantined)} reals of the pool that are quarantined ({dict(Counter(quarantined))})")
    for line in [*made.left_out("reals"), *made.speed()]:
        print(line)
    likeness = sorted(row["psnr"] for row in made.rows)
    if likeness:
        print(f"PSNR {likeness[len(likeness) // 2]:.2f} dB in the middle, {likeness[0]:.2f} at least")


def _maker(options: argparse.Namespace) -> "Maker":
    from crossgen.config import ReconstructedSource
    from crossgen.reconstruction.makers import maker
    from crossgen.training.loop import one_device

    device = one_device(options.threads)
    print(f"reconstructing on {device}")
    return maker(ReconstructedSource.model_validate_json(options.source), device)
