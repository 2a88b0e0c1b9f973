"""What an archive may hold to be unpacked below a folder: every member is judged before anything is written.

Refused by name, whatever the kind of archive: names that lead out of the folder (absolute, `..`, a drive, a backslash),
links and devices, names that a file system could take for one (the same but for case or Unicode form: on one lab's disk
they are two images, on another's one), a file where a folder is needed, and more bytes than the limit.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from crossgen.data.names import shown

#: Folder below a root that records, caches and half-written files are kept in; it is never listed.
STATE = ".crossgen"
_DRIVE = re.compile(r"^[A-Za-z]:")
_LONGEST = 255  # bytes of a name, on every common file system


@dataclass(frozen=True, slots=True)
class Member:
    """A member as its archive declares it. `kind` is "file", "folder", or what else it is in words (then refused);
    `size` is unpacked bytes, `crc` the CRC-32 of these (None where the archive does not say)."""

    name: str
    kind: str
    size: int = 0
    crc: int | None = None

    @property
    def path(self) -> str:
        """Its path below the folder in one spelling: `./a//b` is `a/b`; empty for the folder itself."""
        return "/".join(part for part in self.name.split("/") if part not in ("", "."))


def judge(members: Iterable[Member], where: str, limit: int) -> list[Member]:
    """The files among the members, if everything may be unpacked.

    Raises ValueError that names `where` (the archive), the first member that may not be, and why; `limit` is bytes.
    """
    files: list[Member] = []
    spellings: dict[str, str] = {}
    kinds: dict[str, str] = {}
    total = 0
    for member in members:
        _refuse(member, where)
        if not member.path:
            continue
        total += member.size
        if total > limit:
            raise ValueError(
                f"{where}: unpacked it is larger than the limit of {limit:,} bytes (reached at {shown(member.name)}):"
                " raise max_unpacked_gb if you trust it."
            )
        _refuse_collision(member, where, spellings, kinds)
        if member.kind == "file":
            files.append(member)
    if not files:
        raise ValueError(f"{where}: holds no file.")
    return files


def _refuse(member: Member, where: str) -> None:
    name, parts = member.name, member.name.split("/")
    reason = None
    if name.startswith("/"):
        reason = "is an absolute path"
    elif ".." in parts:
        reason = "leads out of the folder by '..'"
    elif "\\" in name:
        reason = "holds a backslash, which is a folder on one system and part of a name on another"
    elif _DRIVE.match(name):
        reason = "begins with a drive letter"
    elif "\0" in name:
        reason = "holds a NUL"
    elif any(len(part.encode("utf-8", "surrogateescape")) > _LONGEST for part in parts):
        reason = f"is longer than {_LONGEST} bytes between two slashes"
    elif member.kind not in ("file", "folder"):
        reason = f"is a {member.kind}"
    elif member.kind == "folder" and member.size:
        reason = f"is a folder with {member.size:,} bytes of content"
    elif member.kind == "file" and (not member.path or name.endswith(("/", "/."))):
        reason = "is a file with the name of a folder"
    elif _key(member.path.split("/")[0]) == STATE:
        reason = f"would write to {STATE}, where the records of unpacking are kept"
    if reason:
        raise ValueError(
            f"{where}: member {shown(name)} {reason}; nothing was unpacked. Re-pack the archive without it."
        )


def _refuse_collision(member: Member, where: str, spellings: dict[str, str], kinds: dict[str, str]) -> None:
    """Every folder on the way and the member itself have one spelling and one kind; a file stands there once."""
    path = member.path
    end = path.find("/")
    while end != -1:
        _claim(path[:end], "folder", where, spellings, kinds)
        end = path.find("/", end + 1)
    _claim(path, member.kind, where, spellings, kinds)


def _claim(path: str, kind: str, where: str, spellings: dict[str, str], kinds: dict[str, str]) -> None:
    if kind == "folder" and kinds.get(path) == "folder":
        return
    other = spellings.setdefault(_key(path), path)
    if other != path:
        raise ValueError(
            f"{where}: members {shown(other)} and {shown(path)} differ in case or Unicode form alone and would be one"
            " file on some disks; nothing was unpacked. Rename one and pack again."
        )
    if path in kinds:
        told = "is there twice" if kinds[path] == kind else "is a file, and a folder of other members"
        raise ValueError(f"{where}: member {shown(path)} {told}; nothing was unpacked. Re-pack the archive.")
    kinds[path] = kind


def _key(path: str) -> str:
    """The same for all names that a file system may take for one (Unicode's canonical caseless match)."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())
