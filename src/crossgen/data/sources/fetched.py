"""Folders that `crossgen fetch` has filled: listed as folders are, but only once all of it is there."""

from typing import Any

from crossgen.config import ArchiveSource, HuggingFaceSource, Pool
from crossgen.data.fetch.archive import is_unpacked
from crossgen.data.fetch.huggingface import is_fetched
from crossgen.data.sources import folder


def entries(source: ArchiveSource | HuggingFaceSource, pool: Pool) -> list[dict[str, Any]]:
    """Facts of each image of the pool below the source's root. Raises FileNotFoundError if a fetch has not ended."""
    is_whole = is_unpacked(source) if isinstance(source, ArchiveSource) else is_fetched(source)
    if not is_whole:
        raise FileNotFoundError(
            f"Pool {pool.name!r}: {source.root} does not hold all of its source yet: run crossgen fetch for it."
        )
    return folder.entries(source, pool)
