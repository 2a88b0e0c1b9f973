"""GenImage: its generators' folders and archives, and what names of folders and files tell of an image.

Sources: GenImage's README, its users' trees and issues (Zhu et al. 2023, "GenImage", NeurIPS Datasets and Benchmarks).

| file | example | class |
|---|---|---|
| fake | `033_sdv4_00134.png`, `44_midjourney_19.png`, `115_adm_141.PNG` | first number, padded or not |
| GLIDE's | `GLIDE_1000_200_08_808_glide_00033.png` | fifth field |
| real, train | `n02807133_231.JPEG` | WordNet id |
| real, val | `ILSVRC2012_val_00000001.JPEG` | in no name: `genimage_metadata.csv` or a list of ImageNet's val |

The number is ImageNet-1k's class index, 0-999 in the order of WordNet ids.
"""

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

from crossgen.config import Laid, Pool
from crossgen.config.values import Label, Split
from crossgen.data import defects, imagenet, published
from crossgen.data.names import shown

LOG = logging.getLogger(__name__)

#: Generator to the folder that holds its images and its slice of ImageNet.
FOLDERS = {
    "midjourney": "Midjourney",
    "sd14": "stable_diffusion_v_1_4",
    "sd15": "stable_diffusion_v_1_5",
    "adm": "ADM",
    "glide": "glide",
    "wukong": "wukong",
    "vqdm": "VQDM",
    "biggan": "BigGAN",
}

#: Generator to the name of its archive, which is also a folder between FOLDERS and the splits once it is unpacked.
ARCHIVES = {
    "midjourney": "imagenet_midjourney",
    "sd14": "imagenet_ai_0419_sdv4",
    "sd15": "imagenet_ai_0424_sdv5",
    "adm": "imagenet_ai_0508_adm",
    "glide": "imagenet_glide",
    "wukong": "imagenet_ai_0424_wukong",
    "vqdm": "imagenet_ai_0419_vqdm",
    "biggan": "imagenet_ai_0419_biggan",
}

#: Folder to what its images are, and to our split: GenImage's val is its test set.
LABELS: dict[str, Label] = {"ai": "fake", "nature": "real"}
SPLITS: dict[str, Split] = {"train": "train", "val": "test"}

_OUTER = {archive: FOLDERS[generator] for generator, archive in ARCHIVES.items()}
_NAMES = {
    name.lower(): folder for generator, folder in FOLDERS.items() for name in (generator, folder, ARCHIVES[generator])
}
_FIRST = re.compile(r"([0-9]{1,4})_[A-Za-z]\w*_")
_FIFTH = re.compile(r"(?:[^_]+_){4}([0-9]{1,4})_")
_SYNSET = re.compile(r"(n[0-9]{8})_")


@dataclass(frozen=True)
class Place:
    """What the folders of an image say. `folder`: the generator's, None if it is not below the root."""

    label: Label
    split: Split
    folder: str | None


def place(folders: Sequence[str]) -> Place | None:
    """The first train or val that is followed by ai or nature (any case) tells; None: there is none.

    The generator's folder stands before it, with or without the archive's between them, which tells it too.
    """
    for index, (split, label) in enumerate(pairwise(folders)):
        if split.lower() in SPLITS and label.lower() in LABELS:
            return Place(LABELS[label.lower()], SPLITS[split.lower()], _folder(folders[:index]))
    return None


def folder_of(root: str) -> str | None:
    """The generator's folder of a tree whose root is that folder, or its archive's in it."""
    return _folder(Path(root).absolute().parts[1:])


def canonical(folder: str | None) -> str | None:
    """GenImage's own name of a generator's folder that was renamed to our name, its archive's, or in case."""
    return _NAMES.get(folder.lower(), folder) if folder else folder


def _folder(above: Sequence[str]) -> str | None:
    if not above or above[-1] in _OUTER or not above[-1].startswith("imagenet_"):
        return _OUTER.get(above[-1], above[-1]) if above else None
    return above[-2] if len(above) > 1 else above[-1]


def entries(paths: Iterable[str], pool: Pool, published: Path | None) -> list[dict[str, Any]]:
    """Facts (of Entry) of the images of the pool's label and subset among `paths` below its root, in their order.

    `published`: genimage_metadata.csv or a list of ImageNet's val classes. Files outside GenImage's layout are counted
    in a warning. Raises FileNotFoundError, ValueError for a `published` that is none.
    """
    where = cache(lambda folder: place(tuple(part for part in folder.split("/") if part)))
    placed = [(path, where(path.rpartition("/")[0])) for path in paths]
    outside = [path for path, found in placed if found is None]
    if outside:
        first = ", ".join(map(shown, outside[:5]))
        LOG.warning(f"Pool {pool.name!r}: {len(outside)} files lie outside GenImage's layout (first: {first})")
    wanted, above = _subset(pool), folder_of(pool.source.root)
    mine = [
        (path, found.split, found.folder or above)
        for path, found in placed
        if found and found.label == pool.label and wanted(found.folder or above)
    ]
    return described(mine, pool, published)


