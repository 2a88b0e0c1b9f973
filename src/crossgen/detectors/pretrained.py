"""Pretrained weights: fetched where there is a network, found again where there is none.

Fetching is building: the network is made as training will make it, by timm's own code, from the hub or from an address,
so that whatever training needs is in the caches afterwards (HF_HOME and TORCH_HOME), and nothing else.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

#: Raised when a record is written or read in another way.
VERSION = 1


@dataclass(frozen=True)
class File:
    """A file of weights in one of the two caches: `origin` is a repository of the hub, or the file's address."""

    origin: str
    name: str
    lies: str  # below HF_HUB_CACHE or TORCH_HOME
    bytes: int
    sha256: str


def fetch(architecture: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Build the network, which fetches its weights unless the caches hold them; the record of what was fetched.

    Raises ValueError for an architecture or options that do not exist, and for weights that cannot be had.
    """
    from crossgen.detectors.zoo import network

    found = {file.lies: asdict(file) for file in _files(network(architecture, options))}
    return {"architecture": architecture, "options": dict(options), "files": list(found.values())}


def find(record: Path) -> None:
    """See that the caches of this machine hold what was fetched, and let nothing ask a hub for it (HF_HUB_OFFLINE).

    Call it before anything imports huggingface_hub, which reads that once. Raises ValueError for a file that is not
    there or is another one.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    for told in json.loads(record.read_text(encoding="utf-8"))["files"]:
        path = _cached(told["origin"], told["name"])
        found = _sha256(path) if path else "nothing"
        if found != told["sha256"]:
            raise ValueError(
                f"The caches here (HF_HUB_CACHE {_hub_cache()}, TORCH_HOME {_torch_home()}) hold {found[:16]} as"
                f" {told['name']} of {told['origin']}: expected {told['sha256'][:16]}..., as {record} says."
                " They must be folders that all machines of a run see, by the same HF_HOME and TORCH_HOME. To fetch the"
                f" weights again, delete {record}."
            )


def _files(network: Any) -> Iterator[File]:  # noqa: ANN401 (a module; this file imports no torch)
    for part in network.modules():
        told = getattr(part, "pretrained_cfg", None) or getattr(part, "trunk_cfg", None)
        if found := told and _loaded(told):
            origin, name, path = found
            yield File(origin, name, _below(path), path.stat().st_size, _sha256(path))


def _loaded(told: dict[str, Any]) -> tuple[str, str, Path] | None:
    """Origin, name and place of the file that timm has loaded by one of its `pretrained_cfg`; None if none is there."""
    from timm.models._builder import _resolve_pretrained_source
    from timm.models._hub import HF_WEIGHTS_NAME, _get_safe_alternatives

    kind, where = _resolve_pretrained_source(told)
    origin, name = where if isinstance(where, tuple) else (where, "")
    if kind == "url":
        names = [name or PurePosixPath(urlsplit(origin).path).name]
    elif kind == "hf-hub":
        names = [*_get_safe_alternatives(name or HF_WEIGHTS_NAME), name or HF_WEIGHTS_NAME]
    else:  # a file of one's own, which nobody fetches
        return None
    return next(((origin, each, path) for each in names if (path := _cached(origin, each))), None)


def _cached(origin: str, name: str) -> Path | None:
    """Where a file lies in the cache of this machine."""
    if "://" in origin:
        path = _torch_home() / "hub" / "checkpoints" / name
        return path if path.is_file() else None
    from huggingface_hub import try_to_load_from_cache

    repository, _, revision = origin.partition("@")
    found = try_to_load_from_cache(repository, name, revision=revision or None)
    return Path(found) if isinstance(found, str) else None


def _below(path: Path) -> str:
    """The path below its cache: no machine's folder stands in a record."""
    for variable, folder in (("HF_HUB_CACHE", _hub_cache()), ("TORCH_HOME", _torch_home())):
        if path.is_relative_to(folder):
            return f"{variable}/{path.relative_to(folder).as_posix()}"
    raise ValueError(f"{path} lies in neither cache.")


def _hub_cache() -> Path:
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE)


def _torch_home() -> Path:
    from torch import hub

    return Path(hub.get_dir()).parent


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
