"""Files that published lists name as broken: see README.md beside this module for the source of each list."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

SOURCE = "GenImage-Dataset/GenImage#2"

#: GenImage's folder to our label.
_LABELS = {"ai": "fake", "nature": "real"}


@dataclass(frozen=True)
class Defect:
    """One listed file: the archive it came in, its label, and what is wrong."""

    archive: str
    label: str
    what: str


@cache
def genimage() -> Mapping[str, Defect]:
    """Name of a file of GenImage's train to its defect; names are unique over all archives."""
    found: dict[str, Defect] = {}
    lines = files(__name__).joinpath("genimage_drive_defects.csv").read_text(encoding="utf-8").splitlines()
    for row in csv.DictReader(lines):
        *_, split, folder, name = row["file"].split("/")
        if split != "train":
            raise ValueError(f"genimage_drive_defects.csv: {row['file']} is not of train, as all listed files are")
        before = f"{found[name].what}, " if name in found else ""
        found[name] = Defect(row["archive"], _LABELS[folder], before + row["defect"])
    return found


def of_genimage(name: str, label: str, drive_copy: bool) -> str | None:
    """What the list says of a file of GenImage's train, as the manifest's `defect`; None: nothing.

    The listed fakes are broken in every copy, the listed reals in the Google Drive copy alone.
    """
    defect = genimage().get(name)
    if defect is None or defect.label != label or not (drive_copy or label == "fake"):
        return None
    return f"known_defect: {defect.what}, {SOURCE}"
