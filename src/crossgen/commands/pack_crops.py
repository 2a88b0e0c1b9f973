"""Cut the crops of a shard of a train set into one array."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

EXAMPLE = """crossgen pack-crops --selection selection.parquet --shards '[["photographs", 0], ["biggan", 0]]' \\
    --folders '{"photographs": "photos", "biggan": "fakes"}' --frame '{"kind": "crop", "size": 96}' \\
    --crops 0/crops.npy --index 0/index.parquet --losses 0/losses.parquet"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--selection", required=True, type=Path, help="selection (crossgen filter-subset)")
    parser.add_argument("--shards", help="JSON list of [pool, shard]: whose images to pack (default: all)")
    parser.add_argument(
        "--aligned", type=Path, nargs="*", default=[], help="folders named <pool>/<shard> of align-jpeg or align-drawn"
    )
    parser.add_argument("--folders", required=True, help="JSON: pool to the folder its paths are relative to")
    parser.add_argument("--frame", required=True, help="the frame, as JSON of the recipe's key")
    parser.add_argument("--crop", default="null", help="the subset's crop, as JSON of its key (default: null)")
    parser.add_argument("--crops-per-image", type=int, default=1, help="crops of each image (default: 1)")
    parser.add_argument(
        "--synchronised", action="store_true", help="cut both halves of a pair at the same places of what they share"
    )
    parser.add_argument("--threads", type=int, default=1, help="images cut at a time (default: 1)")
    parser.add_argument("--crops", required=True, type=Path, help="array to write (npy, uint8 [n, size, size, 3])")
    parser.add_argument("--lost-for", default="", help="name of this packing in the table of losses")
    parser.add_argument("--index", required=True, type=Path, help="index to write (Parquet)")
    parser.add_argument("--losses", required=True, type=Path, help="images without a crop, to write (Parquet)")


def run(options: argparse.Namespace) -> None:
    """Write the array beside its place, going on where a killed job stopped, then index and losses."""
    import PIL
    import pyarrow as pa
    from pydantic import TypeAdapter

    from crossgen import records
    from crossgen.config import Crop, Frame
    from crossgen.data import aligned, unfinished
    from crossgen.data.pack import VERSION, Packing, Sources, pack

    frame = Frame.model_validate_json(options.frame)
    crop = TypeAdapter(Crop | None).validate_json(options.crop)
    sources = Sources.of(_chosen(options), *aligned.read(options.aligned, json.loads(options.folders)))
    packing = Packing(frame, options.crops_per_image, crop)
    read = [options.selection, *(folder / "index.parquet" for folder in options.aligned)]
    identity = [options.frame, options.crops_per_image, options.crop, options.shards, VERSION, PIL.__version__]
    identity += ["synchronised"] if options.synchronised else []
    with unfinished.resuming(options.crops, [*identity, *map(unfinished.digest_of, read)]) as place:
        index, losses = pack(sources, packing, place, options.threads)
        records.write(options.index, pa.Table.from_pandas(index, preserve_index=False), records.CROPS)
        told = pa.Table.from_pandas(losses.assign(lost_for=options.lost_for), preserve_index=False)
        records.write(options.losses, told, records.LOSSES)
        (place / "crops.npy").replace(options.crops)  # last: until then a killed job's work is all there
    reasons = losses["reason"].value_counts().to_dict()
    used = len(sources.rows) - len(losses)
    print(f"{options.crops}: {len(index)} crops of {used} images; {len(losses)} lost {reasons or ''}".rstrip())


def _chosen(options: argparse.Namespace) -> "pd.DataFrame":
    """The selection's rows of this shard."""
    import pandas as pd

    from crossgen import records
    from crossgen.data.pairs import BOXES, boxed

    selection = records.read(options.selection, records.SELECTION)
    told = boxed(selection.select(list(BOXES)).to_pandas()) if options.synchronised else pd.DataFrame()
    if options.shards is not None:
        mine = {(pool, shard) for pool, shard in json.loads(options.shards)}
        keys = zip(selection["pool"].to_pylist(), selection["shard"].to_pylist(), strict=True)
        here = [key in mine for key in keys]
        selection, told = selection.filter(here), told[here] if options.synchronised else told
    chosen: pd.DataFrame = selection.to_pandas()
    more = {str(name): told[name].to_numpy() for name in told if name not in chosen}
    return chosen.assign(**more)
