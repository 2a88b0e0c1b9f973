"""A data set in a Dataverse installation: its files, and where their bytes are. Source: Dataverse's API guide."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests

from crossgen.data.fetch.concatenation import Concatenation, LocalPart
from crossgen.data.fetch.http import PATIENCE, Remote, ReplyError, patient, refuse, session
from crossgen.data.members import STATE, Member, judge
from crossgen.files import write_text

_PART = re.compile(r"\.z(\d+)$")


@dataclass(frozen=True)
class Deposited:
    """A file of the data set: its path, bytes, and what its bytes digest to (algorithm of hashlib, hexadecimal)."""

    name: str
    size: int
    algorithm: str
    digest: str
    address: str  # below the server


@dataclass(frozen=True)
class Deposit:
    """A published version of a data set."""

    server: str
    doi: str
    files: tuple[Deposited, ...]

    @property
    def parts(self) -> tuple[Deposited, ...]:
        """The pieces of the archive, in order. Raises ValueError if one is missing."""
        found = sorted((int(number[1]), file) for file in self.files if (number := _PART.search(file.name)))
        if [number for number, _ in found] != list(range(len(found))) or not found:
            there = {number for number, _ in found}
            lacks = [number for number in range(max(there, default=0) + 1) if number not in there]
            raise ValueError(
                f"{self.doi} at {self.server} holds {len(found)} parts named .z000, .z001, ... (missing: "
                f"{lacks[:5] or 'all'}): expected all parts of one archive, once"
            )
        return tuple(file for _, file in found)

    @property
    def others(self) -> tuple[Deposited, ...]:
        """Everything but the archive's parts: metadata, lists."""
        return tuple(file for file in self.files if not _PART.search(file.name))

    @property
    def key(self) -> str:
        """Short digest of what the archive's bytes are."""
        told = "\n".join(f"{part.name} {part.size} {part.digest}" for part in self.parts)
        return blake2b(told.encode(), digest_size=6).hexdigest()

    def remote(self, file: Deposited) -> Remote:
        """A file's bytes; the signed address that the server redirects to is asked for when it is needed."""
        return Remote(lambda: resolve(self.server + file.address), file.name)

    def archive(self) -> Concatenation:
        """The archive at the server."""
        return Concatenation([self.remote(part) for part in self.parts], [part.size for part in self.parts])

    def local_archive(self, root: Path) -> Concatenation:
        """The archive of parts that were fetched to `root`."""
        return Concatenation([LocalPart(root / part.name) for part in self.parts], [part.size for part in self.parts])


def ask(server: str, doi: str) -> Deposit:
    """The list of files of the latest version. Raises OSError, ValueError for an answer that is none."""
    server = server.rstrip("/")
    address = f"{server}/api/datasets/:persistentId/"

    def once() -> Any:  # noqa: ANN401 (JSON)
        reply = session().get(address, params={"persistentId": doi}, timeout=(PATIENCE.connect, PATIENCE.read))
        refuse(reply)
        try:
            return reply.json()
        except requests.JSONDecodeError as error:
            raise ReplyError("the answer is no JSON") from error

    answer = patient(once, f"the list of files of {doi} from {server}")
    try:
        files = tuple(_file(item) for item in answer["data"]["latestVersion"]["files"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"{server} answered something else than a list of the files of {doi} (no {error})") from error
    judge((Member(file.name, "file", file.size) for file in files), f"{doi} at {server}", sum(f.size for f in files))
    return Deposit(server, doi, files)


def _file(item: Mapping[str, Any]) -> Deposited:
    """One entry of the list. A table that the installation has turned into .tab is fetched as it was deposited."""
    data = item["dataFile"]
    is_original = "originalFileName" in data
    name = data["originalFileName"] if is_original else data["filename"]
    path = f"{item['directoryLabel']}/{name}" if item.get("directoryLabel") else str(name)
    told = data.get("checksum") or {"type": "MD5", "value": data.get("md5")}
    if not told["value"]:
        raise ValueError(f"{path}: the server tells no checksum of it, so it cannot be verified")
    return Deposited(
        name=path,
        size=int(data["originalFileSize"] if is_original else data["filesize"]),
        algorithm=str(told["type"]).lower().replace("-", ""),
        digest=str(told["value"]).lower(),
        address=f"/api/access/datafile/{int(data['id'])}{'?format=original' if is_original else ''}",
    )


def resolve(address: str) -> str:
    """The signed address that a file's address redirects to; itself where the installation serves the bytes."""
    timeout = (PATIENCE.connect, PATIENCE.read)
    with session().get(address, allow_redirects=False, stream=True, timeout=timeout) as reply:
        if reply.is_redirect:
            return urljoin(address, reply.headers["Location"])
        refuse(reply)
        return address


def remembered(root: Path, server: str, doi: str) -> Deposit | None:
    """The list as it was when it was last kept below `root`, of this data set; None if there is none."""
    try:
        told = json.loads((root / STATE / "deposit.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if (told["server"], told["doi"]) != (server.rstrip("/"), doi):
        return None
    return Deposit(told["server"], told["doi"], tuple(Deposited(**file) for file in told["files"]))


def remember(root: Path, deposit: Deposit) -> None:
    """Keep the list below `root`."""
    write_text(root / STATE / "deposit.json", json.dumps(asdict(deposit), indent=1) + "\n")
