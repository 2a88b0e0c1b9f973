"""Images listed in a CSV or Parquet table.

CSV is UTF-8 with a line of names; values may stand in double quotes and then hold commas, newlines and (doubled)
quotes. An empty value is unknown. Paths are written as tables hold them: see `crossgen.data.names`.

One table may list several pools: rows that a column `pool` or `label` gives to another are left out, and those that a
column `generator` does, where the pool states its generator.
"""

from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from crossgen.config import Pool, TableSource
from crossgen.config.values import Label

TYPES = {
    "path": pa.string(), "split": pa.string(), "group": pa.string(), "class_index": pa.int64(),
    "class_synset": pa.string(), "class_name": pa.string(), "generator": pa.string(), "stratum": pa.string(),
    "bytes": pa.int64(), "blake3": pa.string(), "pair": pa.string(), "pair_x": pa.int64(), "pair_y": pa.int64(),
    "psnr": pa.float64(), "ssim": pa.float64(),
}  # fmt: skip

#: Columns that are read as text, whatever a CSV's values look like, and only choose rows.
CHOOSING = ("pool", "label")
#: What a `label` column may say (case is ignored), and what it means.
LABELS: dict[str, Label] = {
    "real": "real", "fake": "fake", "nature": "real", "ai": "fake", "0": "real", "1": "fake",
}  # fmt: skip


def entries(source: TableSource, pool: Pool) -> list[dict[str, Any]]:
    """Rows of the table that bear the pool's name, its label and its generator, as far as there are such columns.

    Raises FileNotFoundError, ValueError (unreadable table, no column `path`, a value of another type, an unknown label,
    absent or unsafe paths, no row left), naming table, column and row (the first below the names is row 1).
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
    content = _of_generator(_of_label(content, pool.label, where), pool, where)
    rows: list[dict[str, Any]] = content.select(
        ["row", *(name for name in TYPES if name in content.column_names)]
    ).to_pylist()
    for row in rows:
        row["path"] = _relative(row["path"], f"{where}, row {row.pop('row')}")
    return rows


def _of_label(content: pa.Table, label: Label, where: str) -> pa.Table:
    if "label" not in content.column_names:
        return content
    told = _typed(content, "label", pa.string(), where).to_pylist()
    labels = [LABELS.get(value.strip().lower()) if value else None for value in told]
    if None in labels:
        place = labels.index(None)
        row, value = content["row"][place].as_py(), told[place]
        raise ValueError(f"{where}, row {row}: label {value!r}: expected one of {', '.join(LABELS)}.")
    mine = content.filter(pa.array([each == label for each in labels], pa.bool_()))
    others = content.filter(pa.array([each != label for each in labels], pa.bool_()))
    both = mine.filter(pc.is_in(mine["path"], value_set=others["path"].combine_chunks()))
    if both.num_rows:
        raise ValueError(f"{where}, row {both['row'][0]}: {both['path'][0].as_py()} is listed as real and as fake.")
    if labels and not mine.num_rows:
        raise ValueError(f"{where}: none of its {len(labels)} rows has label {label}; correct the pool's label.")
    return mine


def _of_generator(content: pa.Table, pool: Pool, where: str) -> pa.Table:
    """A generator that the pool states chooses its rows; else every row keeps its own. Reals have none."""
    if "generator" not in content.column_names or pool.label == "real":
        return content.drop_columns([name for name in ("generator",) if name in content.column_names])
    if pool.generator is None:
        return content
    mine = content.filter(pc.equal(pc.utf8_lower(content["generator"]), pool.generator))
    if content.num_rows and not mine.num_rows:
        there = ", ".join(sorted(map(str, pc.unique(content["generator"]).to_pylist()))[:10])
        raise ValueError(f"{where}: no row of generator {pool.generator!r}, which the pool states; there are: {there}.")
    return mine


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
                column_types=dict.fromkeys((*CHOOSING, *TYPES), pa.string()), strings_can_be_null=True, null_values=[""]
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
