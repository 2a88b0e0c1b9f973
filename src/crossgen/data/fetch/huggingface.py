"""A data set repository of the Hugging Face hub at one commit: fetched, verified, and what it packs taken out.

Every file is compared with the size and digest that the hub tells (SHA-256 of large files, git's SHA-1 of small ones).
Then archives are unpacked into a folder of their name beside them, and images inside Parquet files written out
(`crossgen.data.parquet_images`). Archives and shards may be removed once that is done.
"""

import hashlib
import json
import logging
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from crossgen.config import HuggingFaceSource
from crossgen.data.extract import Unpacking, refuse_foreign, refuse_links, unpack
from crossgen.data.fetch import hub
from crossgen.data.fetch.counting import Count, all_of
from crossgen.data.fetch.hub import Wanted
from crossgen.data.fetch.transfer import fetch_file
from crossgen.data.locks import held
from crossgen.data.members import STATE, Member, judge
from crossgen.data.names import shown
from crossgen.data.parquet_images import shard, write_out
from crossgen.data.room import refuse_without_room
from crossgen.files import write_text
from crossgen.progress import Meter

LOG = logging.getLogger(__name__)

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_RATIO, _LEAST = 100, 10**9  # no archive of images unpacks to more than 100 times its size, or a gigabyte: a bomb
_AT_A_TIME = 8
_LARGEST = 50 * 10**9  # above, the hub gives bytes by its own protocol alone
_ROUNDS = 3  # downloads of a file that comes whole, but wrong


def fetch_huggingface(source: HuggingFaceSource) -> dict[str, Any]:
    """Numbers of files and bytes of the snapshot and of what was taken out of it, all verified.

    A second run needs no network. Raises OSError (offline, gated, absent), ValueError (wrong bytes, unsafe names).
    """
    root = Path(source.root)
    with held(root) as state:
        known = state / "snapshot.json"
        before = _read(known)
        if _stands(before, source, root):
            return dict(before["facts"])
        files = _selected(source)
        _refuse_stale(before, source, files, root)
        asked = {"repository": source.repository, "revision": source.revision, "patterns": list(source.patterns)}
        write_text(known, json.dumps(asked | {"files": {file.path: None for file in files}}) + "\n")
        _download(source, files, root, before.get("files", {}))
        facts = {"revision": source.revision, "snapshot_files": len(files)} | _take_out(source, files, root)
        os.sync()
        states = {file.path: _state(root / file.path) for file in files}
        write_text(known, json.dumps(asked | {"files": states, "facts": facts}) + "\n")
        return facts


def is_fetched(source: HuggingFaceSource) -> bool:
    """Whether an earlier run of this very source came to its end; says nothing of what became of the files since."""
    return _is_finished(_read(Path(source.root) / STATE / "snapshot.json"), source)


def _is_finished(before: Mapping[str, Any], source: HuggingFaceSource) -> bool:
    same = (before.get("repository"), before.get("revision"), before.get("patterns"))
    return "facts" in before and same == (source.repository, source.revision, list(source.patterns))


