"""GenImage's images in its Dataverse deposit: those wanted are brought to the root, by ranges or out of the parts."""

from pathlib import Path
from typing import Any

from crossgen.config import DataverseSource, Pool
from crossgen.data import genimage
from crossgen.data.fetch.dataverse import METADATA, opened, pattern
from crossgen.data.fetch.directory import Member
from crossgen.data.fetch.unpack import DamagedError, Unpacking
from crossgen.data.wanted import wanted

_FOLDERS = {label: folder for folder, label in genimage.LABELS.items()}


def entries(source: DataverseSource, pool: Pool) -> list[dict[str, Any]]:
    """The wanted images of the subset and label, all of them below the root and verified by CRC-32.

    Their paths are the archive's without its leading folder. Raises OSError, ValueError for what could not be brought;
    what was stays and is not fetched again.
    """
    root, archive = Path(source.root), opened(source)
    outer, label = genimage.FOLDERS[source.subset], _FOLDERS[pool.label]
    members = {path_of(member): member for member in archive.directory.members(pattern([outer], label))}
    published = root / METADATA if source.metadata else None
    if published is not None and not published.is_file():
        raise FileNotFoundError(f"Pool {pool.name!r}: no file {published}: run `crossgen fetch` for this source first.")
    rows = wanted(genimage.entries(members, pool, published), source.members, pool.label)
    work = Unpacking(archive.bytes, root, path_of, f"{outer}_{label}", source.connections)
    try:
        work.run([members[row["path"]] for row in rows])
    except DamagedError:
        archive.directory.forget()
        raise
    return rows


def path_of(member: Member) -> str:
    """Where a member goes: from the generator's folder on."""
    head, _, rest = member.name.partition("/")
    return member.name if head in genimage.FOLDERS.values() else rest
