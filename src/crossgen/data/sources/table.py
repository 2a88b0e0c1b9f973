"""Images listed in a CSV or Parquet table."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from crossgen.config import TableSource

COLUMNS = ("path", "split", "group", "class_name", "stratum", "bytes", "blake3")
TEXT = ("pool", "path", "split", "group", "class_name", "stratum", "blake3")


def entries(source: TableSource, pool: str) -> list[dict[str, Any]]:
    """Rows of the table that bear the pool's name (all rows, if there is no column `pool`).

    Raises FileNotFoundError, ValueError (no column `path`, unsafe paths) with the remedy.
    """
    content = _read(source, pool)
    if "path" not in content.column_names:
        raise ValueError(f"Pool {pool!r}: {source.table} has no column 'path'; it has {content.column_names}.")
    if "pool" in content.column_names:
        content = content.filter(pc.equal(content["pool"], pool))
    rows: list[dict[str, Any]] = content.select([name for name in COLUMNS if name in content.column_names]).to_pylist()
    for row in rows:
        parts = Path(row["path"]).parts
        if not parts or ".." in parts or Path(row["path"]).is_absolute():
            raise ValueError(
                f"Pool {pool!r}: path {row['path']!r} in {source.table} leaves its root: write it relative."
            )
    return rows


def _read(source: TableSource, pool: str) -> pa.Table:
    path = Path(source.table)
    if not path.is_file():
        raise FileNotFoundError(f"Pool {pool!r}: no table {source.table}: correct source.table in the config.")
    if path.suffix == ".parquet":
        return pyarrow.parquet.read_table(path)
    options = pyarrow.csv.ConvertOptions(
        column_types={name: pa.string() for name in TEXT} | {"bytes": pa.int64()},
        strings_can_be_null=True,
        null_values=[""],
    )
    return pyarrow.csv.read_csv(path, convert_options=options)
