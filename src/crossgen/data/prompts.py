"""What generated images are asked by: classes, the sentences that name them, a seed and a path for each image."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from crossgen import records
from crossgen.config import GeneratedSource, Prompts
from crossgen.data import imagenet
from crossgen.data.made_files import seed_of

SYNSET = re.compile(r"n\d{8}")


@dataclass(frozen=True)
class Class:
    """A class: its place in ImageNet and WordNet id where it has them, its name in tables, its name in the prompt."""

    index: int | None
    synset: str | None
    name: str
    word: str

    @property
    def key(self) -> str:
        """What seeds and folders go by, whichever classes stand beside it: the WordNet id, else the name."""
        if self.synset is not None:
            return self.synset
        plain = re.sub("[^a-z0-9]+", "_", self.name.lower()).strip("_")[:40]
        return f"{plain or 'class'}_{blake3(self.name.encode()).hexdigest(length=4)}"


@dataclass(frozen=True)
class Item:
    """One image that is asked for."""

    of: Class
    split: str
    number: int
    prompt: str
    seed: int

    @property
    def path(self) -> str:
        """Where it lies below the source's root: <split>/<class>/<number>.png."""
        return f"{self.split}/{self.of.key}/{self.number:06d}.png"


def items(source: GeneratedSource, classes: Sequence[Class]) -> list[Item]:
    """Every image of a source, class by class, those of train before those of test; as many of each class.

    An image's seed is a function of (source.seed, class, split and number), so that a larger pool, other classes
    beside, shards or batches change none. Templates take turns by the number.
    """
    templates, wanted = source.prompts.templates, {"train": source.train_per_class, "test": source.test_per_class}
    return [
        Item(
            each,
            split,
            number,
            templates[number % len(templates)].replace("{name}", each.word),
            seed_of(f"generate/{source.seed}/{each.key}/{split}/{number}"),
        )
        for each in classes
        for split, count in wanted.items()
        for number in range(count)
    ]


def share(source: GeneratedSource, classes: Sequence[Class], shard: int, shards: int) -> list[Item]:
    """Every `shards`-th image from `shard` on. Raises ValueError for a shard that is none."""
    if not 0 <= shard < shards:
        raise ValueError(f"No shard {shard} of {shards}: expected 0 to {shards - 1}.")
    return items(source, classes)[shard::shards]


def classes_of(prompts: Prompts, manifest: Path | None = None) -> list[Class]:
    """The classes that are asked for, in order; `manifest`: that of the pool `like`.

    Raises ValueError for a WordNet id that is not ImageNet's, for a pool or a table that does not tell a class's name.
    """
    found = _like(prompts, manifest) if prompts.like is not None else _told(prompts)
    if prompts.names is not None:
        found = _called(found, named(Path(prompts.names)), prompts.names)
    return found


def _told(prompts: Prompts) -> list[Class]:
    written = imagenet.synsets() if prompts.classes == "imagenet" else prompts.classes
    return [
        _of_imagenet(each, prompts) if SYNSET.fullmatch(each) else Class(None, None, each, each) for each in written
    ]


def _of_imagenet(synset: str, prompts: Prompts) -> Class:
    index = imagenet.indices().get(synset)
    if index is None:
        raise ValueError(
            f"No class {synset!r} in ImageNet-1k, which source.prompts.classes names: expected one of its 1,000 WordNet"
            " ids, or a name in words."
        )
    name = imagenet.names()[synset]
    return Class(index, synset, name, _word(name, prompts))


def _word(name: str, prompts: Prompts) -> str:
    return name.split(",")[0].strip() if prompts.synonyms == "first" else name


def _like(prompts: Prompts, manifest: Path | None) -> list[Class]:
    """The classes of a pool's usable images: by index, then by name."""
    if manifest is None:
        raise ValueError(f"source.prompts.like names the pool {prompts.like!r}: give its manifest by --manifest.")
    columns = ["class_index", "class_synset", "class_name", "quarantine"]
    rows = records.read(manifest, records.MANIFEST, columns).to_pylist()
    told = {(row["class_index"], row["class_synset"], row["class_name"]) for row in rows if row["quarantine"] is None}
    usable = {each for each in told if each[2] is not None}
    if not usable:
        raise ValueError(
            f"The images of pool {prompts.like!r} ({manifest}) have no class_name, which source.prompts.like asks for:"
            " take another pool, or write the classes."
        )
    ordered = sorted(usable, key=lambda each: (each[0] is None, each[0] or 0, each[2]))
    return [Class(index, synset, name, _word(name, prompts) if synset else name) for index, synset, name in ordered]


def named(path: Path) -> dict[str, str]:
    """Class (WordNet id, index of ImageNet, or name) to what it is called, from a CSV. Raises ValueError, OSError."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        if not {"class", "name"} <= set(rows.fieldnames or ()):
            raise ValueError(f"{path}: expected the columns class and name, found {rows.fieldnames}.")
        found: dict[str, str] = {}
        for number, row in enumerate(rows, 2):
            key, name = (row["class"] or "").strip(), (row["name"] or "").strip()
            if not key or not name or key in found:
                raise ValueError(
                    f"{path}, line {number}: expected a class, once, and its name; found {key!r}, {name!r}."
                )
            found[key] = name
    return found


def _called(classes: Sequence[Class], names: Mapping[str, str], path: str) -> list[Class]:
    found = []
    for each in classes:
        keys = [each.synset or "", "" if each.index is None else str(each.index), each.name]
        word = next((names[key] for key in keys if key in names), None)
        if word is None:
            raise ValueError(
                f"{path} (source.prompts.names) does not tell what the class {each.synset or each.name!r} is called:"
                " add a line for it."
            )
        found.append(Class(each.index, each.synset, each.name, word))
    return found
