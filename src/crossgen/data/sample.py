"""At most so many rows of each label, by hash: the same ones in any order of rows, and whole groups."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from blake3 import blake3

from crossgen.intervals import Codes

#: Rows of a label that an audit looks at. Their interval is narrower than any bias that matters.
LIMIT = 100_000


def at_most(rows: pa.Table, limit: int = LIMIT) -> pa.Table:
    """Rows of a table (columns label, group, image_id), at most `limit` of each label: those of the first groups in a
    hashed order, which are the same whatever else the table holds."""
    labels = rows["label"].to_numpy()
    kept = [_first(rows, np.flatnonzero(labels == label), limit) for label in np.unique(labels)]
    return rows.take(np.sort(np.concatenate(kept))) if kept else rows


def gathered(tables: Iterable[pa.Table], limit: int = LIMIT) -> tuple[pa.Table, dict[int, int]]:
    """`at_most` of many tables as one, holding one of them at a time; and how many rows of each label there were."""
    parts, seen = list[pa.Table](), dict[int, int]()
    for table in tables:
        for counted in pc.value_counts(table["label"]).to_pylist():
            seen[counted["values"]] = seen.get(counted["values"], 0) + counted["counts"]
        parts.append(at_most(table, limit))
    if not parts:
        raise ValueError("An audit needs at least one table.")
    return at_most(pa.concat_tables(parts, promote_options="permissive"), limit), seen


def said(seen: dict[int, int], limit: int = LIMIT) -> str | None:
    """What was left out, in words; None if nothing."""
    names = {0: "reals", 1: "fakes"}
    cut = [f"{limit:,} of {count:,} {names[label]}" for label, count in sorted(seen.items()) if count > limit]
    return f"a sample by hash: {' and '.join(cut)}" if cut else None


def _first(rows: pa.Table, places: Codes, limit: int) -> Codes:
    """Places of the first `limit` of some rows, ordered by the hash of the group, then by image and crop."""
    if len(places) <= limit:
        return places
    keys = [column for column in ("image_id", "crop") if column in rows.column_names]
    chosen = rows.select(["group", *keys]).take(places)
    hashes = [blake3(str(group).encode()).digest(length=8) for group in chosen["group"].to_pylist()]
    ordered = chosen.drop_columns("group").append_column("hash", pa.array(hashes, pa.binary()))
    order = pc.sort_indices(ordered, sort_keys=[(name, "ascending") for name in ("hash", *keys)])
    return np.asarray(places[order.to_numpy()[:limit]])
