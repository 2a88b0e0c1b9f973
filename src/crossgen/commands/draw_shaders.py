"""Draw procedural images: lossless reals of random programs, and a table that their pool is listed from."""

import argparse
from pathlib import Path

EXAMPLE = """crossgen draw-shaders --output made/0.parquet --processes 2 \\
    --source '{"kind": "procedural", "root": "shaders", "n": 1000, "size": [256, 256], "seed": 0}'"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--source", required=True, help="JSON of the pool's source in the config (kind procedural)")
    parser.add_argument("--shard", type=int, default=0, help="which share of the images (default: 0)")
    parser.add_argument("--shards", type=int, default=1, help="of how many (default: 1)")
    parser.add_argument("--processes", type=int, default=1, help="processes that draw (default: 1)")
    parser.add_argument("--output", required=True, type=Path, help="table of what was drawn, to write (Parquet)")


def run(options: argparse.Namespace) -> None:
    """Write images below the source's root, and then their table; a killed job goes on after its last batch."""
    import numpy as np
    import PIL
    import scipy

    from crossgen import records
    from crossgen.config import ProceduralSource
    from crossgen.data.drawing import VERSION, Drawing, draw_all
    from crossgen.data.unfinished import Journal, resuming

    source = ProceduralSource.model_validate_json(options.source)
    drawing = Drawing(source, options.shard, options.shards)
    versions = [np.__version__, scipy.__version__, PIL.__version__]
    identity = [source.model_dump(mode="json"), options.shard, options.shards, VERSION, *versions]
    with resuming(options.output, identity) as place:
        made = draw_all(drawing, Journal(place), options.processes)
        records.write(options.output, records.from_rows(made.rows, records.MADE), records.MADE)
    for line in made.speed():
        print(line)
    print(f"{options.output}: {len(made.rows)} images of {len({row['class_name'] for row in made.rows})} families")
