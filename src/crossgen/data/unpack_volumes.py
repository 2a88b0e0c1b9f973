"""Unpack the volumes of one archive by 7-Zip, batch by batch.

Each batch goes to a folder of its own below the root's STATE; what has its size and CRC-32 is moved to its place and
recorded, and the folder is removed: a kill costs one batch. A member that is damaged in the archive does not stop the
others: it is left out and written to a table (`errors_of`), which the listing reads, so that it ends in quarantine.
"""

import csv
import io
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from crossgen.data import sevenzip
from crossgen.data.batches import Batch, batches
from crossgen.data.extract import missing_bytes, refuse_foreign, refuse_links
from crossgen.data.members import STATE, Member, judge
from crossgen.data.names import as_text
from crossgen.data.record import Done, Pen, Record, crc_of, holds, summed
from crossgen.data.room import refuse_without_room
from crossgen.files import write_text
from crossgen.progress import Meter

#: No archive of images is packed that well: a bomb.
_RATIO = 100


@dataclass(frozen=True)
class Volumes:
    """The volumes of one archive, by name, all there, and where they are unpacked: `root`/`folder`.

    `is_known`: every byte is as published, so members that share bytes are not looked for.
    """

    stem: str
    paths: Mapping[str, Path]
    root: Path
    folder: str
    is_known: bool

    @property
    def state(self) -> Path:
        """Folder of records."""
        return self.root / STATE

    @property
    def record(self) -> Record:
        """Finished members."""
        return Record(self.state / f"{self.stem}.members", self.root)

    def errors(self) -> dict[str, str]:
        """Damaged members that were left out: path below the root to what is wrong."""
        return errors_of(self.root, self.stem)


def errors_of(root: Path, stem: str) -> dict[str, str]:
    """Members of an archive that are damaged in it and were left out: path below the root to what is wrong."""
    path = root / STATE / f"{stem}.unpack_errors.csv"
    if not path.is_file():
        return {}
    with open(path, encoding="utf-8", newline="") as lines:
        return {row["path"]: row["reason"] for row in csv.DictReader(lines)}


def unpack(job: Volumes) -> dict[str, int]:
    """Unpack what does not stand yet; returns numbers of files and bytes.

    Raises ValueError (no archive, a missing volume, members that may not be unpacked, a file of someone else), OSError.
    """
    _sweep(job)
    archive = _linked(job)
    files = _judged(job, archive)
    refuse_links(job.root, files)
    refuse_without_room(job.root, missing_bytes(job.root, files), f"unpack {job.stem}")
    ours, errors = _ours(job, files), dict[str, str]()
    now: dict[str, Done] = {}
    with job.record.opened() as pen, Meter(f"fetch: unpack {job.stem}", len(files), "files") as meter:
        for path, member in files.items():
            target = job.root / path
            if member.crc is not None and holds(target, member.size, member.crc):
                now[path] = _noted(pen, path, member.crc, target)
                meter.advance()
            else:
                refuse_foreign(target, path in ours)
        for batch in batches({path: member for path, member in files.items() if path not in now}):
            done, faults = _unpacked(job, archive, batch, pen)
            now |= done
            errors |= faults
            meter.advance(len(batch.members))
        _write_errors(job, errors)
        os.sync()  # before the record says that all of it is there: a power cut may not make it a lie
        pen.finish()
    _sweep(job)
    return summed(now)


def _judged(job: Volumes, archive: Path) -> dict[str, Member]:
    """The files of the archive by their paths below the root."""
    found, sizes = sevenzip.listing(archive), [path.stat().st_size for _, path in _ordered(job)]
    if found.volumes != len(job.paths):
        raise ValueError(
            f"{job.stem}: its directory tells of {found.volumes} volumes, {len(job.paths)} are at hand: they are not of"
            " one archive, or some are missing."
        )
    if not job.is_known:
        sevenzip.refuse_overlap(found, sizes, job.stem)
    files = judge((each.member for each in found.members), job.stem, _RATIO * sum(sizes))
    is_inside = all(file.path.startswith(f"{job.folder}/") for file in files)
    return {file.path if is_inside else f"{job.folder}/{file.path}": file for file in files}


def _ours(job: Volumes, files: Mapping[str, Member]) -> set[str]:
    """What earlier runs have put there. Raises ValueError for what this archive does not hold."""
    done, _ = job.record.recall()
    stale = [path for path in done if path not in files and os.path.lexists(job.root / path)]
    if stale:
        raise ValueError(
            f"{job.root / job.folder} holds {len(stale)} files of other volumes of {job.stem} (first: {stale[0]}):"
            " remove that folder and run again."
        )
    job.record.rewrite({path: facts for path, facts in done.items() if path in files})
    return set(done)


def _unpacked(job: Volumes, archive: Path, batch: Batch, pen: Pen) -> tuple[dict[str, Done], dict[str, str]]:
    """Files of a batch that stand now, and what is wrong with the others, by path."""
    staging = Path(tempfile.mkdtemp(prefix=f"{job.stem}.staging.", dir=job.state))
    done, errors = dict[str, Done](), dict[str, str]()
    try:
        faults = sevenzip.extract(archive, batch.patterns, staging)
        for path, member in batch.members.items():
            staged, target = staging / member.path, job.root / path
            reason = faults.get(member.name) or _fault(staged, member)
            if reason:
                errors[path] = reason
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(staged, target)
            done[path] = _noted(pen, path, member.crc or 0, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return done, errors


def _fault(staged: Path, member: Member) -> str | None:
    if staged.is_symlink() or not staged.is_file():
        return "7-Zip did not give it under its listed name"
    size = staged.stat().st_size
    if size != member.size:
        return f"{size} bytes instead of {member.size}"
    found = crc_of(staged)
    return None if found == member.crc else f"CRC-32 {found:08x}, the archive says {member.crc or 0:08x}"


def _noted(pen: Pen, path: str, crc: int, target: Path) -> Done:
    state = target.stat()
    facts = Done(state.st_size, crc, state.st_mtime_ns)
    pen.note(path, facts)
    return facts


def _ordered(job: Volumes) -> Sequence[tuple[str, Path]]:
    """Volumes in their order: .z01, .z02, ..., .z100, .zip."""
    return sorted(job.paths.items(), key=lambda item: (item[0].endswith(".zip"), len(item[0]), item[0]))


def _linked(job: Volumes) -> Path:
    """The last volume in a folder of links, where each bears its own name; 7-Zip looks for the others beside it."""
    folder = job.state / f"{job.stem}.volumes"
    folder.mkdir(parents=True)
    for name, path in job.paths.items():
        (folder / name).symlink_to(path.resolve())
    return folder / f"{job.stem}.zip"


def _sweep(job: Volumes) -> None:
    """Remove what a killed run left, but the record."""
    for left in [*job.state.glob(f"{job.stem}.staging.*"), job.state / f"{job.stem}.volumes"]:
        shutil.rmtree(left, ignore_errors=True)


def _write_errors(job: Volumes, errors: Mapping[str, str]) -> None:
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(("path", "reason"))
    rows.writerows(sorted((as_text(path), reason) for path, reason in errors.items()))
    write_text(job.state / f"{job.stem}.unpack_errors.csv", out.getvalue())
