"""GenImage's multi-volume zips: found or fetched, each compared with its MD5, unpacked by 7-Zip below the root.

Volumes that the list of checksums names must match it. An archive that it does not name is verified by 7-Zip alone,
member by member (CRC-32). MD5s are kept with size and time of change of each volume: 650 GB are read once.
"""

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crossgen.config import VolumesSource
from crossgen.data import volumes
from crossgen.data.fetch.counting import Count, all_of
from crossgen.data.fetch.transfer import digest_of, fetch_file
from crossgen.data.genimage import ARCHIVES, FOLDERS
from crossgen.data.locks import held
from crossgen.data.unpack_volumes import Volumes, unpack
from crossgen.files import write_text
from crossgen.progress import Meter

_Known = dict[str, dict[str, Any]]  # volume -> size, changed (st_mtime_ns), md5


def fetch_volumes(source: VolumesSource) -> dict[str, Any]:
    """Numbers of volumes, files, bytes and damaged members of the subset's archive, all verified.

    Volumes may be removed once all is unpacked. Raises OSError, ValueError: volumes that are missing or differ, members
    that may not be unpacked, no 7-Zip.
    """
    stem = ARCHIVES[source.subset]
    with held(Path(source.root), f"{stem}.lock") as state:
        known, expected = state / f"{stem}.volumes.json", _expected(source, stem)
        job = Volumes(stem, {}, Path(source.root), FOLDERS[source.subset], bool(expected))
        before, present = _read(known), _present(source, stem)
        is_unchanged = bool(before) and all(_state(path) == _part(before.get(name)) for name, path in present.items())
        digests = {name: facts["md5"] for name, facts in before.items()}
        found = job.record.verified() if is_unchanged and digests.items() >= expected.items() else None
        if found is None:
            present = _complete(source, stem, expected, present)
            digests = _digests(present, known, source.connections)
            _refuse_differing(digests, expected, present, source)
            found = unpack(Volumes(stem, present, job.root, job.folder, job.is_known))
        return {"archive": stem, "volumes": len(digests), "damaged_members": len(job.errors())} | found


def _expected(source: VolumesSource, stem: str) -> dict[str, str]:
    listed = volumes.checksums(Path(source.checksums)) if source.checksums else volumes.published()
    return {volume: md5 for volume, md5 in listed.items() if volume.rpartition(".")[0] == stem}


def _present(source: VolumesSource, stem: str) -> dict[str, Path]:
    if source.links:
        Path(source.volumes).mkdir(parents=True, exist_ok=True)
    return volumes.find(Path(source.volumes), stem)


def _complete(
    source: VolumesSource, stem: str, expected: Mapping[str, str], present: Mapping[str, Path]
) -> dict[str, Path]:
    """All volumes of the archive, missing ones fetched by their links."""
    folder = Path(source.volumes)
    links = volumes.column(Path(source.links), "url") if source.links else {}
    links = {volume: url for volume, url in links.items() if volume.rpartition(".")[0] == stem}
    complete = dict(present) | {volume: folder / volume for volume in links if volume not in present}
    remedy = "Download them (or name links to them in source.links), one generator at a time; remove what is extra."
    if expected:
        volumes.refuse_incomplete(expected, complete, folder, remedy)
    elif f"{stem}.zip" not in complete:
        raise ValueError(f"{folder}: no volume {stem}.zip, the last one. {remedy}")
    with Meter(f"fetch: {stem}", None, "bytes") as meter:
        count = Count(meter)

        def fetched(volume: str) -> None:
            digest = ("md5", expected[volume]) if volume in expected else None
            fetch_file(links[volume], folder / volume, size=None, digest=digest, meter=count)

        all_of(fetched, complete.keys() - present.keys(), source.connections, count)
    return complete


def _digests(present: Mapping[str, Path], known: Path, at_a_time: int) -> dict[str, str]:
    """MD5 of each volume; one that has the size and time of change it had when it was read is not read again."""
    facts = {name: entry for name, entry in _read(known).items() if name in present}
    unread = [name for name, path in present.items() if _state(path) != _part(facts.get(name))]
    total = sum(present[name].stat().st_size for name in unread)
    lock = threading.Lock()
    with Meter(f"fetch: verify {known.name.partition('.')[0]}", total, "bytes") as meter:
        count = Count(meter)

        def read(name: str) -> None:
            state = _state(present[name])
            found = dict(zip(("size", "changed"), state, strict=True)) | {"md5": digest_of(present[name], "md5")}
            with lock:
                facts[name] = found
                write_text(known, json.dumps(facts, indent=1, sort_keys=True) + "\n")
            count.advance(state[0])

        all_of(read, unread, min(at_a_time, os.cpu_count() or 1), count)
    return {name: facts[name]["md5"] for name in present}


def _refuse_differing(
    digests: Mapping[str, str], expected: Mapping[str, str], present: Mapping[str, Path], source: VolumesSource
) -> None:
    wrong = [
        f"{present[name]} ({present[name].stat().st_size:,} bytes, MD5 {digests[name]}, expected {md5})"
        for name, md5 in sorted(expected.items())
        if digests[name] != md5
    ]
    if wrong:
        listed = source.checksums or "the list of the Google Drive copy (GenImage-Dataset/GenImage#2)"
        raise ValueError(
            f"{len(wrong)} of {len(expected)} volumes differ from {listed}: {volumes.some(wrong)}. Download them again;"
            " if yours is another copy, name its own list in source.checksums."
        )


def _state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _part(facts: Mapping[str, Any] | None) -> tuple[int, int] | None:
    return (facts["size"], facts["changed"]) if facts else None


def _read(known: Path) -> _Known:
    if not known.is_file():
        return {}
    found: _Known = json.loads(known.read_text(encoding="utf-8"))
    return found
