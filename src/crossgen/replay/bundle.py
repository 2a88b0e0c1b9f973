"""Bundles: a finished run as one small zip file, and their safe reading.

`bundle.json` in it tells the digest of every file; the zip's comment tells the digest of all bytes before it, so that
no byte can change unnoticed. The same run gives the same bytes.
"""

import json
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from blake3 import blake3
from pydantic import BaseModel, ConfigDict, ValidationError

from crossgen.files import write_whole
from crossgen.replay.run import Run, digest
from crossgen.replay.steps import is_inside

INDEX, CITATION = "bundle.json", "CITATION.bib"
#: Length of the digest that ends a bundle.
SEAL = 64
#: Bytes that the files of a bundle may come to.
LIMIT_GB = 4.0
TIME = (1980, 1, 1, 0, 0, 0)


class Index(BaseModel):
    """What `bundle.json` tells: where the report lies, the digest of every file, and what is not as in the run."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    bundle_version: Literal[1] = 1
    report: str
    holds_all: bool
    files: dict[str, str] = {}
    stands_for: dict[str, str]
    left_out: list[str]


@dataclass(frozen=True)
class Opened:
    """A run to look at: its own folder, or that of an unpacked bundle.

    `stands_for`: place of a file that was made smaller for the bundle to the digest of the run's own. `holds_all`:
    whether rows of training images are there.
    """

    run: Run
    stands_for: Mapping[str, str] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()
    holds_all: bool = True
    is_bundle: bool = False


@contextmanager
def opened(path: Path, limit_gb: float = LIMIT_GB) -> Iterator[Opened]:
    """The run of a report's folder or of a bundle, which is unpacked for as long as this is open.

    Raises ValueError for what is neither, or was altered.
    """
    if path.is_dir():
        yield Opened(Run.read(path))
        return
    if not path.is_file():
        raise ValueError(f"{path} is not there: name the folder of a finished report, or a bundle (crossgen export).")
    with TemporaryDirectory(prefix="crossgen-") as folder:
        index = unpack(path, Path(folder), limit_gb)
        run = Run.read(Path(folder) / index.report)
        yield Opened(run, index.stands_for, frozenset(index.left_out), index.holds_all, is_bundle=True)


def pack(files: Mapping[str, Path], index: Index, output: Path) -> None:
    """Write a bundle of `files` (place to file) whole; `index` is told with their digests."""
    told = index.model_dump() | {"files": {place: digest(path) for place, path in files.items()}}
    write_whole(output, lambda part: _pack(files, json.dumps(told, indent=1, sort_keys=True) + "\n", part))


def _pack(files: Mapping[str, Path], index: str, part: Path) -> None:
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr(_entry(INDEX), index)
        for place in sorted(files):
            with files[place].open("rb") as source, archive.open(_entry(place), "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target)
        archive.comment = b"0" * SEAL
    with part.open("rb+") as file:
        held = file.read()[:-SEAL]
        file.seek(len(held))
        file.write(blake3(held).hexdigest().encode())


def _entry(place: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(place, TIME)
    entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
    return entry


def unpack(path: Path, folder: Path, limit_gb: float = LIMIT_GB) -> Index:
    """Unpack a bundle into `folder` and return its index. Raises ValueError for a foreign or altered one, which is
    named with what is wrong; nothing is ever written outside of `folder`."""
    try:
        with zipfile.ZipFile(path) as archive:
            index = _index(path, archive)
            _refuse_entries(path, archive, index, limit_gb)
            for place, told in index.files.items():
                _extract(path, archive, place, folder / place)
                if digest(folder / place) != told:
                    raise ValueError(f"{path}: {place} was altered: bundle.json tells of other bytes.")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, zlib.error) as error:
        raise ValueError(f"{path} is not a readable bundle: {error}.") from error
    held = path.read_bytes()
    if blake3(held[:-SEAL]).hexdigest().encode() != held[-SEAL:]:
        raise ValueError(f"{path} was altered: its bytes are not those that its last {SEAL} characters tell of.")
    return index


def _index(path: Path, archive: zipfile.ZipFile) -> Index:
    foreign = f"{path} is no bundle of crossgen"
    if INDEX not in archive.namelist() or archive.getinfo(INDEX).file_size > 2**26:
        raise ValueError(f"{foreign}: it holds no {INDEX}. Write one with crossgen export.")
    try:
        return Index.model_validate_json(archive.read(INDEX))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "JSON"
        raise ValueError(f"{foreign}, or was altered: {INDEX} cannot be read ({where}: {first['msg']}).") from error


def _refuse_entries(path: Path, archive: zipfile.ZipFile, index: Index, limit_gb: float) -> None:
    """Raise ValueError for files that nobody told of or that lie elsewhere, and for more than the limit."""
    names = archive.namelist()
    for name in [*names, index.report]:
        if not is_inside(name) or name.endswith("/") or (name not in (INDEX, CITATION) and name[:8] != "results/"):
            raise ValueError(f"{path} holds {name!r}, which is no place of a run's results: refused.")
    apart = set(names) ^ {INDEX, *index.files}
    if apart or len(names) != len(set(names)):
        raise ValueError(f"{path} was altered: {sorted(apart) or 'a name'} is there twice, untold or missing.")
    size = sum(entry.file_size for entry in archive.infolist())
    if size > limit_gb * 1e9:
        raise ValueError(f"{path} holds {size / 1e9:.1f} GB of files, over the limit of {limit_gb} GB (--max-gb).")


def _extract(path: Path, archive: zipfile.ZipFile, place: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    left = archive.getinfo(place).file_size
    try:
        with archive.open(place) as source, target.open("wb") as file:
            while piece := source.read(1 << 20):
                left -= len(piece)
                if left < 0:
                    raise ValueError(f"{path}: {place} is larger than it says: refused.")
                file.write(piece)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise ValueError(f"{path}: {place} was altered or cannot be read ({error}).") from error
