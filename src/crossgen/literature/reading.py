"""Published numbers as frames: `reading.*.csv`, laid out as the catalogue says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

import pandas as pd

from crossgen.literature.catalogue import Entry, Source, entries, sources

#: Columns of every file; some say of each number how far to trust it (`confidence`).
KEYS = ("table", "source", "detector", "train_generator", "test_generator", "condition", "metric")
FILES = ("genimage", "unbiased_genimage", "detectors_sd14", "detectors_other", "aligned")


@dataclass(frozen=True)
class PublishedTable:
    """One published table. `numbers` holds KEYS, value (percent; points where it is a difference), difference (is it
    one?) and confidence."""

    entry: Entry
    numbers: pd.DataFrame = field(repr=False)

    @property
    def sources(self) -> tuple[Source, ...]:
        """Of its numbers, in their order."""
        return tuple(sources()[name] for name in dict.fromkeys(self.numbers["source"]))

    def panels(self, of: str = "value") -> dict[str, pd.DataFrame]:
        """Panel's name ("" where there is one) to a column of `numbers`: index `rows` joined, columns `columns` joined.

        Rows and columns stand in the order of the file; what was not published is NaN.
        """
        return panels(self.entry, self.numbers, of)


def panels(entry: Entry, numbers: pd.DataFrame, of: str) -> dict[str, pd.DataFrame]:
    """Any frame of the keys of a table, laid out as this: panel's name to a frame of the column `of`."""
    if entry.panel is None:
        return {"": _laid(entry, numbers, of)}
    return {str(name): _laid(entry, part, of) for name, part in numbers.groupby(entry.panel, sort=False)}


def _laid(entry: Entry, part: pd.DataFrame, of: str) -> pd.DataFrame:
    down, across = (part[list(keys)].agg(" · ".join, axis=1) for keys in (entry.rows, entry.columns))
    laid = part.assign(down=down, across=across).pivot(index="down", columns="across", values=of)
    return laid.reindex(index=down.unique(), columns=across.unique()).rename_axis(index=None, columns=None)


@cache
def numbers() -> pd.DataFrame:
    """Every published number: file, KEYS, value in percent (or points), difference, confidence (where a row says none,
    its source's trust)."""
    parts = []
    for file in FILES:
        with resources.files("crossgen.literature").joinpath(f"reading.{file}.csv").open("rb") as stream:
            part = pd.read_csv(stream, dtype=dict.fromkeys(KEYS, str), keep_default_na=False)
        parts.append(part.assign(file=file))
    frame = pd.concat(parts, ignore_index=True)
    trust = frame["source"].map(lambda name: sources()[name].trust)
    confidence = frame["confidence"].fillna(trust).where(lambda said: said != "", trust)
    difference = frame["metric"].str.contains("_difference$|_gain_over_")
    columns = ["file", *KEYS, "value", "difference", "confidence"]
    return frame.assign(confidence=confidence, difference=difference)[columns]


@cache
def tables() -> Mapping[str, PublishedTable]:
    """Every published table by its name, in the order of the catalogue."""
    return {name: _table(entry) for name, entry in entries().items()}


def _table(entry: Entry) -> PublishedTable:
    frame, where = numbers(), entry.where
    chosen = (frame["file"] == where["file"]) & (frame["table"] == where["table"])
    if "source" in where:  # a name, or how those of one origin begin
        chosen &= frame["source"].str.startswith(where["source"])
    return PublishedTable(entry, frame[chosen].reset_index(drop=True))


def table(name: str) -> PublishedTable:
    """One by its name. Raises ValueError with the names that there are."""
    if name not in tables():
        raise ValueError(f"Unknown published table {name!r}: expected one of {', '.join(tables())}.")
    return tables()[name]
