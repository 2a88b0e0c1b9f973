"""Folders (or manifests) that someone gives to be audited: listed, read, and kept for the next time."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from crossgen import records
from crossgen.config import FolderSource, Pool
from crossgen.config.sources import SUFFIXES
from crossgen.config.values import capture_of_stem
from crossgen.data import manifest
from crossgen.data.names import as_text, located
from crossgen.data.sources import folder as folder_source
from crossgen.progress import Meter
from crossgen.records import FILES, INTEGER, MANIFEST, TEXT

#: Name of a folder to what it says of the images below it.
SPLITS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
#: Split of images that stand in no such folder.
NO_SPLIT = "all"
#: What a kept manifest says beyond MANIFEST: where the file was, and what it was like when it was read.
KEPT = {"at": TEXT, "stat_bytes": INTEGER, "mtime_ns": INTEGER, "version": INTEGER}
#: Files that are described at a time.
CHUNK = 2000


@dataclass(frozen=True)
class Given:
    """A folder of one label (1 fake, 0 real), and what its images are called after."""

    name: str
    label: int
    root: Path


def folders(reals: Path, fakes: Sequence[Path]) -> list[Given]:
    """The folders by name. Raises FileNotFoundError for one that is not there, ValueError if two overlap."""
    roots = [reals, *fakes]
    for root in roots:
        if not root.is_dir():
            raise FileNotFoundError(f"{root}: no such folder; give the folder of the reals, then those of the fakes.")
    _refuse_overlap(roots)
    names: list[str] = []
    for root in roots:
        name = re.sub(r"[^a-z0-9_]+", "_", root.resolve().name.lower()).strip("_") or "images"
        taken = sum(each == name or each.startswith(f"{name}_folder") for each in names)
        names.append(f"{name}_folder{taken + 1}" if name in names else name)
    return [Given(name, int(at > 0), root) for at, (name, root) in enumerate(zip(names, roots, strict=True))]


def _refuse_overlap(roots: Sequence[Path]) -> None:
    resolved = [root.resolve() for root in roots]
    for at, inner in enumerate(resolved):
        for place, outer in enumerate(resolved):
            if at != place and inner.is_relative_to(outer):
                told = "are the same folder" if inner == outer else "lie one in the other"
                raise ValueError(
                    f"{roots[min(at, place)]} and {roots[max(at, place)]} {told}: every image would be counted twice, "
                    "and may be both real and fake. Give folders that share nothing."
                )


def listed(given: Given, group: str | None = None) -> pa.Table:
    """The images of a folder as FILES rows with the columns KEPT. `group`: regular expression with one capture, sought
    in each name without ending: what it finds is the image's group.

    A folder train, val or test anywhere above an image tells its split. Raises ValueError for a folder without images,
    and for a pattern that has not one capture.
    """
    pattern = re.compile(capture_of_stem(group)) if group else None
    source = FolderSource(kind="folder", root=str(given.root))
    pool = Pool(name=given.name, label="fake" if given.label else "real", source=source)
    try:
        paths = sorted(entry["path"] for entry in folder_source.entries(source, pool))
    except ValueError as error:  # its words are of configs
        raise ValueError(f"{given.root}: no image there (files ending in {' '.join(SUFFIXES)}).") from error
    rows = [_row(given, path, pattern) for path in paths]
    schema = pa.schema(list((FILES.columns | KEPT).items()))
    return pa.Table.from_pylist(rows, schema)


def _row(given: Given, path: str, pattern: re.Pattern[str] | None) -> dict[str, object]:
    parts = PurePosixPath(path).parts
    found = pattern.search(PurePosixPath(path).stem) if pattern else None
    image_id = f"{given.name}/{path}"
    place = located(given.root, path)
    try:
        state = place.stat()
        seen = {"stat_bytes": state.st_size, "mtime_ns": state.st_mtime_ns}
    except OSError:  # a link to nowhere; its row says so
        seen = {"stat_bytes": -1, "mtime_ns": -1}
    return {
        "image_id": image_id, "path": path, "pool": given.name, "source": "folder", "label": given.label,
        "generator": given.name if given.label else None, "stratum": given.name, "shard": 0,
        "split": next((SPLITS[part.lower()] for part in parts[:-1] if part.lower() in SPLITS), NO_SPLIT),
        "group": f"group/{found[1]}" if found and found[1] else image_id,
        "at": as_text(place.absolute()), "version": manifest.VERSION, **seen,
    }  # fmt: skip


def described(given: Sequence[Given], group: str | None, cache: Path | None) -> pa.Table:
    """MANIFEST rows (and KEPT) of all images of some folders.

    With `cache`, rows of files whose place, size and time are as they were are taken from there, and it is written
    anew. Raises ValueError if that file is there and was not written so.
    """
    listings = [listed(each, group) for each in given]
    kept = _kept(cache) if cache and cache.exists() else None
    total = sum(table.num_rows for table in listings)
    with Meter("audit: headers", total) as meter:
        parts = [_completed(each, table, kept, meter) for each, table in zip(given, listings, strict=True)]
    table = pa.concat_tables(parts, promote_options="permissive")
    if cache:
        records.write(cache, table, MANIFEST)
    return table


def _completed(given: Given, files: pa.Table, kept: pa.Table | None, meter: Meter) -> pa.Table:
    """The manifest of one folder, from what is kept of it and from the files."""
    names = [name for name in MANIFEST.columns if name not in FILES.columns]
    fresh, parts = files, list[pa.Table]()
    if kept is not None:
        keys = list(KEPT)
        known = kept.select([*keys, *names])
        have = files.join(known, keys, join_type="inner")
        fresh = files.join(known.select(keys), keys, join_type="left anti")
        parts.append(have)
        meter.advance(have.num_rows)
    for start in range(0, fresh.num_rows, CHUNK):
        chunk = fresh.slice(start, CHUNK)
        facts = manifest.describe(chunk.select(list(FILES.columns)), given.root)
        for name in KEPT:
            facts = facts.append_column(name, chunk[name])
        parts.append(facts)
        meter.advance(chunk.num_rows)
    order = [*MANIFEST.columns, *KEPT]
    return pa.concat_tables([part.select(order) for part in parts], promote_options="permissive").sort_by("image_id")


def _kept(cache: Path) -> pa.Table:
    """What an earlier audit wrote; rows of files under two names, or read by another version, are left out."""
    try:
        names = pq.read_schema(cache).names
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(
            f"{cache}: not a manifest of an earlier audit ({error}); remove it or name another."
        ) from error
    if not {*MANIFEST.columns, *KEPT} <= set(names):
        raise ValueError(f"{cache}: a table, but not the manifest of an earlier audit; remove it or name another.")
    table = pq.read_table(cache, columns=[*MANIFEST.columns, *KEPT])
    again = pc.fill_null(pc.not_equal(table["quarantine"], "unreadable"), True)  # rights change without a trace
    return table.filter(pc.and_(pc.equal(table["version"], manifest.VERSION), again))


def from_manifests(paths: Sequence[Path]) -> pa.Table:
    """The rows of manifests (see `crossgen extract-metadata`) in place of folders. Raises as `records.read` does."""
    return records.read_all(paths, MANIFEST)


def grouped(frame: pd.DataFrame) -> pd.DataFrame:
    """Identical files share a group, so that none is learned from and judged at a time; named groups stay."""
    own = (frame["group"] == frame["image_id"]) & frame["blake3"].notna()
    first = frame[own].groupby("blake3", sort=False)["group"].transform("min")
    frame = frame.copy()
    frame.loc[own, "group"] = first
    return frame