def _read(known: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(known.read_text(encoding="utf-8")) if known.is_file() else {}
    return found


def _stands(before: Mapping[str, Any], source: HuggingFaceSource, root: Path) -> bool:
    """Whether an earlier run finished and all its files are as they were (packed ones may be gone)."""
    if not _is_finished(before, source):
        return False
    for path, state in before["files"].items():
        is_there = (root / path).is_file()
        if _state(root / path) != state if is_there else _folder(path) is None:
            LOG.warning(f"{shown(root / path)} is not as it was fetched: the snapshot is verified again")
            return False
    packed = [_job(source, path, root) for path in before["files"] if _folder(path) is not None]
    return all(job.record.verified() for job in packed if job.record.path.is_file())


def _state(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


def _selected(source: HuggingFaceSource) -> list[Wanted]:
    """The repository's files that the patterns choose. Raises OSError, ValueError: none, unsafe names."""
    from huggingface_hub.utils._paths import filter_repo_objects

    found = hub.files(source)
    chosen = list(filter_repo_objects(found, allow_patterns=list(source.patterns), key=lambda each: each.path))
    where = f"{source.repository}@{source.revision[:12]}"
    if not chosen:
        raise ValueError(f"{where}: none of its {len(found)} files matches source.patterns {list(source.patterns)}.")
    folders = {folder for each in chosen if (folder := _folder(each.path))}
    members = [Member(each.path, "file", each.size) for each in chosen]
    total = sum(each.size for each in chosen)
    judge([*members, *(Member(folder, "folder") for folder in sorted(folders))], where, total)
    return chosen


def _refuse_stale(before: Mapping[str, Any], source: HuggingFaceSource, files: list[Wanted], root: Path) -> None:
    """What another snapshot left would be listed with this one."""
    same = (before.get("repository"), before.get("revision")) == (source.repository, source.revision)
    now = {file.path for file in files} if same else set()
    stale = [path for path in before.get("files", {}) if path not in now and (root / path).exists()]
    if stale:
        raise ValueError(
            f"{root} holds files of {before['repository']}@{before['revision'][:12]} that are not wanted (first:"
            f" {shown(stale[0])}): choose another root, or remove that folder."
        )


def _download(source: HuggingFaceSource, files: list[Wanted], root: Path, ours: Collection[str]) -> None:
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()  # ours tells of all files together
    for left in (root / ".cache" / "huggingface").glob("**/*.incomplete"):
        left.unlink()  # of a killed run; huggingface_hub goes on from none
    refuse_links(root, [file.path for file in files])
    missing = sum(file.size for file in files if not (root / file.path).is_file())
    refuse_without_room(root, missing, f"fetch {source.repository}")
    with Meter(f"fetch: {source.repository}", sum(file.size for file in files), "bytes") as meter:
        count = Count(meter)
        all_of(lambda file: _one(source, file, root, file.path in ours, count), files, _AT_A_TIME, count)


def _one(source: HuggingFaceSource, file: Wanted, root: Path, is_ours: bool, count: Count) -> None:
    """Fetch one file, or leave it if it is right.

    huggingface_hub begins anew after a kill. Where the hub sends us on to its storage, as it does for all large files,
    we fetch from there and go on from the bytes we have.
    """
    path = root / file.path
    if path.is_file() and hub.is_right(path, file):
        count.advance(file.size)
        return
    refuse_foreign(path, is_ours)
    if file.digest[0] == "sha256" and file.size <= _LARGEST:
        known = [hub.address(source, file)]
        if hub.is_elsewhere(known[0]):
            resolve = lambda: known.pop() if known else hub.address(source, file)  # noqa: E731 (nothing to name)
            fetch_file(resolve, path, size=file.size, digest=file.digest, meter=count)
            return
    for _ in range(_ROUNDS):
        path.unlink(missing_ok=True)
        hub.download(source, file, root)
        if hub.is_right(path, file):
            count.advance(file.size)
            return
        LOG.warning(f"{shown(path)}: not the bytes that the hub tells of; fetching it again")
    path.unlink(missing_ok=True)
    raise ValueError(
        f"{source.repository}: {shown(file.path)} came {_ROUNDS} times with another {file.digest[0]} than the hub tells"
        f" ({file.digest[1]}): nothing was kept."
    )


def _take_out(source: HuggingFaceSource, files: list[Wanted], root: Path) -> dict[str, int]:
    """Unpack archives and write images out of Parquet files; numbers of these files and bytes."""
    taken = {"unpacked_files": 0, "unpacked_bytes": 0}
    for file in files:
        if _folder(file.path) is None:
            continue
        job = _job(source, file.path, root, file.size)
        found = job.record.verified()
        if found is None and file.path.lower().endswith(".parquet"):
            images = shard(job.archive, file.path)
            found = write_out(images, job) if images else {"files": 0, "bytes": 0}
        elif found is None:
            found = unpack(job)
        taken = {
            "unpacked_files": taken["unpacked_files"] + found["files"],
            "unpacked_bytes": taken["unpacked_bytes"] + found["bytes"],
        }
    return taken


def _job(source: HuggingFaceSource, path: str, root: Path, size: int = 0) -> Unpacking:
    identity = hashlib.sha256(f"{source.repository}@{source.revision}/{path}".encode()).hexdigest()
    return Unpacking(root / path, root, identity, max(_LEAST, _RATIO * size), _folder(path) or "")


def _folder(path: str) -> str | None:
    """Where what a file packs goes: beside it, under its name without ending; None: it packs nothing."""
    lower = path.lower()
    ending = next((each for each in sorted(ARCHIVES, key=len, reverse=True) if lower.endswith(each)), None)
    if ending is None and lower.endswith(".parquet"):
        ending = ".parquet"
    return path[: -len(ending)] or None if ending else None
