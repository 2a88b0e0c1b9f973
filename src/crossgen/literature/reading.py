"""Published numbers as frames: `numbers/*.csv`, laid out as `tables.yaml` says, with the sources of `sources.yaml`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Literal

import pandas as pd
import yaml

#: Columns of every file; some say of each number how far to trust it (`confidence`).
KEYS = ("table", "source", "detector", "train_generator", "test_generator", "condition", "metric")
FILES = ("genimage", "unbiased_genimage", "detectors_sd14", "detectors_other", "aligned")

Trust = Literal["primary", "independent", "secondary", "derived", "read_by_eye"]


@dataclass(frozen=True)
class Source:
    """Where a number was read."""

    name: str
    citation: str
    at: str
    trust: Trust


@dataclass(frozen=True)
class Protocol:
    """What was trained on and tested how: a run is comparable where it did all of it likewise."""

    training_set: str
    frame: str
    alignment: str
    threshold: str
    test_images: str


@dataclass(frozen=True)
class PublishedTable:
    """One published table. `numbers` holds KEYS, value (percent; points where it is a difference), difference (is it
    one?) and confidence."""

    name: str
    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    protocol: Protocol
    numbers: pd.DataFrame = field(repr=False)
    panel: str | None = None

    @property
    def sources(self) -> tuple[Source, ...]:
        """Of its numbers, in their order."""
        return tuple(sources()[name] for name in dict.fromkeys(self.numbers["source"]))

    def panels(self, of: str = "value") -> dict[str, pd.DataFrame]:
        """Panel's name ("" where there is one) to a column of `numbers`: index `rows` joined, columns `columns` joined.

        Rows and columns stand in the order of the file; what was not published is NaN.
        """
        if self.panel is None:
            return {"": self._laid(self.numbers, of)}
        return {str(name): self._laid(part, of) for name, part in self.numbers.groupby(self.panel, sort=False)}

    def _laid(self, part: pd.DataFrame, of: str) -> pd.DataFrame:
        down, across = (_joined(part, keys) for keys in (self.rows, self.columns))
        laid = part.assign(down=down, across=across).pivot(index="down", columns="across", values=of)
        return laid.reindex(index=down.unique(), columns=across.unique()).rename_axis(index=None, columns=None)


def _joined(part: pd.DataFrame, keys: tuple[str, ...]) -> pd.Series:
    return part[list(keys)].agg(" · ".join, axis=1)


def _resource(name: str) -> dict[str, dict[str, Any]]:
    said: dict[str, dict[str, Any]] = yaml.safe_load(
        resources.files("crossgen.literature").joinpath(name).read_text(encoding="utf-8")
    )
    return said


@cache
def sources() -> Mapping[str, Source]:
    """Every source by its name."""
    return {name: Source(name=name, **said) for name, said in _resource("sources.yaml").items()}


@cache
def numbers() -> pd.DataFrame:
    """Every published number: file, KEYS, value in percent (or points), difference, confidence (where a row says none,
    its source's trust)."""
    parts = []
    for file in FILES:
        with resources.files("crossgen.literature").joinpath("numbers", f"{file}.csv").open("rb") as stream:
            part = pd.read_csv(stream, dtype=dict.fromkeys(KEYS, str), keep_default_na=False)
        parts.append(part.assign(file=file))
    frame = pd.concat(parts, ignore_index=True)
    trust = frame["source"].map(lambda name: sources()[name].trust)
    confidence = frame["confidence"].fillna(trust).where(lambda said: said != "", trust)
    difference = frame["metric"].str.contains("_difference$|_gain_over_")
    return frame.assign(confidence=confidence, difference=difference)[
        ["file", *KEYS, "value", "difference", "confidence"]
    ]


@cache
def tables() -> Mapping[str, PublishedTable]:
    """Every published table by its name, in the order of `tables.yaml`."""
    said = _resource("tables.yaml")
    protocols = {name: Protocol(**fields) for name, fields in said["protocols"].items()}
    return {name: _table(name, entry, protocols) for name, entry in said["tables"].items()}


def _table(name: str, entry: dict[str, Any], protocols: Mapping[str, Protocol]) -> PublishedTable:
    frame, where = numbers(), entry["where"]
    chosen = (frame["file"] == where["file"]) & (frame["table"] == where["table"])
    if "source" in where:  # a name, or how those of one origin begin
        chosen &= frame["source"].str.startswith(where["source"])
    return PublishedTable(
        name=name,
        title=entry["title"],
        rows=tuple(entry["rows"]),
        columns=tuple(entry["columns"]),
        protocol=protocols[entry["protocol"]],
        numbers=frame[chosen].reset_index(drop=True),
        panel=entry.get("panel"),
    )


def table(name: str) -> PublishedTable:
    """One by its name. Raises ValueError with the names that there are."""
    if name not in tables():
        raise ValueError(f"Unknown published table {name!r}: expected one of {', '.join(tables())}.")
    return tables()[name]
