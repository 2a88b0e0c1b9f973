"""Images that a rule made, as its tables tell of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crossgen import records
from crossgen.config import Pool


def entries(tables: Sequence[Path], pool: Pool) -> list[dict[str, Any]]:
    """The rows of all tables, as facts. Raises ValueError where none is given."""
    if not tables:
        raise ValueError(
            f"Pool {pool.name!r}: its images are made (source kind {pool.source.kind!r}) and listed from the tables of"
            " those that were: give them by --made."
        )
    rows: list[dict[str, Any]] = records.read_all(tables, records.MADE).select(list(records.MADE.columns)).to_pylist()
    return rows
