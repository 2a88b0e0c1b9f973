"""Images listed in a CSV or Parquet table.

CSV is UTF-8 with a line of names; values may stand in double quotes and then hold commas, newlines and (doubled)
quotes. An empty value is unknown. Paths are written as tables hold them: see `crossgen.data.names`.
"""

from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from crossgen.config import Pool, TableSource

TYPES = {
    "path": pa.string(), "split": pa.string(), "group": pa.string(), "class_name": pa.string(),
    "stratum": pa.string(), "bytes": pa.int64(), "blake3": pa.string(),
}  # fmt: skip


def entries(source: TableSource, pool: Pool) -> list[dict[str, Any]]:
    """Rows of the table that bear the pool's name (all rows, if there is no column `pool`).

    Raises FileNotFoundError, ValueError (unreadable table, no column `path`, a value of another type, absent or unsafe
    paths), naming table, column and row (the first below the names is row 1).
    """
    content, where = _read(source, pool), f"Pool {pool.name!r}: {source.table}"
    names = content.column_names
    if "path" not in names or len(set(names)) < len(names):
        raise ValueError(f"{where} has no column 'path', or one name twice; its columns are {names}.")
    content = content.append_column("row", pa.array(range(1, content.num_rows + 1)))
    if "pool" in names:
        content = content.filter(pc.equal(_typed(content, "pool", pa.string(), where), pool.name))
    for name in TYPES.keys() & names:
        column = _typed(content, name, TYPES[name], where)
        content = content.set_column(content.column_names.index(name), name, column)
    rows: list[dict[str, Any]] = content.select(["row", *(name for name in TYPES if name in names)]).to_pylist()
    for row in rows:
        row["path"] = _relative(row["path"], f"{where}, row {row.pop('row')}")
    return rows


def _read(source: TableSource, pool: Pool) -> pa.Table:
    path = Path(source.table)
    if not path.is_file():
        raise FileNotFoundError(f"Pool {pool.name!r}: no table {source.table}: correct source.table in the config.")
    try:
        if path.suffix == ".parquet":
            return pyarrow.parquet.ParquetFile(path).read()  # read_table would take columns from the names of folders
        return pyarrow.csv.read_csv(
            path,
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(("pool", *TYPES), pa.string()), strings_can_be_null=True, null_values=[""]
            ),
        )
    except pa.ArrowInvalid as error:
        raise ValueError(f"Pool {pool.name!r}: {source.table} is no readable table: {error}") from error


def _typed(content: pa.Table, name: str, kind: pa.DataType, where: str) -> pa.ChunkedArray:
    try:
        return content[name].cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        for row, value in zip(content["row"].to_pylist(), content[name], strict=True):
            try:
                value.cast(kind)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                wrong = f"{where}, column {name!r}, row {row}: expected {kind}, found {value.as_py()!r}."
                raise ValueError(wrong) from None
        raise ValueError(f"{where}, column {name!r}: expected {kind}, found {content[name].type}.") from error


def _relative(path: str | None, where: str) -> str:
    """A path in one spelling (`./a.jpg` is `a.jpg`), so that no image is listed under two."""
    if path is None:
        raise ValueError(f"{where} has no path.")
    relative = PurePosixPath(path)
    if not relative.parts or ".." in relative.parts or relative.is_absolute():
        raise ValueError(f"{where}: path {path!r} leaves its root: write it relative.")
    return relative.as_posix()
