"""Bytes that the jobs of a run will still bring over the network."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import TypeAdapter

from crossgen.config import ArchiveSource, DataverseSource, HuggingFaceSource, Source, VolumesSource
from crossgen.data import genimage, volumes
from crossgen.data.fetch.deposit import Deposit, remembered
from crossgen.data.fetch.transfer import partial_of
from crossgen.plan import networks
from crossgen.plan.asked import Asked, Job
from crossgen.plan.counts import Count, published

#: The deposit's files as published (doi:10.7910/DVN/AKDIHF): all of them; its metadata; the archive's list of members.
WHOLE, METADATA, DIRECTORY = 653_808_797_076, 223_851_496, 380_000_000
#: Bytes that travel for each byte wanted by ranges: 1.00 to 1.06 in benchmarks/partial_download.py.
OVERHEAD = 1.03
BRINGING = ("fetch", "fetch_weights", "fetch_pipeline", "download")


@dataclass(frozen=True)
class Download:
    """What one job brings. `bytes` None: unknown, `source` says why and what helps."""

    what: str
    bytes: float | None
    source: str


class Downloads:
    """What the jobs bring that fetch or download."""

    def __init__(self, asked: Asked, counts: Mapping[str, Count]) -> None:
        self.asked, self.counts, self.config = asked, counts, asked.config
        self.pools = {pool.name: pool for pool in self.config.pools}

    def of(self, job: Job) -> Download:
        """Of one job of the BRINGING rules."""
        if job.rule == "fetch":
            told = json.dumps(self.asked.places["fetches"][job.wildcards["fetched"]])
            source: Any = TypeAdapter(Source).validate_json(told)
            found: Download = FETCHED[type(source)](source)
            return found
        if job.rule == "fetch_weights":
            label = job.wildcards["weights"]
            return Download(
                f"weights {label}",
                networks.weights_bytes(label.rpartition("_")[0]),
                "number of parameters; perhaps at hand",
            )
        if job.rule == "fetch_pipeline":
            return Download(f"pipeline {job.wildcards['pipeline']}", None, "the hub tells its size; perhaps at hand")
        return self._members(job.wildcards["pool"])

    def unpacked(self, job: Job) -> float:
        """Bytes of images that a fetch job unpacks of volumes."""
        source = self.asked.places["fetches"][job.wildcards["fetched"]]
        return _archived(source["subset"]) if source["kind"] == "genimage_volumes" else 0.0

    def all(self) -> list[Download]:
        """Of every job that runs and brings anything."""
        jobs = [job for job in self.asked.running if job.rule in BRINGING]
        return [found for job in jobs if (found := self.of(job)).bytes != 0]

    def _members(self, name: str) -> Download:
        """Images of a pool that are fetched one by one."""
        source, told = self.pools[name].source, self.counts[name]
        if not isinstance(source, DataverseSource) or source.mode == "whole":
            return Download(name, 0, "nothing")
        if told.total is None or told.bytes is None:
            return Download(name, None, "its images are not counted yet")
        folder = Path(source.root) / genimage.FOLDERS[source.subset]
        label = {"real": "nature", "fake": "ai"}[self.pools[name].label]
        there = sum(_size(path) for path in folder.glob(f"**/{label}/*"))
        wanted = told.total * told.bytes * OVERHEAD
        return Download(f"images of {name}", max(0.0, wanted - there), f"about: {told.source}, bytes as published")


def _dataverse(source: DataverseSource) -> Download:
    """What all pools of the deposit share; images themselves, where all parts are not fetched, come later."""
    root, what = Path(source.root), f"Dataverse deposit, {source.mode}"
    deposit = remembered(root, source.server, source.doi)
    if deposit:
        return Download(what, float(sum(_files(deposit, source, root))), "the deposit's list of files")
    needed = {"whole": WHOLE, "partial": DIRECTORY + METADATA * source.metadata}[source.mode]
    there = sum(map(_size, root.glob("*.z*"))) if root.is_dir() else 0
    return Download(what, float(max(0, needed - there)), "published sizes")


def _files(deposit: Deposit, source: DataverseSource, root: Path) -> Iterator[int]:
    files = [*(deposit.others if source.metadata else ()), *(deposit.parts if source.mode == "whole" else ())]
    for file in files:
        yield max(0, file.size - max(_size(root / file.name), _size(partial_of(root / file.name))))
    if source.mode == "partial" and not list((root / ".crossgen").glob("directory-*.parquet")):
        yield DIRECTORY


def _volumes(source: VolumesSource) -> Download:
    """Missing volumes that links are given for: their share of the archive."""
    stem = genimage.ARCHIVES[source.subset]
    what = f"volumes of {stem}"
    if source.links is None:
        return Download(what, 0, "at hand")
    links = [name for name in volumes.column(Path(source.links), "url") if name.rpartition(".")[0] == stem]
    folder = Path(source.volumes)
    present = volumes.find(folder, stem) if folder.is_dir() else {}
    missing = [name for name in links if name not in present]
    size = _archived(source.subset) * len(missing) / max(1, len(links))
    return Download(what, size, f"{len(missing)} volumes, by published counts")


def _archived(subset: str) -> float:
    """Bytes of the images of one of GenImage's archives, which packs them by next to nothing."""
    rows = [published()[subset, label] for label in ("real", "fake")]
    return sum((int(row["train"]) + int(row["test"])) * float(row["bytes"]) for row in rows)


def _archive(source: ArchiveSource) -> Download:
    if urlsplit(source.url).scheme not in ("http", "https"):
        return Download(source.url, 0, "at hand")
    return Download(source.url, None, "its server was not asked: `curl -sIL` of the address tells its size")


def _huggingface(source: HuggingFaceSource) -> Download:
    return Download(source.repository, None, "its server was not asked: the repository's page tells its size")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


FETCHED: Mapping[type, Any] = {
    ArchiveSource: _archive,
    DataverseSource: _dataverse,
    HuggingFaceSource: _huggingface,
    VolumesSource: _volumes,
}
