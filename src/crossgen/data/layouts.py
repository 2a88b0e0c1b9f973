"""What the folders between a source's root and an image say of it: label, split and subset folder.

| layout | label | split | outside the layout |
|---|---|---|---|
| plain | the pool's | none | nothing |
| splits | the pool's | the topmost folder of a split | a file in no such folder, where others are in one |
| ai_nature, 0_real_1_fake, real_fake | the folder so called (any case) | as above, over or under it | no such \
folder, or both; then as above |
| genimage | ai or nature right below train or val | train; val is the test set | every other file |

What lies outside is left out, and a warning counts and names it; if nothing else is there, the listing is refused.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from crossgen.config import Laid, Pool
from crossgen.config.below import SPLITS, is_below, may_lead_below, without_splits
from crossgen.config.values import Label, Split
from crossgen.data import genimage
from crossgen.data.names import as_text, shown

LOG = logging.getLogger(__name__)

#: Layout to its two folders and what they say.
LABELS: Mapping[str, Mapping[str, Label]] = {
    "ai_nature": {"ai": "fake", "nature": "real"},
    "0_real_1_fake": {"1_fake": "fake", "0_real": "real"},
    "real_fake": {"fake": "fake", "real": "real"},
}

Folders = tuple[str, ...]


@dataclass(frozen=True)
class Placed:
    """What the folders say of the files in them. `label` None: nothing; `folder`: the subset folder, or None."""

    label: Label | None
    split: Split | None
    folder: str | None


#: The place of files that are of another subset.
ELSEWHERE = Placed(None, None, None)


def arranged(files: Iterable[tuple[str, bool]], source: Laid, pool: Pool) -> list[tuple[str, Placed]]:
    """Those of the files (path below root, whether it may be a folder itself: a link that leads nowhere) that are of
    the pool, with their places.

    Raises ValueError if none is, saying what was expected and what was seen.
    """
    where = _places(source)
    placed = [(path, where(path if is_folder else path.rpartition("/")[0])) for path, is_folder in files]
    outside = [path for path, place in placed if place is None]
    mine = [(path, place) for path, place in placed if place and place is not ELSEWHERE]
    found, stray = _in_splits([(path, place) for path, place in mine if place.label in (None, pool.label)])
    if not found:
        raise ValueError(_nothing(source, pool))
    if source.layout == "splits" and not any(place.split for _, place in found):
        LOG.warning(
            f"Pool {pool.name!r}: no folder train, val or test (seen: {_seen(Path(source.root))}), so its images are "
            "split by hash of the group"
        )
    if outside or stray:
        first = ", ".join(map(shown, sorted([*outside, *stray])[:5]))
        LOG.warning(
            f"Pool {pool.name!r}: left out {len(outside) + len(stray)} images that lie outside layout {source.layout} "
            f"(first: {first}); expected {_expected(source, pool)}"
        )
    return found


def _places(source: Laid) -> Callable[[str], Placed | None]:
    """Folder below root -> its place, looked up once a folder."""

    @cache
    def place(folder: str) -> Placed | None:
        parts = tuple(part for part in folder.split("/") if part)
        if not _is_wanted(parts, source):
            return ELSEWHERE
        return _LAYOUTS[source.layout](parts, source)

    return place


def _is_wanted(folders: Sequence[str], source: Laid) -> bool:
    """Whether files in these folders are of the subset; GenImage's may be told by our name of the generator too."""
    if is_below(folders, source.subset, source.layout):
        return True
    known = genimage.FOLDERS.get(source.subset or "") if source.layout == "genimage" else None
    return known is not None and any(genimage.canonical(folder) == known for folder in folders)


def _plain(_: Folders, source: Laid) -> Placed:
    return Placed(None, None, _written(source.subset))


def _splits(folders: Folders, source: Laid) -> Placed:
    return Placed(None, _split(folders), _written(source.subset))


def _written(subset: str | None) -> str | None:
    """In one spelling: `./a/` is `a`."""
    return "/".join(PurePosixPath(subset).parts) or None if subset else None


def _split(folders: Folders) -> Split | None:
    """The topmost: ProGAN's training set has a class called `train`."""
    return next((SPLITS[folder.lower()] for folder in folders if folder.lower() in SPLITS), None)


def _labelled(folders: Folders, source: Laid) -> Placed | None:
    names = LABELS[source.layout]
    labels = [names.get(folder.lower()) for folder in folders]
    if len({label for label in labels if label}) != 1:
        return None
    place, label = next((place, label) for place, label in enumerate(labels) if label)
    return Placed(label, _split(folders), "/".join(without_splits(folders[:place])) or None)


def _genimage(folders: Folders, source: Laid) -> Placed | None:
    found = genimage.place(folders)
    return Placed(found.label, found.split, found.folder or genimage.folder_of(source.root)) if found else None


_LAYOUTS: Mapping[str, Callable[[Folders, Laid], Placed | None]] = {
    "plain": _plain, "splits": _splits, "genimage": _genimage, **dict.fromkeys(LABELS, _labelled),
}  # fmt: skip


def _in_splits(found: list[tuple[str, Placed]]) -> tuple[list[tuple[str, Placed]], list[str]]:
    """Where some lie in folders of splits, those that do, and the others' paths."""
    if len({place.split is None for _, place in found}) < 2:
        return found, []
    return [each for each in found if each[1].split], [path for path, place in found if not place.split]


def worth_entering(folders: Sequence[str], source: Laid, label: Label) -> bool:
    """Whether images of the pool may lie in this folder or below: GenImage's other folders need not be listed."""
    if not may_lead_below(folders, source.subset, source.layout):
        return False
    if source.layout == "genimage":
        found = genimage.place(folders)
        return found is None or (found.label == label and _is_wanted(folders, source))
    names = LABELS.get(source.layout, {})
    return next((names[folder.lower()] for folder in folders if folder.lower() in names), label) == label


def _expected(source: Laid, pool: Pool) -> str:
    if source.layout == "genimage":
        folder = next(name for name, label in genimage.LABELS.items() if label == pool.label)
        return f"<generator>/[<archive>/]<train|val>/{folder}/<file>, or the same from the generator's folder on"
    if source.layout in LABELS:
        folder = next(name for name, label in LABELS[source.layout].items() if label == pool.label)
        return f"a folder {folder}, and folders train, val or test over or under it for all images or for none"
    return "folders train, val or test for all images or for none" if source.layout == "splits" else "images"


def _nothing(source: Laid, pool: Pool) -> str:
    subset = f", subset {source.subset}" if source.subset else ""
    return (
        f"Pool {pool.name!r}: layout {source.layout} finds no {pool.label} image below {source.root}{subset}: expected "
        f"{_expected(source, pool)}; seen: {_seen(Path(source.root))}. Correct root, layout or subset in the config."
    )


def _seen(root: Path) -> str:
    """The first folders below root, two levels of them."""
    folders = []
    for outer in sorted(path for path in root.iterdir() if path.is_dir()):
        inner = sorted(path.name for path in outer.iterdir() if path.is_dir())
        folders += [f"{outer.name}/{name}" for name in inner[:4]] or [outer.name]
    more = f" and {len(folders) - 8} more" if len(folders) > 8 else ""
    return ", ".join(shown(as_text(folder)) for folder in folders[:8]) + more or "no folder"
