"""Generate images by a text-to-image pipeline: lossless files, and a table that their pool is listed from."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crossgen.data.made_files import Made
    from crossgen.data.prompts import Item
    from crossgen.generation.generating import Maker
    from crossgen.generation.weights import Files

EXAMPLE = """crossgen generate --output made/0.parquet \\
    --source '{"kind": "generated", "root": "generated", "pipeline": "models/sdxl", "test_per_class": 6}'"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--source", required=True, help="JSON of the pool's source in the config (kind generated)")
    parser.add_argument("--weights", type=Path, help="record of fetch-pipeline; needed unless the pipeline is a folder")
    parser.add_argument("--manifest", type=Path, help="manifest of the pool whose classes are taken (prompts.like)")
    parser.add_argument("--shard", type=int, default=0, help="which share of the images (default: 0)")
    parser.add_argument("--shards", type=int, default=1, help="of how many (default: 1)")
    parser.add_argument("--threads", type=int, default=1, help="threads on a processor (default: 1)")
    parser.add_argument("--output", required=True, type=Path, help="table of what was made, to write (Parquet)")


def run(options: argparse.Namespace) -> None:
    """Write images below the source's root, and then their table. A job that has nothing to make imports no torch."""
    from dataclasses import astuple

    from crossgen import records
    from crossgen.config import GeneratedSource
    from crossgen.data.prompts import classes_of, share
    from crossgen.data.unfinished import Journal, resuming
    from crossgen.generation.generating import VERSION, generate
    from crossgen.generation.weights import found

    source = GeneratedSource.model_validate_json(options.source)
    classes = classes_of(source.prompts, options.manifest)
    items = share(source, classes, options.shard, options.shards)
    files = found(source, options.weights)
    told = [source.model_dump(mode="json"), options.shard, options.shards, VERSION, files.digest]
    identity = [*told, *map(astuple, classes)]
    with resuming(options.output, identity) as place:
        made = generate(items, source, lambda: _maker(options, files), Journal(place))
        table = records.from_rows(made.rows, records.MADE)
        records.write(options.output, table, records.MADE, {"lost": made.lost})
    _tell(made, items)
    print(f"{options.output}: {len(made.rows)} images of {source.pipeline} in {source.root}")


def _tell(made: "Made", items: "Sequence[Item]") -> None:
    """What was left out, of which classes, how fast it went."""
    for line in [*made.left_out("images"), *made.speed()]:
        print(line)
    short = sorted({item.of.name for item in items if item.path in made.lost})
    if short:
        print(f"classes with fewer images than asked for: {len(short)}, such as {short[0]!r}")


def _maker(options: argparse.Namespace, files: "Files") -> "Maker":
    from crossgen.config import GeneratedSource
    from crossgen.generation.pipelines import TextToImage
    from crossgen.training.loop import one_device

    device = one_device(options.threads)
    print(f"generating on {device}")
    return TextToImage(GeneratedSource.model_validate_json(options.source), files, device)
