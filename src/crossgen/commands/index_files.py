"""Index the files that a train set is read from, where no crops are stored; refuse too many losses."""

import argparse
import json
from pathlib import Path

EXAMPLE = """crossgen index-files --selection selection.parquet --aligned aligned/q96/biggan/0 \\
    --folders '{"photographs": "photos", "biggan": "fakes"}' --index index.parquet --losses losses.parquet"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--selection", required=True, type=Path, help="selection (crossgen filter-subset)")
    parser.add_argument(
        "--aligned", type=Path, nargs="*", default=[], help="folders named <pool>/<shard> of align-jpeg or align-drawn"
    )
    parser.add_argument("--folders", required=True, help="JSON: pool to the folder its paths are relative to")
    parser.add_argument("--max-quarantine", default="{}", help="JSON: pool to the largest share that is not readable")
    parser.add_argument("--lost-for", default="", help="name of this index in the table of losses")
    parser.add_argument("--index", required=True, type=Path, help="index to write (Parquet)")
    parser.add_argument("--losses", required=True, type=Path, help="images that cannot be read, to write (Parquet)")


def run(options: argparse.Namespace) -> None:
    """Write index and losses."""
    import pyarrow as pa

    from crossgen import records
    from crossgen.data import aligned, gather
    from crossgen.data.pack import Sources
    from crossgen.data.whole import index_of

    selection = records.read(options.selection, records.SELECTION).to_pandas()
    index, losses = index_of(Sources.of(selection, *aligned.read(options.aligned, json.loads(options.folders))))
    gather.refuse_losses_of_pools(losses, selection, json.loads(options.max_quarantine))
    gather.refuse_unbalanced(index, selection, str(options.index))
    told = losses.assign(lost_for=options.lost_for)
    records.write(options.index, pa.Table.from_pandas(index, preserve_index=False), records.CROPS)
    records.write(options.losses, pa.Table.from_pandas(told, preserve_index=False), records.LOSSES)
    print(f"{options.index}: {len(index)} images read whole; {len(losses)} lost")
