"""The published tables, their layouts, protocols and sources: all that is known of them without a number."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

import yaml

Trust = Literal["primary", "independent", "secondary", "derived", "read_by_eye"]

#: What a protocol fixes, beside the detector itself.
ASPECTS = ("training_set", "frame", "alignment", "threshold", "test_images")
#: The word of a frame that is the detector's own.
BY_DETECTOR = "by_detector"


@dataclass(frozen=True)
class Source:
    """Where a number was read."""

    name: str
    citation: str
    at: str
    trust: Trust


@dataclass(frozen=True)
class Aspect:
    """One thing that a protocol fixes: a word to compare (None: nobody published it), and the same for people."""

    word: str | None
    says: str


@dataclass(frozen=True)
class Entry:
    """How a table is laid out: `where` finds its numbers, `rows`, `columns` and `panel` are columns of the CSV file."""

    name: str
    title: str
    where: Mapping[str, str]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    protocol: Mapping[str, Aspect]
    panel: str | None = None


def _resource(name: str) -> dict[str, dict[str, Any]]:
    said: dict[str, dict[str, Any]] = yaml.safe_load(
        resources.files("crossgen.literature").joinpath(name).read_text(encoding="utf-8")
    )
    return said


@cache
def sources() -> Mapping[str, Source]:
    """Every source by its name."""
    return {name: Source(name=name, **said) for name, said in _resource("catalogue.sources.yaml").items()}


@cache
def entries() -> Mapping[str, Entry]:
    """Every table by its name, in the order of `catalogue.tables.yaml`."""
    said = _resource("catalogue.tables.yaml")
    protocols = {
        name: {aspect: Aspect(part["is"], part["says"]) for aspect, part in parts.items()}
        for name, parts in said["protocols"].items()
    }
    return {name: _entry(name, parts, protocols) for name, parts in said["tables"].items()}


def _entry(name: str, parts: dict[str, Any], protocols: Mapping[str, Mapping[str, Aspect]]) -> Entry:
    return Entry(
        name=name,
        title=parts["title"],
        where=parts["where"],
        rows=tuple(parts["rows"]),
        columns=tuple(parts["columns"]),
        protocol=protocols[parts["protocol"]],
        panel=parts.get("panel"),
    )


@cache
def detectors(name: str) -> tuple[str, ...]:
    """Detectors that a table has numbers of, in its order."""
    where = entries()[name].where
    path = resources.files("crossgen.literature").joinpath(f"reading.{where['file']}.csv")
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [row for row in csv.DictReader(lines) if row["table"] == where["table"]]
    return tuple(dict.fromkeys(row["detector"] for row in rows if row["source"].startswith(where.get("source", ""))))


@cache
def networks() -> Mapping[str, str]:
    """Published detector to its architecture, for timm's with the model: `timm resnet50`."""
    return {name: str(network) for name, network in _resource("catalogue.tables.yaml")["networks"].items()}


@cache
def frames() -> Mapping[str, str | None]:
    """Published detector to the geometry of its tests: `short_side 235, 224`; None where it has none of its own."""
    return _resource("catalogue.tables.yaml")["frames"]
