"""Lists the photographs: where each lies in its package, who made it, under what terms, and what it shows.

GCompris names author, source and licence of every picture in a README beside it, inside its resource files; Debian's
copyright file for that package still names the pictures of an older release, so it is not used. The photographs
of all other packages are named one by one in `listed.csv`.
"""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote

import numpy as np
from PIL import Image
from rcc import read_rcc

HERE = Path(__file__).parent
GCOMPRIS = "gcompris-qt-data"
RESOURCES = "usr/share/gcompris-qt/rcc"

# Folder inside the resource file -> class. The pictures of `categorization` are 320 px wide, all others 1024 or more:
# they get classes of their own, so that a class never mixes the two.
FOLDERS = {
    ("categorization", "fishes"): "fish",
    ("categorization", "monuments"): "landmark",
    ("categorization", "others"): "object",
    ("categorization", "renewable"): "energy",
    ("categorization", "tools"): "tool",
    ("clickgame", "resource"): "sea",
    ("erase", "resource"): "wildlife",
    ("explore_farm_animals", "animals"): "animal",
    ("explore_world_animals", "animals"): "animal",
    ("explore_monuments", ""): "monument",
    ("explore_world_music", "music"): "music",
}
SMALL_CLASSES = ("fish", "landmark", "object", "energy", "tool")
ACTIVITIES = sorted({activity for activity, _ in FOLDERS})
FREE = re.compile(r"^(public domain|cc0|cc-by(-sa)?-\d|lgpl-3|bsd-3)", re.IGNORECASE)
SITES = {
    "wikimedia": "Wikimedia Commons",
    "flickr": "Flickr",
    "publicdomainpictures": "Public Domain Pictures",
    "maxpixel": "Max Pixel",
}
NOT_PHOTOGRAPHS = {"volleyball"}  # a rendering
SHORTEST_SIDE = 240  # 160 px are left after down-scaling by 1.5: the largest crop must fit every photograph


@dataclass(frozen=True)
class Photograph:
    """One photograph; `path` is inside the package (`archive.rcc:inner/path` for Qt resources)."""

    id: str
    package: str
    version: str
    path: str
    author: str
    licence: str
    class_name: str
    source: str
    width: int
    height: int

    @property
    def stratum(self) -> tuple[str, str]:
        """What photographs are dealt within: package and class."""
        return self.package, self.class_name


def versions() -> dict[str, str]:
    """Pinned version of each package."""
    with open(HERE / "packages.csv", encoding="utf-8", newline="") as file:
        return {row["name"]: row["version"] for row in csv.DictReader(file)}


def identifier(package: str, class_name: str, path: str) -> str:
    """Id of a photograph: short name of its package, class, file name; `[a-z0-9_.-]+`."""
    stem = Path(path).parts[-4] if "/contents/images/" in path else Path(path).stem
    parts = [package.split("-")[0], class_name, stem]
    return ".".join(re.sub(r"[^a-z0-9_-]+", "_", part.lower()) for part in parts)


def parse_readme(text: str) -> dict[str, dict[str, str]]:
    """File name -> {copyright, license, source} of a GCompris README.

    Entries are parted by blank lines; the fields stand in any order; `Files:` takes one or several lines.
    """
    entries: dict[str, dict[str, str]] = {}
    for block in re.split(r"\n\s*\n", text):
        fields, files = {}, []
        for line in block.splitlines():
            key, colon, value = line.partition(":")
            if colon and key in ("Copyright", "License", "Source", "Comments"):
                fields[key.lower()] = value.strip()
            elif key == "Files" or not colon:
                files += [value.strip() or line.strip()] if key != "Files" or value.strip() else []
        entries.update({name: fields for name in files if name})
    return entries


def gcompris_class(path: str) -> str | None:
    """Class of a picture inside a resource file, None if its folder holds no photographs."""
    parts = Path(path).parts
    activity = parts[parts.index("activities") + 1]
    return FOLDERS.get((activity, parts[-2])) or FOLDERS.get((activity, ""))


def licence_name(text: str) -> str:
    """One spelling of a licence: `CC-BY 2.0` and `CC-BY-2.0` are the same."""
    dashed = re.sub(r"(?<=[A-Z]) (?=\d)", "-", text)
    return dashed.lower() if dashed.lower() == "public domain" else dashed


