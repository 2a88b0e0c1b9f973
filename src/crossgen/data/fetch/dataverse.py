"""GenImage's Dataverse deposit: files fetched whole and verified, and the archive's list of members.

Below `root`: the deposit's own files under their own names, images where the archive has them without its leading
folder, and `.crossgen/`: what is remembered so that nothing is asked for, or read, twice.
"""

import logging
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossgen.config import DataverseSource
from crossgen.config.sources import SUFFIXES
from crossgen.data import genimage
from crossgen.data.fetch.concatenation import Concatenation
from crossgen.data.fetch.deposit import Deposit, Deposited, ask, remember, remembered
from crossgen.data.fetch.directory import Directory, ensure
from crossgen.data.fetch.journal import Journal
from crossgen.data.fetch.parallel import Tally, each, refuse
from crossgen.data.fetch.transfer import fetch_file, partial_of
from crossgen.data.members import STATE
from crossgen.data.room import refuse_without_room

LOG = logging.getLogger(__name__)

METADATA = "genimage_metadata.csv"


@dataclass(frozen=True)
class Archive:
    """The archive as one sequence of bytes, and its members."""

    bytes: Concatenation
    directory: Directory


def fetch_dataverse(source: DataverseSource) -> dict[str, Any]:
    """Everything that all pools of the deposit share: the list, the other files, the directory; whole: the parts too.

    Raises OSError, ValueError unless all of it is verified.
    """
    root = Path(source.root)
    deposit = ask(source.server, source.doi)
    parts = deposit.parts
    remember(root, deposit)
    files = [*(deposit.others if source.metadata else ()), *(parts if source.mode == "whole" else ())]
    new = fetch_files(deposit, files, root, source.connections)
    archive = opened(source)
    outside, first = archive.directory.others(pattern(genimage.FOLDERS.values(), "(?:ai|nature)"))
    if outside:
        LOG.warning(
            f"{deposit.doi}: {outside} members lie outside GenImage's layout, no pool has them (first: {first})"
        )
    return {
        "files": len(files),
        "bytes": sum(file.size for file in files),
        "fetched": new,
        "parts": len(parts),
        "archive_bytes": archive.bytes.size,
        "members": archive.directory.count,
        "members_outside": outside,
    }


def pattern(outers: Iterable[str], label: str) -> str:
    """What the names of images in generators' folders look like in the archive (RE2)."""
    folders, endings = ("|".join(map(re.escape, names)) for names in (outers, SUFFIXES))
    return rf"(?:[^/]+/)?(?:{folders})/(?:imagenet_[^/]+/)?(?:train|val)/{label}/[^/]+(?i:{endings})"


def fetch_files(deposit: Deposit, files: Sequence[Deposited], root: Path, connections: int) -> int:
    """Fetch what is not there, or not right; how many files that were.

    A file that was verified, and has not changed since, is not read again; one that is there otherwise is digested; one
    that is too short is gone on with. Raises OSError without room, before the first byte; ValueError for what failed.
    """
    journal = Journal(root, "verified.jsonl")
    missing = [file for file in files if not journal.holds(file.name, _digest(file))]
    needed = sum(_needed(root / file.name, file.size) for file in missing)
    refuse_without_room(root, needed, deposit.doi)
    if len(missing) < len(files):
        LOG.info(f"{root}: {len(files) - len(missing)} of {len(files)} files were verified before")

    def work(file: Deposited) -> list[str]:
        target = root / file.name
        _go_on_with(target, file.size)
        digest = (file.algorithm, file.digest)
        fetch_file(deposit.remote(file), target, size=file.size, digest=digest, meter=tally)
        journal.add(file.name, _digest(file))
        tally.finish()
        return []

    with Tally(deposit.doi, len(missing), sum(file.size for file in missing)) as tally:
        faults = each(work, missing, connections, tally)
    refuse(faults, deposit.doi, len(files))
    return len(missing)


def opened(source: DataverseSource) -> Archive:
    """The archive, at the server or (whole) of the parts here, with its directory, which is kept below the root.

    Raises ValueError if `whole` parts are not there as they were verified.
    """
    root = Path(source.root)
    deposit = remembered(root, source.server, source.doi)
    if deposit is None:
        deposit = ask(source.server, source.doi)
        remember(root, deposit)
    if source.mode == "whole":
        _refuse_unverified(deposit, root)
    archive = deposit.local_archive(root) if source.mode == "whole" else deposit.archive()
    path = root / STATE / f"directory-{deposit.key}.parquet"
    return Archive(archive, ensure(archive, path, source.connections))


def _refuse_unverified(deposit: Deposit, root: Path) -> None:
    journal = Journal(root, "verified.jsonl")
    lacks = [part.name for part in deposit.parts if not journal.holds(part.name, _digest(part))]
    if lacks:
        raise ValueError(
            f"{len(lacks)} of {len(deposit.parts)} parts below {root} are missing or have changed since they were "
            f"verified (first: {lacks[0]}): run `crossgen download --destination {root} --continue`"
        )


def _needed(target: Path, size: int) -> int:
    """Bytes that a file will take more than it does now."""
    there = max((path.stat().st_size for path in (target, partial_of(target)) if path.is_file()), default=0)
    return max(0, size - there)


def _go_on_with(target: Path, size: int) -> None:
    """Make a file that is too short (another program's, broken off) a partial one."""
    if target.is_file() and target.stat().st_size < size and not partial_of(target).exists():
        os.replace(target, partial_of(target))


def _digest(file: Deposited) -> str:
    return f"{file.algorithm}:{file.digest}"
