"""What was verified in a folder, so that the next run need not read it again."""

import json
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from crossgen.data.members import STATE


class Verified(NamedTuple):
    """A file as it was when its bytes were verified; times in nanoseconds since 1970."""

    size: int
    mtime_ns: int
    digest: str


class Journal:
    """One line a verified file, written once the file is in its place; a torn last line is passed over.

    A file whose size or time has changed since is not known any more.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.root, self.path = root, root / STATE / name
        self._known, self._lock = dict[str, Verified](), Lock()
        if self.path.is_file():
            for line in self.path.read_bytes().splitlines():
                self._learn(line)

    def _learn(self, line: bytes) -> None:
        try:
            name, size, time, digest = json.loads(line)
        except ValueError:
            return
        self._known[name] = Verified(size, time, digest)

    def holds(self, name: str, digest: str) -> bool:
        """Whether the file `name` (below the root) is as it was when this digest of it was verified."""
        known = self._known.get(name)
        if known is None or known.digest != digest:
            return False
        try:
            state = (self.root / name).stat()
        except OSError:
            return False
        return (state.st_size, state.st_mtime_ns) == known[:2]

    def add(self, name: str, digest: str) -> None:
        """The file `name` has been verified against this digest."""
        state = (self.root / name).stat()
        line = json.dumps([name, state.st_size, state.st_mtime_ns, digest]).encode()
        self._learn(line)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock, open(self.path, "ab", buffering=0) as file:
            file.write(b"\n" + line)  # a line of its own even after a torn one
