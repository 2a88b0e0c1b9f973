"""Put a shard's test images through the missing conditions."""

import argparse
from pathlib import Path

EXAMPLE = """crossgen render-conditions --manifest biggan.parquet --pool biggan --root images/biggan \\
    --cells cells/pixels --frames '[{"kind": "crop", "size": 96}]' \\
    --conditions '[{"name": "clean"}]' --output rendered.parquet"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--manifest", required=True, type=Path, help="manifest of the pool")
    parser.add_argument("--pool", required=True, help="name of the pool")
    parser.add_argument("--shard", type=int, default=0, help="shard to render (default: 0)")
    parser.add_argument("--root", required=True, type=Path, help="folder that the manifest's paths are relative to")
    parser.add_argument("--frames", required=True, help="JSON list of the frames in use")
    parser.add_argument("--conditions", required=True, help="JSON list of the conditions")
    parser.add_argument(
        "--max-cache-mb", type=float, default=1e5, help="a frame's pixels above this are not stored (1e5)"
    )
    parser.add_argument(
        "--threads", type=int, default=1, help="threads that render (default: 1); no pixel depends on it"
    )
    parser.add_argument("--cells", required=True, type=Path, help="folder of the pixel cells")
    parser.add_argument("--output", required=True, type=Path, help="index to write (Parquet)")


def run(options: argparse.Namespace) -> None:
    """Fill the missing cells and write the index of all."""
    from pydantic import TypeAdapter

    from crossgen import records
    from crossgen.config import Condition, Frame
    from crossgen.evaluation.cells import Store
    from crossgen.evaluation.render import Means, render_shard, shard_images

    images = shard_images(options.manifest, options.shard, options.root)
    known = TypeAdapter(tuple[Condition, ...]).validate_json(options.conditions)
    store = Store(options.cells)
    means = Means(options.max_cache_mb / 1000, options.threads)
    rows = []
    for frame in TypeAdapter(tuple[Frame, ...]).validate_json(options.frames):
        keys = {"pool": options.pool, "shard": options.shard}
        rows += [keys | row for row in render_shard(store, images, frame, known, means)]
    records.write(options.output, records.from_rows(rows, records.RENDERED), records.RENDERED)
    print(store.log("pixel"))
    print(f"{options.output}: {len(images)} test images of pool {options.pool!r}, {len(rows)} frame x condition")
