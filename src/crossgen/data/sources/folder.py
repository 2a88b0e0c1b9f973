"""All images below a folder, of which its layout says what they are (see `crossgen.data.layouts`).

- An image is a file whose name ends in one of `suffixes`; files with other endings are passed over, and counted.
- Links are followed, to files and to folders. A folder that is reached twice (by a link, by a loop of links) is listed
  once, under its own path where it has one below the root, and the second way is named: an image under two names would
  be trained on and tested.
- What is no regular file, or a link that leads nowhere (whatever its name: it may have been a folder of images), is
  listed too; metadata then quarantines it as `unreadable`.
- Folders that the layout or the subset gives to another pool are not entered. Nor is `.crossgen` at the root, where
  fetching keeps its state.
"""

import logging
import os
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from crossgen.config import Laid, Pool
from crossgen.data import genimage, layouts
from crossgen.data.names import as_text, shown
from crossgen.progress import track

LOG = logging.getLogger(__name__)

#: Folder at a root that belongs to `crossgen fetch`.
STATE = ".crossgen"


def entries(source: Laid, pool: Pool) -> list[dict[str, Any]]:
    """Facts of each image of the pool below the source's root; case of endings is ignored.

    What is passed over is logged. Raises FileNotFoundError with the remedy, OSError for a folder that cannot be read,
    ValueError if the layout finds nothing or `group` does not match.
    """
    if not Path(source.root).is_dir():
        raise FileNotFoundError(f"Pool {pool.name!r}: no folder {source.root}: correct its root in the config.")
    placed = layouts.arranged(_images(source, pool), source, pool)
    if source.layout == "genimage":  # which has a split in every place
        facts = [(path, place.split, place.folder) for path, place in placed if place.split]
        found = genimage.described(facts, pool, Path(source.metadata) if source.metadata else None)
    else:
        found = [{"path": path, "split": place.split, "folder": place.folder} for path, place in placed]
    if source.split:
        found = [row | {"split": source.split} for row in found]
    return _grouped(found, source, pool) if source.group else found


def _images(source: Laid, pool: Pool) -> list[tuple[str, bool]]:
    """(path, whether it is a link that leads nowhere) of what counts as an image below the root."""
    root = Path(source.root)
    found, others, repeats = [], Counter[str](), list[str]()

    def is_entered(folder: str) -> bool:
        parts = tuple(as_text(folder).split("/"))
        return parts != (STATE,) and layouts.worth_entering(parts, source, pool.label)

    for path, is_broken in track(_files(root, is_entered, repeats), f"download: {root}", None, "files"):
        ending = os.path.splitext(path)[1].lower()  # noqa: PTH122 (2.7 million Path objects cost seconds)
        if is_broken or ending in source.suffixes:
            found.append((as_text(path), is_broken))
        else:
            others[ending] += 1
    if others:
        told = ", ".join(f"{ending or 'none'}: {count}" for ending, count in others.most_common(10))
        LOG.warning(
            f"Pool {pool.name!r}: passed over {others.total()} files by their endings ({told}); see source.suffixes"
        )
    if repeats:
        first = ", ".join(map(shown, repeats[:5]))
        LOG.warning(f"Pool {pool.name!r}: {len(repeats)} folders are reached twice and listed once (first: {first})")
    return found


def _grouped(found: list[dict[str, Any]], source: Laid, pool: Pool) -> list[dict[str, Any]]:
    """The images with the groups that their names tell; a file whose name tells none would be torn from its group."""
    pattern = re.compile(str(source.group))
    matches = [(row, pattern.search(PurePosixPath(row["path"]).stem)) for row in found]
    lost = [row["path"] for row, match in matches if not (match and match[1])]
    if lost:
        raise ValueError(
            f"Pool {pool.name!r}: group {source.group!r} finds nothing in the names of {len(lost)} of {len(found)} "
            f"images (first: {shown(lost[0])}): correct `group` in the config, it is searched in names without ending."
        )
    return [row | {"group": match[1]} for row, match in matches if match]


def _files(root: Path, is_entered: Callable[[str], bool], repeats: list[str]) -> Iterator[tuple[str, bool]]:
    """(path below root, whether it is a link that leads nowhere) of all but folders; second ways go to `repeats`.

    Folders that are no links come first, so that they keep their own paths.
    """
    folders, links, seen = deque([""]), deque[str](), set[tuple[int, int]]()
    while folders or links:
        folder = (folders or links).popleft()
        here = root / folder
        state = here.stat()
        if (state.st_dev, state.st_ino) in seen:
            repeats.append(folder)
            continue
        seen.add((state.st_dev, state.st_ino))
        with os.scandir(here) as inside:
            items = sorted(inside, key=lambda item: item.name)
        for item in items:
            path = f"{folder}/{item.name}" if folder else item.name
            if _is_folder(item):
                if is_entered(path):
                    (links if item.is_symlink() else folders).append(path)
            else:
                yield path, item.is_symlink() and not Path(item.path).exists()


def _is_folder(item: "os.DirEntry[str]") -> bool:
    try:
        return item.is_dir()
    except OSError:  # a loop of links
        return False
