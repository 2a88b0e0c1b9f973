"""The tables that travel between steps: reading, writing, checks at the door. Their kinds: `crossgen.schemas`.

Tables are Parquet (zstd) and carry their own keys as columns; columns beyond the declared ones are kept. Light
commands work on `pyarrow.Table` directly, so that a small job does not pay for an import of pandas.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from crossgen.files import write_whole
from crossgen.schemas import BIASES as BIASES
from crossgen.schemas import BREAKDOWNS as BREAKDOWNS
from crossgen.schemas import CONTENTS as CONTENTS
from crossgen.schemas import CORRELATIONS as CORRELATIONS
from crossgen.schemas import CROPS as CROPS
from crossgen.schemas import CURVES as CURVES
from crossgen.schemas import DIFFERENCES as DIFFERENCES
from crossgen.schemas import DISAGREEMENTS as DISAGREEMENTS
from crossgen.schemas import DUPLICATES as DUPLICATES
from crossgen.schemas import FILES as FILES
from crossgen.schemas import FLAG as FLAG
from crossgen.schemas import HARDEST as HARDEST
from crossgen.schemas import HISTORY as HISTORY
from crossgen.schemas import INTEGER as INTEGER
from crossgen.schemas import LOGIT as LOGIT
from crossgen.schemas import LOSSES as LOSSES
from crossgen.schemas import MADE as MADE
from crossgen.schemas import MANIFEST as MANIFEST
from crossgen.schemas import METRICS as METRICS
from crossgen.schemas import MISJUDGED as MISJUDGED
from crossgen.schemas import OPERATING_POINTS as OPERATING_POINTS
from crossgen.schemas import PROBES as PROBES
from crossgen.schemas import REAL as REAL
from crossgen.schemas import RELIABILITY as RELIABILITY
from crossgen.schemas import RENDERED as RENDERED
from crossgen.schemas import SCORES as SCORES
from crossgen.schemas import SEED_MEANS as SEED_MEANS
from crossgen.schemas import SELECTION as SELECTION
from crossgen.schemas import SPECTRA as SPECTRA
from crossgen.schemas import SPECTRAL as SPECTRAL
from crossgen.schemas import TEXT as TEXT
from crossgen.schemas import THRESHOLDS as THRESHOLDS
from crossgen.schemas import VALIDATED as VALIDATED
from crossgen.schemas import VALIDATION as VALIDATION
from crossgen.schemas import VERIFIED as VERIFIED
from crossgen.schemas import WATCHED as WATCHED
from crossgen.schemas import WATERFALL as WATERFALL
from crossgen.schemas import Schema as Schema

#: Where a table's file tells of itself: the key of its Parquet metadata.
FACTS = b"crossgen"


def check(table: pa.Table, schema: Schema, where: str) -> pa.Table:
    """Return `table` with the declared columns first and cast to their types.

    An undefined number is NaN, and one that is not told, of an optional column, a null. Raises ValueError that names
    the table, the column and the first offending row: a missing column, a value of another type, a null where none may
    be, a repeated key.
    """
    missing = [name for name in schema.columns if name not in table.column_names]
    if missing:
        raise ValueError(f"{where}: {schema.name} table lacks the columns {missing}; it has {table.column_names}.")
    extra = [name for name in table.column_names if name not in schema.columns]
    table = table.select([*schema.columns, *extra])
    for name, kind in schema.columns.items():
        table = _typed(table, name, kind, f"{where}: column {name!r} of a {schema.name} table")
        if name in schema.optional and kind == REAL:
            empty = pc.if_else(pc.is_nan(table[name]), None, table[name])
            table = table.set_column(table.column_names.index(name), name, empty)
        if name not in schema.optional and table[name].null_count:
            row = table[name].is_null().to_pylist().index(True)
            raise ValueError(f"{where}: column {name!r} of a {schema.name} table is empty in row {row}.")
    _refuse_repeats(table, schema, where)
    return table


def _typed(table: pa.Table, name: str, kind: pa.DataType, what: str) -> pa.Table:
    """Cast one column. NaN among integers or texts counts as empty (pandas writes it so); an empty number is NaN."""
    column = table[name]
    if pa.types.is_floating(kind) and column.null_count:
        column = column.cast(kind).fill_null(float("nan"))
        return table.set_column(table.column_names.index(name), name, column)
    if column.type == kind:
        return table
    if pa.types.is_floating(column.type) and not pa.types.is_floating(kind):
        column = pc.if_else(pc.is_nan(column), None, column)
    try:
        return table.set_column(table.column_names.index(name), name, column.cast(kind))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ValueError(f"{what}: expected {kind}, found {column.type} ({error}).") from error


def _refuse_repeats(table: pa.Table, schema: Schema, where: str) -> None:
    if not schema.key:
        return
    counts = table.select(list(schema.key)).group_by(list(schema.key)).aggregate([([], "count_all")])
    repeated = counts.filter(pc.greater(counts["count_all"], 1))
    if repeated.num_rows:
        first = {name: repeated[name][0].as_py() for name in schema.key}
        raise ValueError(f"{where}: {repeated.num_rows} repeated keys in a {schema.name} table, first: {first}.")


def read(
    path: str | Path, schema: Schema, columns: Sequence[str] | None = None, where: pc.Expression | None = None
) -> pa.Table:
    """Read and check one table, or some `columns` of it, or the rows `where` something holds.

    Raises FileNotFoundError, ValueError (see `check`).
    """
    wanted = schema if columns is None else schema.only(columns)
    with _readable(path):
        there = None if columns is None else [name for name in pq.read_schema(path).names if name in columns]
        table = pq.read_table(path, columns=there, filters=where)
    return check(table, wanted, str(path))


@contextmanager
def _readable(path: str | Path) -> Iterator[None]:
    try:
        yield
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path}: not a readable Parquet file ({error}); remove it and run again.") from error


def read_all(paths: Sequence[str | Path], schema: Schema, columns: Sequence[str] | None = None) -> pa.Table:
    """Read tables of one kind, or some `columns` of them, as one; keys may not repeat across them."""
    tables = [read(path, schema, columns) for path in paths]
    wanted = schema if columns is None else schema.only(columns)
    return check(pa.concat_tables(tables, promote_options="default"), wanted, f"{len(paths)} tables together")


def stream(path: str | Path, schema: Schema, rows: int = 65_536) -> Iterator[pa.Table]:
    """One table in checked pieces of at most so many rows: what does not fit into memory as a whole.

    Keys may not repeat within a piece. Raises as `read` does.
    """
    with _readable(path), pq.ParquetFile(path) as file:
        for batch in file.iter_batches(rows, use_threads=False):
            yield check(pa.Table.from_batches([batch]), schema, str(path))


def stream_column(path: str | Path, name: str, kind: pa.DataType) -> Iterator[pa.Array]:
    """One column of a table in pieces. Raises ValueError if the table is not readable or lacks it."""
    with _readable(path), pq.ParquetFile(path) as file:
        if name not in file.schema_arrow.names:
            raise ValueError(f"{path}: no column {name!r}; it has {file.schema_arrow.names}.")
        for batch in file.iter_batches(columns=[name]):
            yield batch.column(0).cast(kind)


def write_stream(path: str | Path, pieces: Iterable[pa.Table], schema: Schema) -> int:
    """Write one table whole from pieces, each of them a row group and checked; returns the number of rows.

    Without pieces the table is empty. Columns beyond the declared ones are those of the first piece; ValueError if
    another lacks one of them.
    """
    rows = 0

    def fill(part: Path) -> None:
        nonlocal rows
        following = iter(pieces)
        first = check(next(following, from_rows([], schema)).replace_schema_metadata(None), schema, str(path))
        with pq.ParquetWriter(part, first.schema, compression="zstd") as writer:
            for piece in chain([first], following):
                writer.write_table(_like(first, check(piece.replace_schema_metadata(None), schema, str(path)), path))
                rows += piece.num_rows

    write_whole(path, fill)
    return rows


def _like(first: pa.Table, piece: pa.Table, path: str | Path) -> pa.Table:
    missing = set(first.column_names) - set(piece.column_names)
    if missing:
        raise ValueError(f"{path}: a piece of the table lacks the columns {sorted(missing)} that the first piece has.")
    return piece.select(first.column_names).cast(first.schema)


def write(path: str | Path, table: pa.Table, schema: Schema, facts: Mapping[str, Any] | None = None) -> None:
    """Check a table and write it whole (see `write_whole`), with `facts` (JSON-able) that its file tells of itself."""
    checked = check(table.replace_schema_metadata(None), schema, str(path))
    if facts is not None:
        checked = checked.replace_schema_metadata({FACTS: json.dumps(facts, sort_keys=True)})
    write_whole(path, lambda part: pq.write_table(checked, part, compression="zstd"))


def facts(path: str | Path) -> dict[str, Any] | None:
    """What `write` was given of a table's file; None of a file that tells nothing. Raises ValueError (see `read`)."""
    with _readable(path):
        told = (pq.read_schema(path).metadata or {}).get(FACTS)
    found: dict[str, Any] | None = None if told is None else json.loads(told)
    return found


def from_rows(rows: Sequence[dict[str, object]], schema: Schema) -> pa.Table:
    """A table of `schema` from dictionaries, one a row; also right when there are no rows."""
    columns = {name: [row.get(name) for row in rows] for name in schema.columns}
    return pa.table({name: pa.array(columns[name], kind) for name, kind in schema.columns.items()})
