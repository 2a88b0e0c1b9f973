"""All images below a folder.

- An image is a file whose name ends in one of `suffixes`; files with other endings are passed over, and counted.
- Links are followed, to files and to folders. A folder that is reached twice (by a link, by a loop of links) is listed
  once, under its own path where it has one below the root, and the second way is named: an image under two names would
  be trained on and tested.
- What is no regular file, or a link that leads nowhere (whatever its name: it may have been a folder of images), is
  listed too; metadata then quarantines it as `unreadable`.
"""

import logging
import os
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crossgen.config import FolderSource, Pool
from crossgen.data.names import as_text, shown
from crossgen.progress import track

LOG = logging.getLogger(__name__)


def entries(source: FolderSource, pool: Pool) -> list[dict[str, Any]]:
    """Path (and the split, where the config states one) of each image below the folder; case of endings is ignored.

    What is passed over is logged. Raises FileNotFoundError with the remedy, OSError for a folder that cannot be read.
    """
    root = Path(source.root)
    if not root.is_dir():
        raise FileNotFoundError(f"Pool {pool.name!r}: no folder {source.root}: correct source.root in the config.")
    found, others, repeats = [], Counter[str](), list[str]()
    for path, is_broken in track(_files(root, repeats), f"download: {root}", None, "files"):
        ending = os.path.splitext(path)[1].lower()  # noqa: PTH122 (2.7 million Path objects cost seconds)
        if is_broken or ending in source.suffixes:
            found.append({"path": as_text(path), "split": source.split})
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


def _files(root: Path, repeats: list[str]) -> Iterator[tuple[str, bool]]:
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
                (links if item.is_symlink() else folders).append(path)
            else:
                yield path, item.is_symlink() and not Path(item.path).exists()


def _is_folder(item: "os.DirEntry[str]") -> bool:
    try:
        return item.is_dir()
    except OSError:  # a loop of links
        return False
