"""The generated images of a shard: prompts in, lossless files and a table of them out.

A job that was killed goes on after the last batch that its journal names; batches are the same each time, and so are
the bytes on one machine.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from crossgen.config import GeneratedSource
from crossgen.data.made_files import Made, Pixels, in_batches, save
from crossgen.data.prompts import Item
from crossgen.data.unfinished import Journal

#: Raised when other images come out.
VERSION = 1


class Maker(Protocol):
    """`told`: every parameter that images have in common, as JSON."""

    told: str

    def make(self, items: Sequence[Item]) -> list[Pixels | str]:
        """For each item uint8 [h, w, 3], or why there is none."""


def generate(items: Sequence[Item], source: GeneratedSource, load: Callable[[], Maker], journal: Journal) -> Made:
    """Make `items` in batches; rows of MADE. The pipeline is loaded only if something is left to do.

    Raises ValueError (see Maker), OSError for a file that cannot be read or written.
    """
    loaded: list[Maker] = []

    def make(batch: Sequence[Item]) -> Made:
        if not loaded:
            loaded.append(load())
        return _batch(batch, loaded[0], Path(source.root))

    batches = [items[start : start + source.batch_size] for start in range(0, len(items), source.batch_size)]
    return in_batches(batches, make, Path(source.root), journal, "generate")


def _batch(batch: Sequence[Item], maker: Maker, root: Path) -> Made:
    made = Made()
    for item, image in zip(batch, maker.make(batch), strict=True):
        if isinstance(image, str):
            made.lost[item.path] = image
        else:
            made.rows.append({**_facts(item), **save(image, root, item.path), "made_with": maker.told})
    return made


def _facts(item: Item) -> dict[str, Any]:
    return {
        "split": item.split, "class_index": item.of.index, "class_synset": item.of.synset, "class_name": item.of.name,
        "prompt": item.prompt, "image_seed": item.seed,
    }  # fmt: skip