def origin(address: str) -> str:
    """Where a picture was first published, as text: `Wikimedia Commons: File:Giraffe.JPG`."""
    host, _, path = address.partition("://")[2].partition("/")
    site = next((name for part, name in SITES.items() if part in host), host)
    return f"{site}: {unquote(path).removeprefix('wiki/')}" if address else ""


def is_colour(image: Image.Image) -> bool:
    """Whether a picture has colour: grey photographs would be a class apart."""
    pixels = np.asarray(image.convert("RGB").resize((32, 32)), dtype=int)
    return bool((pixels.max(axis=2) - pixels.min(axis=2)).mean() > 4)


def gcompris_photographs(root: Path) -> list[Photograph]:
    """Freely licensed photographs of GCompris, each with the README entry that names it."""
    found = []
    for activity in ACTIVITIES:
        files = dict(read_rcc(root / GCOMPRIS / RESOURCES / f"{activity}.rcc"))
        for readme in (path for path in files if path.endswith("/README")):
            folder = readme.removesuffix("README")
            for name, entry in parse_readme(files[readme].decode()).items():
                if name.endswith(".webp") and folder + name in files:
                    found.append(gcompris_photograph(f"{activity}.rcc:{folder + name}", entry, files[folder + name]))
    return [photograph for photograph in found if photograph]


def gcompris_photograph(path: str, entry: dict[str, str], content: bytes) -> Photograph | None:
    """A photograph from its README entry; None if it is too small, grey, no photograph or not freely licensed."""
    class_name, licence = gcompris_class(path.split(":")[1]), licence_name(entry.get("license", ""))
    image = Image.open(BytesIO(content))
    usable = min(image.size) >= SHORTEST_SIDE and Path(path).stem not in NOT_PHOTOGRAPHS
    if not (class_name and usable and FREE.match(licence) and is_colour(image)):
        return None
    key = identifier(GCOMPRIS, class_name, path)
    author, source = entry.get("copyright", ""), origin(entry.get("source", ""))
    return Photograph(key, GCOMPRIS, versions()[GCOMPRIS], path, author, licence, class_name, source, *image.size)


def listed_photographs(root: Path) -> list[Photograph]:
    """Photographs of the other packages, as named in `listed.csv`."""
    found = []
    with open(HERE / "listed.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            with Image.open(root / row["package"] / row["path"]) as image:
                size = image.size
            package, path = row["package"], row["path"]
            key = identifier(package, row["class"], path)
            found.append(
                Photograph(
                    key, package, versions()[package], path, row["author"], row["licence"], row["class"], "", *size
                )
            )
    return found


def photographs(root: Path) -> list[Photograph]:
    """All photographs, sorted by id; of those with the same source only the first (a shot ships in two activities)."""
    chosen: dict[str, Photograph] = {}
    everything = sorted(gcompris_photographs(root) + listed_photographs(root), key=lambda p: -p.width * p.height)
    for photograph in everything:
        chosen.setdefault(photograph.source or photograph.id, photograph)
    result = sorted(chosen.values(), key=lambda photograph: photograph.id)
    if len({photograph.id for photograph in result}) != len(result):
        raise ValueError("two photographs bear one id")
    return result


def open_photograph(root: Path, photograph: Photograph) -> Image.Image:
    """Decodes a photograph to RGB, at its full size."""
    if ":" in photograph.path:
        archive, inner = photograph.path.split(":", 1)
        content = dict(read_rcc(root / photograph.package / RESOURCES / archive))[inner]
        return Image.open(BytesIO(content)).convert("RGB")
    return Image.open(root / photograph.package / photograph.path).convert("RGB")


def scaled(root: Path, photograph: Photograph, factor: float) -> Image.Image:
    """A photograph down-scaled by a factor of 1.5 or more (Lanczos), sides cut to multiples of 4."""
    image = open_photograph(root, photograph)
    width, height = (4 * math.floor(side / factor / 4) for side in image.size)
    box = (0, 0, width * factor, height * factor)
    return image.resize((width, height), Image.Resampling.LANCZOS, box=box, reducing_gap=None)
