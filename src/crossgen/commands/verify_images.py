"""Decode every image of a manifest, or a sample, and compare digests."""

import argparse
import os
from pathlib import Path

EXAMPLE = """crossgen verify-images --manifest results/mini/manifest/photographs.parquet --root data/mini \\
    --fraction 0.1 --output verified.csv"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--manifest", required=True, type=Path, help="manifest of a pool (Parquet)")
    parser.add_argument("--root", required=True, type=Path, help="folder that the manifest's paths are relative to")
    parser.add_argument("--fraction", type=float, default=1.0, help="share of the images to look at (default: 1, all)")
    parser.add_argument("--seed", type=int, default=0, help="which images a share below 1 holds (default: 0)")
    parser.add_argument("--threads", type=int, default=None, help="files decoded at a time (default: one a core)")
    parser.add_argument("--output", required=True, type=Path, help="outcomes to write (.parquet, .csv or .json)")


def run(options: argparse.Namespace) -> None:
    """Write the outcome of each image; exit status 1 if one is not what the manifest calls usable."""
    import pyarrow as pa

    from crossgen import records
    from crossgen.data import verification

    verification.refuse_ending(options.output)
    sample = verification.Sample(options.fraction, options.seed)
    threads = len(os.sched_getaffinity(0)) if options.threads is None else options.threads
    verdict = verification.Verdict()
    pieces = verification.verify(options.manifest, options.root, sample, threads)
    nothing = records.from_rows([], records.VERIFIED)
    verification.write(options.output, pa.concat_tables([nothing, *(verdict.add(piece) for piece in pieces)]))
    told = ", ".join(f"{outcome}: {count}" for outcome, count in verdict.outcomes.most_common())
    print(f"{options.output}: {verdict.outcomes.total()} images read whole ({told or 'none'})")
    held, sound = verdict.quarantined
    if held:
        print(f"the manifest has {held} of them in quarantine; {sound} of these are sound")
    verdict.refuse(options.manifest)
