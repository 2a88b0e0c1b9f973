"""Wanted members of an archive, by ranges, to files: each one checked, whole, and never fetched twice."""

import errno
import os
import shutil
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import get_ident

from crossgen.data.fetch.concatenation import Concatenation
from crossgen.data.fetch.directory import Member
from crossgen.data.fetch.journal import Journal
from crossgen.data.fetch.packed import contents, refuse_unsafe, span
from crossgen.data.fetch.parallel import Tally, each, refuse
from crossgen.data.fetch.ranges import plan, stop_of
from crossgen.data.locks import alone
from crossgen.data.members import STATE
from crossgen.data.room import refuse_without_room
from crossgen.files import unwritable

#: Times that a member is read before its bytes are called wrong.
ATTEMPTS = 3


class DamagedError(ValueError):
    """Members whose bytes are not what the directory says: either may be damaged."""


@dataclass(frozen=True)
class Unpacking:
    """An archive, the folder its members go to, where below it (`path`), and a name for the account."""

    archive: Concatenation
    root: Path
    path: Callable[[Member], str]
    what: str
    connections: int

    @property
    def incoming(self) -> Path:
        """Where files are until they are whole; what a killed process left there is removed."""
        return self.root / STATE / f"incoming-{self.what}"

    def run(self, members: Sequence[Member]) -> int:
        """Bring the members that are not there yet; how many were not.

        A member is there if the journal says so and its file has not changed since, or if its file has the right
        CRC-32. Raises DamagedError for unsafe members and OSError without room, before anything is written; then
        DamagedError (the network: ValueError) for what did not come right, once all others are in their places.
        """
        try:
            refuse_unsafe(members, "the archive")
        except ValueError as error:
            raise DamagedError(str(error)) from error
        with alone(self.root / STATE / f"members-{self.what}.lock"):
            journal = Journal(self.root, f"members-{self.what}.jsonl")
            missing = [member for member in members if not self._is_there(member, journal)]
            refuse_without_room(self.root, sum(member.bytes for member in missing), self.what)
            shutil.rmtree(self.incoming, ignore_errors=True)
            self.incoming.mkdir()
            try:
                self._bring_all(missing, journal)
            finally:
                shutil.rmtree(self.incoming, ignore_errors=True)
        return len(missing)

    def _bring_all(self, missing: list[Member], journal: Journal) -> None:
        groups = list(plan(sorted(missing, key=lambda member: member.offset), self.connections))
        size, damaged = sum(stop_of(group[-1]) - group[0].offset for group in groups), list[str]()
        with Tally(self.what, len(missing), size) as tally:

            def work(group: list[Member]) -> list[str]:
                found = self._bring(group, journal, tally)
                damaged.extend(found)
                return found

            faults = each(work, groups, self.connections, tally)
        refuse(faults, self.what, len(missing), DamagedError if damaged else ValueError)

    def _is_there(self, member: Member, journal: Journal) -> bool:
        digest = f"crc32:{member.crc:08x}"
        if journal.holds(self.path(member), digest):
            return True
        target = self.root / self.path(member)
        try:
            if target.stat().st_size != member.bytes or zlib.crc32(target.read_bytes()) != member.crc:
                return False
        except OSError:
            return False
        journal.add(self.path(member), digest)
        return True

    def _bring(self, group: list[Member], journal: Journal, tally: Tally) -> list[str]:
        """One range; each member is written as soon as its bytes are here. What is wrong with some of them."""
        held, start, waiting, faults = bytearray(), group[0].offset, deque(group), list[str]()

        def take(data: bytes) -> None:
            nonlocal start
            held.extend(data)
            while waiting and stop_of(waiting[0]) <= start + len(held):
                member = waiting.popleft()
                piece = bytes(held[member.offset - start : stop_of(member) - start])
                try:
                    self._keep(member, self._contents(piece, member), journal)
                    tally.finish()
                except ValueError as error:
                    faults.append(str(error))
                passed = (waiting[0].offset if waiting else stop_of(member)) - start
                del held[:passed]
                start += passed

        self.archive.stream(start, stop_of(group[-1]), take, tally)
        return faults

    def _keep(self, member: Member, data: bytes, journal: Journal) -> None:
        write(self.root / self.path(member), data, self.incoming / f"{get_ident()}.part")
        journal.add(self.path(member), f"crc32:{member.crc:08x}")

    def _contents(self, data: bytes, member: Member) -> bytes:
        """A member's contents; what came wrong is read again. Raises ValueError."""
        for attempt in range(ATTEMPTS):
            try:
                return contents(self._packed(data, member), member)
            except ValueError as error:
                if attempt == ATTEMPTS - 1:
                    raise ValueError(f"{error}, {ATTEMPTS} times") from error
                data = self.archive.read(member.offset, stop_of(member))
        raise AssertionError

    def _packed(self, data: bytes, member: Member) -> bytes:
        start, stop = span(data, member)
        if stop > len(data):  # more extra fields than a range leaves room for
            data += self.archive.read(member.offset + len(data), member.offset + stop)
        return data[start:stop]


def write(path: Path, data: bytes, part: Path) -> None:
    """Write a file whole, by way of `part`. Raises OSError that names it.

    Not synced, as millions of them are: after a crash of the machine its size or time differs from the journal's.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        _move(part, path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        part.unlink(missing_ok=True)


def _move(part: Path, path: Path) -> None:
    """Rename; by a copy beside it where a folder is a link to another disk."""
    try:
        os.replace(part, path)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        beside = path.with_name(f".{path.name}.part")
        shutil.copyfile(part, beside)
        os.replace(beside, path)
