"""Members of an archive in batches, each asked for by few patterns.

7-Zip compares every member with every name that it is given: 330,000 names one by one would take it a quarter of an
hour. So the members of a folder are divided by how their names begin until few enough share a beginning.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from crossgen.data.members import Member

#: At most so many members, or bytes, in a batch: what a kill costs.
MEMBERS, BYTES = 20_000, 4 << 30
#: Of these, a pattern's share.
_PATTERNS = 10


@dataclass
class Batch:
    """Members by their paths below the root, and 7-Zip patterns that choose them (and perhaps others)."""

    patterns: list[str] = field(default_factory=list)
    members: dict[str, Member] = field(default_factory=dict)
    size: int = 0


def batches(files: Mapping[str, Member]) -> Iterator[Batch]:
    """All the files, folder by folder."""
    folders: dict[str, list[tuple[str, str]]] = {}
    for path, member in files.items():
        folder, slash, name = member.name.rpartition("/")
        folders.setdefault(folder + slash, []).append((name, path))
    batch = Batch()
    for folder, named in folders.items():
        for pattern, paths in _leaves(folder, "", sorted(named), files):
            size = sum(files[path].size for path in paths)
            if batch.patterns and (len(batch.members) + len(paths) > MEMBERS or batch.size + size > BYTES):
                yield batch
                batch = Batch()
            batch.patterns.append(pattern)
            batch.members |= {path: files[path] for path in paths}
            batch.size += size
    if batch.patterns:
        yield batch


def _leaves(
    folder: str, start: str, named: list[tuple[str, str]], files: Mapping[str, Member]
) -> Iterator[tuple[str, list[str]]]:
    """(pattern, paths) of the (name, path) in one folder whose names begin with `start`."""
    paths = [path for _, path in named]
    if len(named) == 1:
        yield folder + named[0][0], paths
    elif len(named) * _PATTERNS <= MEMBERS and sum(files[path].size for path in paths) * _PATTERNS <= BYTES:
        yield f"{folder}{start}*", paths
    else:
        for longer, group in groupby(named, lambda pair: pair[0][: len(start) + 1]):
            if longer == start:  # a name that is the start of the others
                yield folder + longer, [path for _, path in group]
            else:
                yield from _leaves(folder, longer, list(group), files)
