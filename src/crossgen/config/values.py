"""Kinds of values that several parts of a config use, and checks of single values that no type knows."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import StringConstraints

#: Names given by the user: pools, test sets, train sets, subsets, recipes, conditions.
NAME = r"^[a-z0-9_]+$"
Name = Annotated[str, StringConstraints(pattern=NAME)]
#: Experiments, subsets and recipes may also be points of a grid: `unbiased+images_per_class=16`.
GridName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+(\+[a-z0-9_]+=[a-z0-9_.-]+)*$")]
Label = Literal["real", "fake"]
Split = Literal["train", "val", "test"]
Format = Literal["JPEG", "PNG", "WEBP", "AVIF", "BMP", "TIFF", "GIF"]

Number = TypeVar("Number", int, float)


def rising(ends: tuple[Number, Number]) -> tuple[Number, Number]:
    """A range: the lower end first. Raises ValueError."""
    if ends[0] > ends[1]:
        raise ValueError("the lower end first")
    return ends


def capture_of_stem(pattern: str) -> str:
    """A regular expression with exactly one capture. Raises ValueError."""
    try:
        captures = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"a regular expression ({error})") from error
    if captures != 1:
        raise ValueError(f"a regular expression with one capture (...), found {captures}")
    return pattern


def below_root(path: str) -> str:
    """The path of a folder below a source's root. Raises ValueError."""
    written = PurePosixPath(path)
    if written.is_absolute() or ".." in written.parts:
        raise ValueError("a folder below root, written relative to it and without ..")
    return path


def no_credentials(url: str) -> str:
    """An address without a password: configs are committed and copied into reports. Raises ValueError."""
    if urlsplit(url).password is not None:
        raise ValueError("an address without user and password: put them into ~/.netrc")
    return url


def files_below(folder: Path) -> list[str]:
    """Files of a folder, at any depth, in order; none where there is no folder."""
    return sorted(str(path) for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` upon `base`: mappings merge, anything else replaces."""
    result = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merged(result[key], value) if both else value
    return result


def unknown(kind: str, name: str, where: str, choices: Iterable[str]) -> str:
    """The message of a name that stands for nothing."""
    return f"Unknown {kind} {name!r} in {where}: expected one of {', '.join(choices) or 'nothing (there are none)'}"
