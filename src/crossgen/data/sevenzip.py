"""7-Zip: the listing of a zip in one or many volumes, and members out of it.

Why 7-Zip and not unzip: unzip knows no volumes: it calls them, and the joined archive of SD 1.5 too, "overlapped
components (possible zip bomb)" although every checksum matches (Andrew-Zhu/GenImage#14). Python's zipfile refuses them.
7-Zip reads them as they are, so that nothing of 650 GB is written twice.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from crossgen.data.members import Member
from crossgen.data.names import shown

PROGRAMS = ("7zz", "7z", "7za")
#: What 7-Zip says of a member that it cannot give whole; anything else (a full disk) is no fault of the archive.
_FAULT = re.compile(
    r"^ERROR: (CRC Failed|Data Error|Headers Error|Unavailable data|Unexpected end of data|Unsupported Method"
    r"|There are some data after the end of the payload data)[^:]* : (.*)$"
)
_MODE = re.compile(r"(?:^|\s)([-dlbcps])[-rwxsStT]{9}$")
_HEADER = 30  # bytes of a local header before the name (PKWARE's APPNOTE 4.3.7)
_TEXT = {"LC_ALL": "C.UTF-8"}


@dataclass(frozen=True, slots=True)
class Listed:
    """A member and where its local header is: `offset` in volume number `volume` (from 0), `packed` bytes."""

    member: Member
    volume: int
    offset: int | None
    packed: int


@dataclass(frozen=True)
class Listing:
    """What an archive holds, in its own order, and how many volumes it says it has."""

    members: Sequence[Listed]
    volumes: int


def program() -> str:
    """7-Zip's program. Raises FileNotFoundError with the names of its packages."""
    for name in PROGRAMS:
        found = shutil.which(name)
        if found:
            return found
    raise FileNotFoundError(
        f"7-Zip is needed to unpack volumes and none of {', '.join(PROGRAMS)} is on PATH: install it (Debian, Ubuntu:"
        " apt-get install 7zip; conda: conda install -c conda-forge 7zip; macOS: brew install sevenzip)."
    )


def listing(archive: Path) -> Listing:
    """List a zip by its last volume. Raises ValueError (no zip, absent volumes, encrypted members), OSError."""
    command = [program(), "l", "-slt", "-tzip", "-p", "-sccUTF-8", str(archive)]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        encoding="utf-8", errors="surrogateescape", env=os.environ | _TEXT,
    ) as process:  # fmt: skip
        assert process.stdout is not None  # noqa: S101 (for the type checker)
        blocks = _blocks(line.rstrip("\n") for line in process.stdout)
        header, told = next(blocks, ({}, []))
        members = [_listed(facts, archive) for facts, _ in blocks]
    absent = [value.rpartition(" : ")[2] for key, value in header.items() if key == "ERROR" and "olume" in value]
    if absent:
        raise ValueError(f"{archive}: the volume {absent[0]} is missing: all volumes are needed.")
    if process.returncode or "Type" not in header:
        raise ValueError(
            f"{archive} is no zip that 7-Zip can list (exit {process.returncode}): {' '.join(told)[-300:]}"
        )
    return Listing(members, int(header.get("Volumes", 1)))


def extract(archive: Path, patterns: Sequence[str], folder: Path) -> dict[str, str]:
    """Unpack what patterns (`*` at the end, or whole names) choose below an empty folder.

    Returns the names of damaged members, and what 7-Zip says of them.

    Raises OSError for what is not the archive's fault: a full disk, no memory, a kill.
    """
    chosen = folder / ".names"
    chosen.write_bytes(b"".join(f'"{pattern}"\n'.encode("utf-8", "surrogateescape") for pattern in patterns))
    options = ["-y", "-bd", "-bb0", "-bso0", "-p", "-tzip", "-scsUTF-8", "-sccUTF-8", f"-o{folder}"]
    done = subprocess.run(
        [program(), "x", *options, str(archive), f"@{chosen}"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8", errors="surrogateescape",
        env=os.environ | _TEXT, check=False,
    )  # fmt: skip
    chosen.unlink()
    faults = {found[2]: found[1] for line in done.stderr.splitlines() if (found := _FAULT.match(line))}
    if done.returncode not in (0, 1) and not (done.returncode == 2 and faults):
        told = " ".join(done.stderr.split())[-300:]
        raise OSError(f"{archive}: 7-Zip stopped (exit {done.returncode}): {told}")
    return faults


def refuse_overlap(found: Listing, sizes: Sequence[int], where: str) -> None:
    """Raises ValueError for members that share bytes (a zip bomb); `sizes`: bytes of each volume.

    All volumes but the last are cut to one size; one that is shorter is damaged, which is told by its members. p7zip
    16.02 tells no offsets; then only the checksums and the sizes speak for an archive.
    """
    sizes = [max(sizes)] * (len(sizes) - 1) + [sizes[-1]]
    starts = [sum(sizes[:number]) for number in range(len(sizes))]
    placed = sorted(
        (
            (starts[each.volume] + each.offset, each)
            for each in found.members
            if each.offset is not None and each.volume < len(starts)
        ),
        key=lambda pair: pair[0],
    )
    ends = [*(start for start, _ in placed[1:]), sum(sizes)][: len(placed)]
    for (start, each), end in zip(placed, ends, strict=True):
        name = each.member.name
        if start + _HEADER + len(name) + each.packed > end:
            raise ValueError(
                f"{where}: member {shown(name)} overlaps the one after it (a zip bomb); nothing was unpacked."
            )


def _blocks(lines: Iterator[str]) -> Iterator[tuple[dict[str, str], list[str]]]:
    """The archive's own facts (and all lines before the members), then each member's."""
    before: list[str] = []
    header: dict[str, str] = {}
    for line in lines:
        if line == "----------":
            break
        before.append(line)
        key, equals, value = line.partition(" = ")
        if equals:
            header.setdefault(key, value)
    yield header, before
    facts: dict[str, str] = {}
    for line in lines:
        key, equals, value = line.partition(" =")
        if equals:
            facts[key] = value.removeprefix(" ")
        elif not line and "Path" in facts:
            yield facts, []
            facts = {}
    if "Path" in facts:
        yield facts, []


def _listed(facts: Mapping[str, str], archive: Path) -> Listed:
    name = facts["Path"]
    if facts.get("Encrypted") == "+":
        raise ValueError(f"{archive}: member {shown(name)} is encrypted; nothing was unpacked.")
    size, crc = int(facts.get("Size") or 0), facts.get("CRC")
    member = Member(name, _kind(facts), size, int(crc, 16) if crc else (None if size else 0))
    offset = facts.get("Offset")
    return Listed(
        member, int(facts.get("Volume Index") or 0), int(offset) if offset else None, int(facts.get("Packed Size") or 0)
    )


def _kind(facts: Mapping[str, str]) -> str:
    mode = _MODE.search(facts.get("Attributes", ""))
    letter = mode[1] if mode else "-"
    if letter == "l" or facts.get("Symbolic Link"):
        return "symbolic link"
    if facts.get("Hard Link"):
        return "hard link"
    if facts.get("Folder") == "+" or letter == "d":
        return "folder"
    return "file" if letter == "-" else "device, pipe or socket"
