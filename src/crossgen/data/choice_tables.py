"""The tables around a selection: of many manifests, only the columns and rows that are looked at are read."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from crossgen import records
from crossgen.config import Subset
from crossgen.data import content, filters, pairs

#: Columns of every selection.
ALWAYS = ("image_id", "pool", "generator", "label", "split", "group", "blake3", "quarantine")


def columns(subset: Subset) -> list[str]:
    """Columns of the manifests that a subset's conditions look at."""
    found = {*ALWAYS, *filters.columns(subset.real), *filters.columns(subset.fake)}
    found |= {"path"} if subset.real.lists or subset.fake.lists else set()
    classes = subset.classes or subset.images_per_content_class or subset.balance_classes
    found |= set(pairs.COLUMNS) if subset.pairing == "name" else {"pair"} if subset.lenders else set()
    return sorted(found | (set(content.COLUMNS) if classes else set()))


def read(paths: Sequence[Path], subset: Subset, only_tested: Sequence[str]) -> pd.DataFrame:
    """What a selection looks at, of all manifests; `_table` and `_row` tell where each row stands.

    Of pools that are `only_tested`, the test rows alone.
    """
    parts = [_narrow(number, path, columns(subset), only_tested) for number, path in enumerate(paths)]
    table = pa.concat_tables(parts, promote_options="default")
    frame: pd.DataFrame = table.to_pandas(split_blocks=True, self_destruct=True)
    return frame


def _narrow(number: int, path: Path, wanted: Sequence[str], only_tested: Sequence[str]) -> pa.Table:
    table = records.read(path, records.MANIFEST, wanted)
    table = table.append_column("_row", pa.array(np.arange(table.num_rows, dtype=np.int64)))
    table = table.append_column("_table", pa.array(np.full(table.num_rows, number, np.int16)))
    shown = pc.or_(
        pc.equal(table["split"], "test"), pc.invert(pc.is_in(table["pool"], pa.array(only_tested, pa.string())))
    )
    return table.filter(shown)


def whole(paths: Sequence[Path], chosen: pd.DataFrame) -> pa.Table:
    """The chosen rows with all columns of their manifests, `split` (and what pairs have) as chosen, in the order of
    `chosen`."""
    parts = []
    for number, path in enumerate(paths):
        rows = np.sort(chosen.loc[chosen["_table"].eq(number), "_row"].to_numpy())
        parts += _taken(path, rows)
    table = pa.concat_tables(parts, promote_options="default")
    place: Mapping[str, int] = {name: index for index, name in enumerate(table["image_id"].to_pylist())}
    table = table.take(pa.array([place[name] for name in chosen["image_id"]]))
    told = ("split", *(pairs.WRITTEN if "pair_x" in chosen else ()))
    for name in told:
        values = pa.array(chosen[name], table.schema.field(name).type, from_pandas=True)
        table = table.set_column(table.column_names.index(name), name, values)
    return table


def _taken(path: Path, rows: np.ndarray) -> list[pa.Table]:
    """Some rows of one file, a row group at a time."""
    parts, start = [], 0
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            end = start + file.metadata.row_group(group).num_rows
            inside = rows[(rows >= start) & (rows < end)] - start
            if len(inside):
                parts.append(file.read_row_group(group).take(pa.array(inside)))
            start = end
    return parts
