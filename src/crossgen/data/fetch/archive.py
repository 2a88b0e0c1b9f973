"""A zip or tar archive: fetched if it is far, verified by its SHA-256, unpacked below the root.

A far archive is kept in the root's folder of records until all of it is unpacked; one at hand is read where it is.
"""

import hashlib
import logging
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from crossgen.config import ArchiveSource
from crossgen.data.extract import Unpacking, unpack, verified
from crossgen.data.fetch.transfer import fetch_file
from crossgen.data.locks import held
from crossgen.progress import Meter

LOG = logging.getLogger(__name__)


def fetch_archive(source: ArchiveSource) -> dict[str, Any]:
    """Numbers of files and bytes below the root, all verified; what a run before has done stands.

    Raises OSError, ValueError: the archive cannot be had, is another one, or holds what may not be unpacked.
    """
    near = _near(source.url)
    with held(Path(source.root)) as state:
        archive = near or state / f"{source.sha256[:32]}.archive"
        job = _job(source, archive)
        _refuse_another(job)
        found = verified(job)
        if found is None:
            if near:
                _verify(near, source.sha256)
            else:
                with Meter(f"fetch: {source.url}", None, "bytes") as meter:
                    fetch_file(source.url, archive, size=None, digest=("sha256", source.sha256), meter=meter)
            found = unpack(job)
        if not near:
            archive.unlink(missing_ok=True)
    return {"sha256": source.sha256} | found


def is_unpacked(source: ArchiveSource) -> bool:
    """Whether an earlier run came to its end; says nothing of what became of the files since."""
    return _job(source, Path(source.url)).record.recall()[1]


def _job(source: ArchiveSource, archive: Path) -> Unpacking:
    return Unpacking(archive, Path(source.root), source.sha256, int(source.max_unpacked_gb * 1e9))


def _near(url: str) -> Path | None:
    """The archive's path if it is on this machine. Raises ValueError for an address of another kind."""
    parts = urlsplit(url)
    if parts.scheme in ("http", "https"):
        return None
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(url2pathname(parts.path))
    if "://" in url:
        raise ValueError(f"source.url {url}: expected http://, https://, file:///... or a path.")
    return Path(url)


def _verify(archive: Path, expected: str) -> None:
    if not archive.is_file():
        raise FileNotFoundError(f"No archive {archive}: correct source.url in the config.")
    found = hashlib.sha256()
    with open(archive, "rb") as file, Meter(f"fetch: verify {archive}", archive.stat().st_size, "bytes") as meter:
        while piece := file.read(1 << 20):
            found.update(piece)
            meter.advance(len(piece))
    if found.hexdigest() != expected:
        raise ValueError(
            f"{archive}: its SHA-256 is {found.hexdigest()}, source.sha256 is {expected}: damaged, or another file."
        )


def _refuse_another(job: Unpacking) -> None:
    """Two archives below one root would be listed as one."""
    others = [record for record in job.record.path.parent.glob("*.members") if record != job.record.path]
    if others:
        raise ValueError(
            f"{job.root} holds files of another archive (SHA-256 {others[0].stem}...): give each its own root, or"
            " remove that folder."
        )
