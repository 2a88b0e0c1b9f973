"""Cut a train set's crops into one array."""

import argparse
import json
from pathlib import Path

EXAMPLE = """crossgen pack-crops --selection selection.parquet \\
    --folders '{"photographs": "photos", "biggan": "fakes"}' --frame '{"kind": "crop", "size": 96}' \\
    --crops crops.npy --index index.parquet --losses losses.parquet"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--selection", required=True, type=Path, help="selection (crossgen filter-subset)")
    parser.add_argument(
        "--aligned", type=Path, nargs="*", default=[], help="folders named <pool>/<shard> of align-jpeg"
    )
    parser.add_argument("--folders", required=True, help="JSON: pool to the folder its paths are relative to")
    parser.add_argument("--frame", required=True, help="the frame, as JSON of the recipe's key")
    parser.add_argument("--crops-per-image", type=int, default=1, help="crops of each image (default: 1)")
    parser.add_argument("--crops", required=True, type=Path, help="array to write (npy, uint8 [n, size, size, 3])")
    parser.add_argument("--max-quarantine", default="{}", help="JSON: pool to the largest share that does not decode")
    parser.add_argument("--lost-for", default="", help="name of this packing in the table of losses")
    parser.add_argument("--index", required=True, type=Path, help="index to write (Parquet)")
    parser.add_argument("--losses", required=True, type=Path, help="images without a crop, to write (Parquet)")


def run(options: argparse.Namespace) -> None:
    """Write array and index."""
    import pandas as pd
    import pyarrow as pa

    from crossgen import records
    from crossgen.config import Frame
    from crossgen.data.pack import pack, refuse_losses_of_pools, refuse_unbalanced, save_array
    from crossgen.files import write_whole

    selection = records.read(options.selection, records.SELECTION).to_pandas()
    aligned = [records.read(folder / "index.parquet", records.MANIFEST).to_pandas() for folder in options.aligned]
    rewritten = pd.concat(aligned) if aligned else selection.head(0)
    folders = {pool: Path(folder) for pool, folder in json.loads(options.folders).items()}
    folders |= {f"aligned/{folder.parent.name}/{folder.name}": folder for folder in options.aligned}
    frame = Frame.model_validate_json(options.frame)
    crops, index, losses = pack(selection, rewritten, folders, frame, options.crops_per_image)
    refuse_losses_of_pools(losses, selection, json.loads(options.max_quarantine))
    refuse_unbalanced(index, selection, str(options.crops))
    write_whole(options.crops, lambda path: save_array(path, crops))
    records.write(options.index, pa.Table.from_pandas(index, preserve_index=False), records.CROPS)
    told = pa.Table.from_pandas(losses.assign(lost_for=options.lost_for), preserve_index=False)
    records.write(options.losses, told, records.LOSSES)
    reasons = losses["reason"].value_counts().to_dict()
    used = len(selection) - len(losses)
    print(f"{options.crops}: {len(crops)} crops of {used} images; {len(losses)} lost {reasons or ''}".rstrip())
