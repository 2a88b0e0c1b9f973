"""Put a shard's test images through the missing conditions."""

import argparse
import json
from pathlib import Path

from pydantic import TypeAdapter

from crossgen import records
from crossgen.config import Condition, Frame
from crossgen.evaluation.cells import Store
from crossgen.evaluation.render import (
    Images,
    effective_steps,
    failures,
    gigabytes,
    pixel_key,
    shard_images,
    store_missing,
)

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
    parser.add_argument("--max-cache-gb", type=float, default=100.0, help="above this, pixels are not stored (100)")
    parser.add_argument("--cells", required=True, type=Path, help="folder of the pixel cells")
    parser.add_argument("--output", required=True, type=Path, help="index to write (Parquet)")


def run(options: argparse.Namespace) -> None:
    """Fill the missing cells and write the index of all."""
    images = shard_images(options.manifest, options.shard, options.root)
    known = TypeAdapter(tuple[Condition, ...]).validate_json(options.conditions)
    store = Store(options.cells)
    rows = []
    for told in json.loads(options.frames):
        frame = Frame.model_validate_json(json.dumps(told))
        rows += _rows(options, store, images, frame, known)
    records.write(options.output, records.from_rows(rows, records.RENDERED), records.RENDERED)
    print(store.log("pixel"))
    print(f"{options.output}: {len(images)} test images of pool {options.pool!r}, {len(rows)} frame x condition")


def _rows(
    options: argparse.Namespace, store: Store, images: Images, frame: Frame, known: tuple[Condition, ...]
) -> list[dict[str, object]]:
    steps = {item.name: effective_steps(item, images.label, known) for item in known}
    keys = {name: pixel_key(images, frame, todo) for name, todo in steps.items()}
    wanted = {keys[name]: todo for name, todo in steps.items()}
    stored = gigabytes(images, frame, len(wanted)) <= options.max_cache_gb
    if stored:
        store_missing(store, images, frame, wanted)
    return [
        {
            "pool": options.pool,
            "shard": options.shard,
            "frame": frame.model_dump_json(include={"kind", "size", "grid", "small", "filter"}),
            "condition": name,
            "cell": key,
            "n": len(images),
            "missing": len(failures(store, key)) if stored else 0,
        }
        for name, key in keys.items()
    ]
