"""The files of a pipeline: fetched from the hub where there is a network, found again where there is none.

A folder is used as it is. A pipeline of the hub is fetched by diffusers' own code, which takes what the pipeline loads
and no other file, into the cache of the hub (HF_HOME); a record tells which files these are, for jobs
without a network.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blake3 import blake3

from crossgen.config import GeneratedSource
from crossgen.config.values import files_below

#: Raised when a record is written or read in another way.
VERSION = 1


@dataclass(frozen=True)
class Files:
    """Where a pipeline lies, and a digest of the names and bytes of its files."""

    folder: Path
    digest: str


def fetch(source: GeneratedSource) -> dict[str, Any]:
    """Fetch a pipeline of the hub, unless the cache holds it; the record of its files.

    Raises ValueError for one without a revision, and for what cannot be had.
    """
    from crossgen.diffusion import library, refuse_unpinned

    refuse_unpinned(source.pipeline, source.revision, "source.pipeline")
    kind = library("diffusers").DiffusionPipeline
    options: dict[str, Any] = {"revision": source.revision, "variant": source.variant}
    try:
        folder = Path(kind.download(source.pipeline, **options))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"Cannot fetch the pipeline {source.pipeline!r} at {source.revision} (source.pipeline of the config):"
            f" {error}. A gated model needs its terms accepted at the hub and HF_TOKEN; where there is no internet,"
            " fetch it elsewhere into the same HF_HOME, or name a folder that `save_pretrained` wrote."
        ) from error
    _refuse_parts(folder, source)
    names = [Path(path).relative_to(folder).as_posix() for path in files_below(folder)]
    return {
        "pipeline": source.pipeline,
        **options,
        "lies": folder.relative_to(_cache()).as_posix(),
        "files": [{"name": name, "bytes": (folder / name).stat().st_size} for name in names],
        "digest": digest_of(folder, names),
    }


def _refuse_parts(folder: Path, source: GeneratedSource) -> None:
    """Raise ValueError where a part that the pipeline's index names is not there: an interrupted fetch says nothing."""
    index = folder / "model_index.json"
    told = json.loads(index.read_text(encoding="utf-8")) if index.is_file() else {}
    parts = [name for name, kind in told.items() if isinstance(kind, list) and kind[0] is not None]
    missing = [name for name in parts if not any((folder / name).glob("*"))]
    if not parts or missing:
        what = f"its parts {', '.join(missing)}" if parts else "a model_index.json that names its parts"
        raise ValueError(
            f"The hub gave no whole pipeline for {source.pipeline!r} at {source.revision} (source.pipeline of the"
            f" config): {what} did not come. Fetch again; if that does not help, see that the name is a diffusers"
            " pipeline's."
        )


def found(source: GeneratedSource, record: Path | None) -> Files:
    """Where a source's pipeline lies: its folder, or what `record` tells of the cache. No hub is asked from here on.

    Raises ValueError for a pipeline that is neither, and for a cache that lacks a file or holds another.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    folder = Path(source.pipeline)
    if folder.is_dir():
        names = [Path(path).relative_to(folder).as_posix() for path in files_below(folder)]
        return Files(folder, digest_of(folder, names))
    if record is None:
        raise ValueError(
            f"{source.pipeline!r} in source.pipeline is no folder here: a pipeline of the hub is fetched first"
            " (`crossgen fetch-pipeline`), and its record given by --weights."
        )
    told = json.loads(record.read_text(encoding="utf-8"))
    folder = _cache() / told["lies"]
    harmed = next((each for each in told["files"] if _size(folder / each["name"]) != each["bytes"]), None)
    names = [each["name"] for each in told["files"]]
    if harmed is not None or digest_of(folder, names) != told["digest"]:
        what = f"not {harmed['name']} of {harmed['bytes']} bytes" if harmed else "other bytes"
        raise ValueError(
            f"The cache here (HF_HUB_CACHE {_cache()}) holds {what} of {source.pipeline} as {record} tells: it must"
            f" be a folder that all machines of a run see, by the same HF_HOME. To fetch it again, delete {record}."
        )
    return Files(folder, told["digest"])


def digest_of(folder: Path, names: Sequence[str]) -> str:
    """blake3 over the names and bytes of files, in the order of the names."""
    whole = blake3()
    for name in sorted(names):
        whole.update(f"{name}\n{blake3().update_mmap(folder / name).hexdigest()}\n".encode())
    return whole.hexdigest()


def name_of(source: GeneratedSource) -> str:
    """A name for the record of a source's files: pools of one pipeline share it."""
    told = json.dumps([source.pipeline, source.revision, source.variant])
    plain = "".join(letter if letter.isalnum() else "_" for letter in source.pipeline.lower())
    return f"{plain}_{hashlib.blake2b(told.encode(), digest_size=4).hexdigest()}"


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _cache() -> Path:
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE)
