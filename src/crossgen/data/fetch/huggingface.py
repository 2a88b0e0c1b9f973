"""A data set repository of the Hugging Face hub at one commit: fetched, verified, and what it packs taken out.

Every file is compared with the size and digest that the hub tells (SHA-256 of large files, git's SHA-1 of small ones).
Then archives are unpacked into a folder of their name beside them, and images inside Parquet files written out
(`crossgen.data.parquet_images`). Archives and shards may be removed once that is done.
"""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from crossgen.config import HuggingFaceSource
from crossgen.data.extract import Unpacking, enough_room, refuse_foreign, unpack
from crossgen.data.fetch.counting import Count, all_of
from crossgen.data.fetch.held import held
from crossgen.data.fetch.http import PATIENCE, wait
from crossgen.data.fetch.transfer import fetch_file
from crossgen.data.members import STATE, Member, judge
from crossgen.data.names import shown
from crossgen.data.parquet_images import shard, write_out
from crossgen.files import write_text
from crossgen.progress import Meter

LOG = logging.getLogger(__name__)

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_RATIO, _LEAST = 100, 10**9  # no archive of images unpacks to more than 100 times its size, or a gigabyte: a bomb
_AT_A_TIME = 8
_LARGEST = 50 * 10**9  # above, the hub gives bytes by its own protocol alone
_ROUNDS = 3  # downloads of a file that comes whole, but wrong


@dataclass(frozen=True)
class Wanted:
    """A file of the repository: bytes, and its digest as (algorithm, hexadecimal digits)."""

    path: str
    size: int
    digest: tuple[str, str]


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
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile
    from huggingface_hub.utils._paths import filter_repo_objects

    api = HfApi(endpoint=_endpoint())
    with _told(source):  # it asks again by itself
        tree = api.list_repo_tree(source.repository, recursive=True, revision=source.revision, repo_type="dataset")
        found = [each for each in tree if isinstance(each, RepoFile)]
    chosen = list(filter_repo_objects(found, allow_patterns=list(source.patterns), key=lambda each: each.path))
    where = f"{source.repository}@{source.revision[:12]}"
    if not chosen:
        raise ValueError(f"{where}: none of its {len(found)} files matches source.patterns {list(source.patterns)}.")
    folders = {folder for each in chosen if (folder := _folder(each.path))}
    members = [Member(each.path, "file", each.size) for each in chosen]
    judge(
        [*members, *(Member(folder, "folder") for folder in sorted(folders))], where, sum(each.size for each in chosen)
    )
    return [
        Wanted(each.path, each.size, ("sha256", each.lfs.sha256) if each.lfs else ("sha1", each.blob_id))
        for each in chosen
    ]


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
    missing = sum(file.size for file in files if not (root / file.path).is_file())
    enough_room(root, missing, f"fetch {source.repository}")
    with Meter(f"fetch: {source.repository}", sum(file.size for file in files), "bytes") as meter:
        count = Count(meter)
        all_of(lambda file: _one(source, file, root, file.path in ours, count), files, _AT_A_TIME, count)


def _one(source: HuggingFaceSource, file: Wanted, root: Path, is_ours: bool, count: Count) -> None:
    """Fetch one file, or leave it if it is right.

    huggingface_hub begins anew after a kill. Where the hub sends us on to its storage, as it does for all large files,
    we fetch from there and go on from the bytes we have.
    """
    path = root / file.path
    if path.is_file() and _is_right(path, file):
        count.advance(file.size)
        return
    refuse_foreign(path, is_ours)
    if file.digest[0] == "sha256" and file.size <= _LARGEST and _is_elsewhere(_address(source, file)):
        fetch_file(lambda: _address(source, file), path, size=file.size, digest=file.digest, meter=count)
        return
    for _ in range(_ROUNDS):
        path.unlink(missing_ok=True)
        _patiently(lambda: _by_hub(source, file, root), source, shown(file.path))
        if _is_right(path, file):
            count.advance(file.size)
            return
        LOG.warning(f"{shown(path)}: not the bytes that the hub tells of; fetching it again")
    path.unlink(missing_ok=True)
    raise ValueError(
        f"{source.repository}: {shown(file.path)} came {_ROUNDS} times with another {file.digest[0]} than the hub tells"
        f" ({file.digest[1]}): nothing was kept."
    )


