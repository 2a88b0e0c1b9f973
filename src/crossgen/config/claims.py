"""What a config may call its own: a report folder belongs to one config, a name in a store means one thing.

Folders remember the files of the configs that filled them, never what these said: a config that was edited is read
anew, and re-runs what changed. A config file that is gone, or cannot be read any more, claims nothing.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from crossgen.config.derive import train_sets, train_sets_of
from crossgen.config.loading import ConfigError, load
from crossgen.config.model import Config, Experiment
from crossgen.files import write_text

MEMORY = "configs.json"


class Owner(TypedDict):
    """A config as it was started: its files, and the `--config` of the command line."""

    files: list[str]
    overrides: dict[str, Any]


def owner(files: Sequence[Path], overrides: Mapping[str, Any]) -> Owner:
    """Paths below the working directory are kept relative, so that a folder may be moved as a whole."""
    return {"files": [_path(file) for file in files], "overrides": dict(overrides)}


def _path(file: Path) -> str:
    relative = os.path.relpath(file.resolve())
    return str(file.resolve()) if relative.startswith("..") else relative


def refuse(config: Config, mine: Owner, report: Path, store: Path) -> None:
    """Raise ConfigError if another config owns the report folder or means something else by a name in the store."""
    faults = [
        f"report {config.report!r} belongs to {_names(other)}, and {_names(mine)} claims it too: give one of them "
        f"another `report:` (or remove {report})"
        for other, theirs in _others(report, mine)
        if theirs.report == config.report
    ]
    for other, theirs in _others(store, mine):
        if theirs.data == config.data:
            faults += [f"{fault} in {_names(mine)}" for fault in _differences(config, theirs, _names(other))]
    if faults:
        raise ConfigError("\n".join(faults))


def remember(mine: Owner, report: Path, store: Path) -> None:
    """Write down, at the start of a run, whose folders these are."""
    for folder in dict.fromkeys((report, store)):
        before = _read(folder)
        kept = [other for other in before if _key(other) != _key(mine) and _current(other) is not None]
        if [*kept, mine] != before:
            write_text(folder / MEMORY, json.dumps([*kept, mine], indent=1) + "\n")


def _names(which: Owner) -> str:
    return " + ".join(which["files"])


def _key(which: Owner) -> tuple[list[str], object]:
    """One config may fill several report folders: `--config report=mine`."""
    return which["files"], which["overrides"].get("report")


def _read(folder: Path) -> list[Owner]:
    try:
        known: list[Owner] = json.loads((folder / MEMORY).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except ValueError as error:
        raise ConfigError(f"{folder / MEMORY} is damaged ({error}): remove it; the next run writes it again") from error
    return known


def _others(folder: Path, mine: Owner) -> Iterator[tuple[Owner, Config]]:
    for other in _read(folder):
        theirs = None if other["files"] == mine["files"] else _current(other)
        if theirs is not None:
            yield other, theirs


def _current(which: Owner) -> Config | None:
    """What the config says today."""
    try:
        return load(which["files"], which["overrides"])
    except ConfigError:
        return None


def _differences(config: Config, theirs: Config, other: str) -> Iterator[str]:
    here, there = _meanings(config), _meanings(theirs)
    for kind, name in here:
        changed = list(_changed(here[kind, name], there.get((kind, name), here[kind, name])))
        if changed:
            key, own, foreign = changed[0]
            what = f"{kind} {name!r}" if name else kind
            remedy = "give it another name" if name else "make them agree, or use another `data:`"
            yield (
                f"{what} means two things in the store {config.data!r}: {key} is {json.dumps(foreign)} in {other} and "
                f"{json.dumps(own)} here; {remedy}"
            )


def _meanings(config: Config) -> dict[tuple[str, str], object]:
    """Everything whose name or value decides what a file of the store holds."""
    subsets = {item.name: item.model_dump(mode="json") for item in config.subsets}
    recipes = {item.name: item.model_dump(mode="json", exclude={"name"}) for item in config.recipes}
    used = {item.name: (item.subset, item.recipe) for item in config.experiments}
    return {
        **{
            ("experiment", item.name): {"subset": item.subset, "recipe": recipes[item.recipe], **_needs(config, item)}
            for item in config.experiments
        },
        **{("subset", name): subsets[name] for name in {s for s, _ in used.values()}},
        **{("pool", item.name): item.model_dump(mode="json") for item in config.pools},
        **{("train set", name): item.model_dump(mode="json") for name, item in train_sets(config).items()},
        ("split", ""): config.model_dump(mode="json", include={"split_seed", "val_fraction", "test_fraction"}),
    }


def _needs(config: Config, item: Experiment) -> dict[str, object]:
    """What its detectors need of others. The train sets are named where they watch one another."""
    told: dict[str, object] = item.model_dump(mode="json", include={"start_from", "curriculum", "watch_every"})
    watched = [train_set.name for train_set in train_sets_of(config, item)] if item.watch_every else None
    return {**told, "train_sets": watched}


def _changed(here: object, there: object, path: str = "") -> Iterator[tuple[str, object, object]]:
    """(key, value here, value there) of every difference, mappings walked."""
    if isinstance(here, dict) and isinstance(there, dict):
        for key in dict.fromkeys([*here, *there]):
            yield from _changed(here.get(key), there.get(key), f"{path}.{key}".lstrip("."))
    elif here != there:
        yield path, here, there
