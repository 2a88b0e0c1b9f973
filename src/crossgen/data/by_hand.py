"""GenImage's deposit into a folder, by hand: all of it, its metadata alone, or the images one names."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from crossgen.config import DataverseSource, Pool
from crossgen.config.sources import GenImageSubset, Members
from crossgen.data.fetch import dataverse
from crossgen.data.fetch.deposit import Deposit, ask, remember, remembered
from crossgen.data.members import STATE
from crossgen.data.room import refuse_without_room
from crossgen.data.sources import dataverse as images

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wish:
    """What to bring to `source.root`. `members` None: the archive's parts as they are; `subsets` empty: all.

    `go_on`: the folder may hold anything; what has a file's name is verified, and fetched where it is not right.
    """

    source: DataverseSource
    subsets: tuple[str, ...]
    members: Members | None
    only: Literal["metadata", "images"] | None
    go_on: bool


def download(wish: Wish) -> Iterator[str]:
    """Bring it, verified; one line for each kind of thing that is there now. Raises OSError, ValueError."""
    root = Path(wish.source.root)
    if not wish.go_on:
        refuse_foreign(root, wish.source)
    deposit = ask(wish.source.server, wish.source.doi)
    remember(root, deposit)
    yield from _files(wish, deposit, root)
    if wish.members is not None and wish.only != "metadata":
        yield from _images(wish, root)


def refuse_foreign(root: Path, source: DataverseSource) -> None:
    """Raise ValueError for a folder that holds something else than an earlier run has brought there."""
    held = [path for path in root.iterdir() if path.name != STATE] if root.is_dir() else []
    if held and remembered(root, source.server, source.doi) is None:
        raise ValueError(
            f"{root} holds {len(held)} things that this command did not bring ({held[0].name}): add --continue to "
            "verify what is there and fetch the rest (files that are not right are replaced), or name another folder"
        )


def _files(wish: Wish, deposit: Deposit, root: Path) -> Iterator[str]:
    """The deposit's own files."""
    kinds = {"metadata and lists": deposit.others if wish.only != "images" else ()}
    if wish.source.mode == "whole" and wish.only != "metadata":
        kinds["parts of the archive"] = deposit.parts
    files = [file for each in kinds.values() for file in each]
    if wish.members == Members() and not wish.subsets and wish.source.mode == "whole":
        refuse_without_room(root, _needed(deposit, root), f"{deposit.doi} and its images, unpacked")
    new = dataverse.fetch_files(deposit, files, root, wish.source.connections)
    for kind, of_kind in kinds.items():
        if of_kind:
            yield f"{root}: {kind}: {len(of_kind)} files, {sum(file.size for file in of_kind):,} bytes, verified"
    yield f"{root}: {new} of {len(files)} files were fetched now"


def _needed(deposit: Deposit, root: Path) -> int:
    """Bytes that all parts, and all images out of them (which hardly shrink when packed), take more than is there."""
    parts = sum(part.size for part in deposit.parts)
    return 2 * parts - sum(path.stat().st_size for path in root.rglob("*") if path.is_file())


def _images(wish: Wish, root: Path) -> Iterator[str]:
    total = 0
    for subset in wish.subsets or get_args(GenImageSubset):
        for label in ("fake", "real"):
            source = wish.source.model_copy(update={"subset": subset, "members": wish.members})
            pool = Pool.model_validate({"name": f"{subset}_{label}", "label": label, "source": source})
            count = len(images.entries(source, pool))
            if count == 0 and wish.subsets:
                raise ValueError(f"the archive holds no {label} image of {subset} that these options want")
            total += count
            yield f"{root}: {subset}, {label}: {count:,} images, verified"
    if not total:
        raise ValueError("the archive holds no image that these options want")