def _by_hub(source: HuggingFaceSource, file: Wanted, root: Path) -> None:
    from huggingface_hub import hf_hub_download

    hf_hub_download(
        source.repository,
        file.path,
        repo_type="dataset",
        revision=source.revision,
        local_dir=root,
        endpoint=_endpoint(),
    )


def _address(source: HuggingFaceSource, file: Wanted) -> str:
    """Where the hub sends us for a file now: a signed address, good for an hour or so. Raises OSError."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    url = hf_hub_url(source.repository, file.path, repo_type="dataset", revision=source.revision, endpoint=_endpoint())
    found: list[str] = []
    _patiently(lambda: found.append(get_hf_file_metadata(url, endpoint=_endpoint()).location), source, shown(file.path))
    return found[0]


def _is_elsewhere(address: str) -> bool:
    """Whether an address needs no token of the hub's: it is not the hub's own."""
    from huggingface_hub import constants

    return urlsplit(address).netloc != urlsplit(_endpoint() or constants.ENDPOINT).netloc


def _patiently(ask: Callable[[], object], source: HuggingFaceSource, what: str) -> None:
    """Ask the hub again, with pauses, for what it may yet give."""
    for attempt in range(1, PATIENCE.attempts + 1):
        try:
            with _told(source):
                ask()
            return
        except ConnectionError as error:
            if attempt == PATIENCE.attempts:
                raise
            LOG.info(f"{what}: {error}; asking again")
            wait(min(PATIENCE.longest, PATIENCE.first * 2.0 ** (attempt - 1)))


def _is_right(path: Path, file: Wanted) -> bool:
    if path.stat().st_size != file.size:
        return False
    algorithm, expected = file.digest
    running = hashlib.new(algorithm, usedforsecurity=False)
    if algorithm == "sha1":  # git's: of a header and the bytes
        running.update(f"blob {file.size}\0".encode())
    with open(path, "rb") as bytes_of:
        while piece := bytes_of.read(1 << 20):
            running.update(piece)
    return running.hexdigest() == expected


def _take_out(source: HuggingFaceSource, files: list[Wanted], root: Path) -> dict[str, int]:
    """Unpack archives and write images out of Parquet files; numbers of these files and bytes."""
    taken = {"unpacked_files": 0, "unpacked_bytes": 0}
    for file in files:
        if _folder(file.path) is None:
            continue
        job = _job(source, file.path, root, file.size)
        found = job.record.verified()
        if found is None and file.path.endswith(".parquet"):
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


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT") or None


@contextmanager
def _told(source: HuggingFaceSource) -> Iterator[None]:
    """The hub's errors in words that say what to do; ConnectionError for what another attempt may mend."""
    from huggingface_hub import errors

    where = f"{source.repository}@{source.revision[:12]}"
    login = "give a token (hf auth login, or the environment variable HF_TOKEN)"
    network = cast(type[Exception], errors.HfHubHTTPError.__bases__[0])  # of its HTTP client: no connection, timeouts
    try:
        yield
    except errors.GatedRepoError as error:
        raise OSError(
            f"{where} is gated: accept its terms at https://huggingface.co/datasets/{source.repository}, then {login}."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise OSError(f"{source.repository} has no commit {source.revision}: correct source.revision.") from error
    except errors.RepositoryNotFoundError as error:
        raise OSError(
            f"No data set {source.repository} on the hub, or a private one: correct it, or {login}."
        ) from error
    except errors.OfflineModeIsEnabled as error:
        raise OSError(f"{where} is not here yet and HF_HUB_OFFLINE forbids to fetch it: unset it once.") from error
    except errors.LocalEntryNotFoundError as error:
        raise ConnectionError(f"cannot reach the hub for {where}: {error.__cause__ or error}") from error
    except errors.HfHubHTTPError as error:
        kind = ConnectionError if error.response.status_code >= 500 or error.response.status_code == 429 else OSError
        raise kind(f"{where}: the hub answered {error.response.status_code}: {str(error).splitlines()[0]}") from error
    except network as error:
        raise ConnectionError(f"cannot reach the hub for {where}: {error}") from error