def _subset(pool: Pool) -> Callable[[str | None], bool]:
    """Whether a generator's folder is the source's subset; what has a layout of its own has been sorted by it."""
    subset = None if isinstance(pool.source, Laid) else getattr(pool.source, "subset", None)
    if subset is None:
        return lambda _: True
    wanted = FOLDERS[subset].lower()
    return lambda folder: (canonical(folder) or "").lower() == wanted


def described(
    placed: Sequence[tuple[str, Split, str | None]], pool: Pool, published: Path | None
) -> list[dict[str, Any]]:
    """Facts (of Entry) of images of the pool's label at (path, split, generator's folder).

    A class that no name and no list tells is None; a warning counts these images.
    """
    told = _told(published, {folder for _, _, folder in placed}, pool.label)
    defect = _defects(pool)
    rows = []
    for path, split, folder in placed:
        name = path.rpartition("/")[2]
        listed, quality = told(folder, split, name)
        index = class_of(name, folder, pool.label)
        index = listed if index is None else index
        rows.append(
            {
                "path": path,
                "split": split,
                "folder": folder,
                "published_quality": quality,
                "defect": defect(path, split),
            }
            | _class(index, name)
        )
    if published is not None:
        _tell_unpublished([row["path"] for row in rows if row["published_quality"] is None], len(rows), pool, published)
    unknown = [row["path"] for row in rows if row["class_index"] is None]
    if unknown:
        LOG.warning(
            f"Pool {pool.name!r}: the class of {len(unknown)} of {len(rows)} images is unknown (first: "
            f"{shown(unknown[0])}); genimage_metadata.csv or a list of ImageNet's val tells those of GenImage's val"
        )
    return rows


def _tell_unpublished(paths: Sequence[str], n: int, pool: Pool, path: Path) -> None:
    if paths and not imagenet.is_list(path):
        LOG.warning(f"Pool {pool.name!r}: {len(paths)} of {n} images are not in {path} (first: {shown(paths[0])})")


def class_of(name: str, folder: str | None, label: Label) -> int | None:
    """ImageNet-1k's class index (0-999) that a file's name tells, by the patterns above; None: none."""
    if label == "real":
        synset = _SYNSET.match(name)
        return imagenet.indices().get(synset[1]) if synset else None
    stem = PurePosixPath(name).stem
    is_glide = stem.upper().startswith("GLIDE_") or "_glide_" in stem.lower() or (folder or "").lower() == "glide"
    found = (_FIFTH.match(f"{stem}_") if is_glide else None) or _FIRST.match(f"{stem}_")
    return int(found[1]) if found and int(found[1]) < imagenet.CLASSES else None


def _class(index: int | None, name: str) -> dict[str, Any]:
    synset = _SYNSET.match(name)
    known = imagenet.synsets()[index] if index is not None else synset[1] if synset else None
    words = imagenet.names().get(known) if known else None
    return {"class_index": index, "class_synset": known, "class_name": words}


def _told(
    path: Path | None, folders: set[str | None], label: Label
) -> Callable[[str | None, Split, str], tuple[int | None, int | None]]:
    """(folder, split, name) -> (class index, published quality) of what the user gave."""
    if path is None:
        return lambda folder, split, name: (None, None)
    if not path.is_file():
        raise FileNotFoundError(f"No file {path}: expected genimage_metadata.csv or a list of ImageNet's val classes.")
    if imagenet.is_list(path):
        classes = imagenet.val_classes(path) if label == "real" else {}
        return lambda folder, split, name: (classes.get(name.partition(".")[0]), None)
    named = {folder: canonical(folder) or "" for folder in folders}
    rows = published.lookup(path, set(named.values()), label)
    theirs = {split: theirs for theirs, split in SPLITS.items()}
    nothing: dict[str, tuple[int, int]] = {}
    return lambda folder, split, name: rows.get((named[folder], theirs[split]), nothing).get(name, (None, None))


def _defects(pool: Pool) -> Callable[[str, Split], str | None]:
    """(path, split) -> what a published list says of the file.

    The list of broken reals is of the Google Drive copy: the volumes, or a tree with the archives' folders in it, which
    the Dataverse copy has not.
    """
    if not pool.known_defects:
        return lambda path, split: None
    above, kind = pool.source.root.split("/"), pool.source.kind

    def defect(path: str, split: Split) -> str | None:
        name = path.rpartition("/")[2]
        listed = defects.genimage().get(name)
        if listed is None or split != "train":
            return None
        drive = kind == "genimage_volumes" or (
            kind != "genimage_dataverse" and listed.archive in (*above, *path.split("/"))
        )
        return defects.of_genimage(name, pool.label, drive)

    return defect
