"""Tables of two files held against each other: Parquet cell by cell, CSV value by value."""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from crossgen import schemas
from crossgen.replay.findings import TOLERANCE, Compared, Finding, number, same_text

ABSENT, EMPTY = "no such row", "(empty)"


def parquet(claimed: Path, recomputed: Path) -> Compared:
    """Compare by key, whatever the order of the rows; a table of no kind that we know, row by row."""
    try:
        old, new = (pq.read_table(path) for path in (claimed, recomputed))
    except pa.ArrowInvalid as error:
        return Compared(0, (Finding("the file", "not a readable Parquet file", str(error)),))
    if old.column_names != new.column_names:
        return Compared(0, (Finding("columns", str(old.column_names), str(new.column_names)),))
    key = _key(new.column_names)
    first, second = (_indexed(table.to_pandas(), key) for table in (old, new))
    findings = [*_rows_apart(first, second)]
    both = second.index.intersection(first.index, sort=False)
    values = [name for name in second.columns if name not in key]
    for name in values:
        findings += _cells_apart(first.loc[both, name], second.loc[both, name])
    numeric = [name for name in values if pd.api.types.is_numeric_dtype(second[name])]
    return Compared(len(both) * len(numeric), tuple(findings))


def _key(names: list[str]) -> list[str]:
    """Key of the kind of table that has these columns: of several the one that declares most of them."""
    kinds = [kind for kind in vars(schemas).values() if isinstance(kind, schemas.Schema)]
    fitting = [kind for kind in kinds if kind.key and set(kind.columns) <= set(names)]
    return list(max(fitting, key=lambda kind: len(kind.columns)).key) if fitting else []


def _indexed(table: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """The table by its key as text, or by the number of the row if it has none or repeats."""
    told = table[key].astype(object).where(table[key].notna(), EMPTY).astype(str)
    texts = told.agg(", ".join, axis=1) if key and len(table) else pd.Series(dtype=str)
    whole = bool(key) and not texts.duplicated().any()
    return table.set_index(texts) if whole and len(table) else table.set_index("row " + table.index.astype(str))


def _rows_apart(first: pd.DataFrame, second: pd.DataFrame) -> Iterator[Finding]:
    for name in first.index.difference(second.index, sort=False):
        yield Finding(f"({name})", "a row", ABSENT)
    for name in second.index.difference(first.index, sort=False):
        yield Finding(f"({name})", ABSENT, "a row")


def _cells_apart(old: pd.Series, new: pd.Series) -> Iterator[Finding]:
    absent = old.isna().to_numpy() & new.isna().to_numpy()
    if pd.api.types.is_numeric_dtype(old) and pd.api.types.is_numeric_dtype(new):
        was, is_now = (each.to_numpy(np.float64, na_value=np.nan) for each in (old, new))
        apart = ~np.isclose(was, is_now, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
    else:
        apart = (old.astype(object) != new.astype(object)).to_numpy() & ~absent
        old, new = (each.astype(object).where(each.notna(), EMPTY) for each in (old, new))
    for place in np.flatnonzero(apart).tolist():
        yield Finding(f"({old.index[place]}), {old.name}", str(old.iloc[place]), str(new.iloc[place]))


def comma_separated(claimed: Path, recomputed: Path) -> Compared:
    """Compare value by value; a row is named by its number and the texts that it begins with."""
    old, new = (_rows(path) for path in (claimed, recomputed))
    if old[:1] != new[:1]:
        return Compared(0, (Finding("header", str(old[:1]), str(new[:1])),))
    findings = [
        Finding(f"row {place} ({_named(line)}), {name}", was, is_now)
        for place, (before, line) in enumerate(zip(old[1:], new[1:], strict=False), 1)
        if before != line
        for name, was, is_now in zip(new[0], before, line, strict=False)
        if not same_text(was, is_now)
    ]
    if len(old) != len(new):
        findings.append(Finding("rows", str(len(old) - 1), str(len(new) - 1)))
    return Compared(sum(number(cell) is not None for line in new[1:] for cell in line), tuple(findings))


def _rows(path: Path) -> list[list[str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def _named(line: list[str]) -> str:
    """The cells that tell which row it is: those that are words or whole numbers."""
    return ", ".join(cell for cell in line if cell and (number(cell) is None or cell.isdigit()))[:80]
