"""ImageNet-1k's classes: index, WordNet id (synset) and name, and lists of the classes of its val images.

The names are timm's data files, found beside the package without importing it (an import costs seconds, and torch).
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

CLASSES = 1000

_VAL_LINE = re.compile(
    r"""^"?(ILSVRC2012_val_[0-9]{8})(?:\.\w+)?"?[\s,;]+"?(?:([0-9]{1,4})|(n[0-9]{8}))\b""", re.IGNORECASE
)


@cache
def synsets() -> tuple[str, ...]:
    """The 1,000 WordNet ids in sorted order: the place of one is its class index. Raises FileNotFoundError."""
    return tuple(_timm("imagenet_synsets.txt").read_text(encoding="utf-8").split())


@cache
def indices() -> Mapping[str, int]:
    """WordNet id to class index."""
    return {synset: index for index, synset in enumerate(synsets())}


@cache
def names() -> Mapping[str, str]:
    """WordNet id to its name in words (`bathing cap, swimming cap`); more ids than ImageNet-1k's."""
    lines = _timm("imagenet_synset_to_lemma.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t", 1) for line in lines if "\t" in line)


def _timm(name: str) -> Path:
    spec = find_spec("timm")
    folder = Path(next(iter(spec.submodule_search_locations or []), "")) if spec else Path()
    path = folder / "data" / "_info" / name
    if spec is None or not path.is_file():
        raise FileNotFoundError(f"No {name} of the package timm, which tells ImageNet's class names: install timm.")
    return path


def is_list(path: Path) -> bool:
    """Whether a file is a list of val images: so is its first line, or the second, below names of columns."""
    with open(path, encoding="utf-8-sig", errors="replace") as lines:
        return any(_VAL_LINE.match(line) for _, line in zip(range(2), lines, strict=False))


def val_classes(path: Path) -> dict[str, int]:
    """Class index of each ImageNet val image, by name without ending, from a list of lines.

    A line is a name and a class: an index 0-999 or a WordNet id, after spaces, a comma or a semicolon
    (`ILSVRC2012_val_00000001.JPEG 65`; Kaggle's LOC_val_solution.csv); what follows is ignored, and so is a first line
    of column names. Raises FileNotFoundError, ValueError with the first line that is none.
    """
    found: dict[str, int] = {}
    with open(path, encoding="utf-8-sig", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            told = _VAL_LINE.match(line)
            index = _index(told) if told else None
            if told and index is not None:
                found[f"ILSVRC2012_val_{told[1][-8:]}"] = index
            elif number > 1 and line.strip():
                raise ValueError(f"{path}, line {number}: expected 'ILSVRC2012_val_<8 digits> <class>': {line[:60]!r}")
    if not found:
        raise ValueError(f"{path} lists no val image of ImageNet: expected lines 'ILSVRC2012_val_<8 digits> <class>'")
    return found


def _index(told: re.Match[str]) -> int | None:
    if told[3]:
        return indices().get(told[3].lower())
    return int(told[2]) if int(told[2]) < CLASSES else None
