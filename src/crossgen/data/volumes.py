"""The volumes of a multi-volume zip: found on disk under the names that browsers gave them, compared with a list."""

import csv
import os
import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path

from crossgen.data.members import STATE

#: Google Drive may add -001 and the like to a name that it has given out before, before or after its ending.
_NAME = re.compile(r"^(?P<stem>.+?)(?:-\d{3})?\.(?P<ending>z\d{2,3}|zip)(?:-\d{3})?$", re.IGNORECASE)
_MD5 = re.compile(r"^[0-9a-f]{32}$")
#: Folders of unpacked images may lie beside the volumes: they hold none, and millions of files.
_PASSED_OVER = {"train", "val", STATE}
_SHOWN = 8


def volume_of(name: str) -> str:
    """The volume's own name of a file's: `a-003.z01` is `a.z01`; the name itself if it is none."""
    found = _NAME.match(name)
    return f"{found['stem']}.{found['ending'].lower()}" if found else name


def published() -> dict[str, str]:
    """MD5 by volume of GenImage's Google Drive copy (GenImage-Dataset/GenImage#2)."""
    lines = files("crossgen.data.defects").joinpath("genimage_drive_volumes_md5.csv").read_text(encoding="utf-8")
    return {row["volume"]: row["md5"] for row in csv.DictReader(lines.splitlines())}


def column(path: Path, name: str) -> dict[str, str]:
    """One column of a CSV by its column `volume`. Raises FileNotFoundError, ValueError that names the line."""
    if not path.is_file():
        raise FileNotFoundError(f"No table {path}: correct it in the config (columns volume, {name}).")
    found: dict[str, str] = {}
    with open(path, encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines)
        if not {"volume", name} <= set(rows.fieldnames or ()):
            raise ValueError(f"{path}: columns {rows.fieldnames}, expected volume and {name}.")
        for row in rows:
            volume, value = volume_of((row["volume"] or "").strip()), (row[name] or "").strip()
            if not volume or not value or volume in found:
                what = f"{volume} twice" if volume in found else "an empty value"
                raise ValueError(f"{path}, line {rows.line_num}: {what}.")
            found[volume] = value
    return found


def checksums(path: Path) -> dict[str, str]:
    """MD5 by volume of a user's own list. Raises FileNotFoundError, ValueError."""
    found = {volume: value.lower() for volume, value in column(path, "md5").items()}
    wrong = next((volume for volume, value in found.items() if not _MD5.match(value)), None)
    if wrong:
        raise ValueError(f"{path}: {wrong}: {found[wrong]!r} is no MD5 (32 hexadecimal digits).")
    return found


def find(folder: Path, stem: str) -> dict[str, Path]:
    """The volumes of one archive at any depth of a folder, by their own names.

    Raises FileNotFoundError, ValueError for a volume that is there twice.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"No folder {folder}: correct source.volumes in the config.")
    found: dict[str, Path] = {}
    seen: set[str] = set()
    for here, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(here)
        if real in seen:  # a loop of links, or a second way
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if name not in _PASSED_OVER)
        for name in sorted(names):
            volume = volume_of(name)
            if not _NAME.match(name) or volume.rpartition(".")[0] != stem:
                continue
            if volume in found:
                raise ValueError(f"{found[volume]} and {Path(here, name)} are both volume {volume}: remove one.")
            found[volume] = Path(here, name)
    return found


def refuse_incomplete(expected: Iterable[str], present: Mapping[str, Path], folder: Path, remedy: str) -> None:
    """Raises ValueError that lists the volumes that are missing and the files that are none of the archive's."""
    expected = set(expected)
    missing, extra = sorted(expected - present.keys()), sorted(present.keys() - expected)
    told = []
    if missing:
        told.append(f"{len(missing)} of {len(expected)} volumes are missing ({some(missing)})")
    if extra:
        told.append(f"{len(extra)} are not of this archive ({some([str(present[name]) for name in extra])})")
    if told:
        raise ValueError(f"{folder}: {'; '.join(told)}. {remedy}")


def some(names: Iterable[str]) -> str:
    """The first names, and how many more."""
    names = list(names)
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + rest
