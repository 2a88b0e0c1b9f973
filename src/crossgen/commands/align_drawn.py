"""Re-encode a selection's images of a shard, as strongly as reals drawn for each, or as its own."""

import argparse
from pathlib import Path

EXAMPLE = """crossgen align-drawn --selection selection.parquet --pool biggan --shard 0 --root images/biggan \\
    --alignment '{"jpeg_quality": "reals", "to": "fake"}' --output drawn/biggan/0"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--selection", required=True, type=Path, help="selection (crossgen filter-subset)")
    parser.add_argument("--pool", required=True, help="name of the pool")
    parser.add_argument("--shard", type=int, default=0, help="shard of the pool to re-encode (default: 0)")
    parser.add_argument("--root", required=True, type=Path, help="folder that the pool's paths are relative to")
    parser.add_argument("--alignment", required=True, help="the alignment, as JSON of the config's item")
    parser.add_argument("--threads", type=int, default=1, help="images encoded at a time (default: 1)")
    parser.add_argument("--output", required=True, type=Path, help="folder to write: JPEG files and index.parquet")


def run(options: argparse.Namespace) -> None:
    """Write the folder beside its place, going on where a killed job stopped, and rename it: it appears whole."""
    import pyarrow.compute as pc

    from crossgen import records
    from crossgen.config import Alignment
    from crossgen.data.align import concerned, reencode, write_folder
    from crossgen.data.drawn import PAIRED_FROM, choice_of
    from crossgen.data.unfinished import digest_of

    selection = records.read(options.selection, records.SELECTION)
    alignment = Alignment.model_validate_json(options.alignment)
    choice = choice_of(alignment, selection.select([*PAIRED_FROM]).to_pandas())
    here = pc.and_(pc.equal(selection["pool"], options.pool), pc.equal(selection["shard"], options.shard))
    mine = selection.filter(here).to_pandas()
    rows = write_folder(
        options.output,
        [alignment.model_dump(), digest_of(options.selection), options.pool, options.shard],
        lambda target, job: reencode(concerned(mine, alignment), options.root, choice, target, job),
        options.threads,
    )
    print(f"{options.output}: {choice}")
    print(f"{options.output}: {len(rows)} images re-encoded, {int(rows['quarantine'].notna().sum())} quarantined")
