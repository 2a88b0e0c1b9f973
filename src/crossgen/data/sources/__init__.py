"""How images arrive on disk: one module a kind, chosen by the `kind` of a pool's source."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from crossgen.data.sources import folder, table


@dataclass(frozen=True)
class Entry:
    """One image as its source describes it; None where the source does not say."""

    path: str
    split: str | None = None
    group: str | None = None
    class_name: str | None = None
    stratum: str | None = None
    bytes: int | None = None
    blake3: str | None = None


#: kind -> (source, pool name) -> facts of the images, in any order, as keyword arguments of Entry.
SOURCES: dict[str, Callable[[Any, str], list[dict[str, Any]]]] = {"folder": folder.entries, "table": table.entries}


def entries(source: Any, pool: str) -> list[Entry]:  # noqa: ANN401 (one of config's source classes)
    """Everything a source holds for a pool, ordered by path.

    Raises FileNotFoundError (no such root or table), ValueError (nothing found, doubled paths, unknown split).
    """
    found = sorted((Entry(**facts) for facts in SOURCES[source.kind](source, pool)), key=lambda entry: entry.path)
    if not found:
        raise ValueError(f"Pool {pool!r}: its source ({source.kind} {source.root}) holds no image of it.")
    for before, after in pairwise(found):
        if before.path == after.path:
            raise ValueError(f"Pool {pool!r}: {after.path} is listed twice.")
    for entry in found:
        if entry.split not in (None, "train", "val", "test"):
            raise ValueError(f"Pool {pool!r}: split {entry.split!r} of {entry.path}: expected train, val or test.")
    return found
