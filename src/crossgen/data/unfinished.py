"""Work that a killed job left, taken up again by the next one.

It lies beside the output, not in it: Snakemake deletes the outputs of a job before it runs it again. The folder's name
holds a digest of everything the result depends on, so that what was begun otherwise is never taken up; `crossgen prune`
sweeps what nobody came back for.
"""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from blake3 import blake3

from crossgen.files import unwritable


def digest_of(path: Path) -> str:
    """Digest of a file's bytes."""
    return blake3(path.read_bytes()).hexdigest()


def folder(output: Path, identity: Sequence[object]) -> Path:
    """Where work on `output` is kept while it is unfinished; `identity`: JSON-able values the result depends on."""
    digest = blake3(json.dumps(identity).encode()).hexdigest(length=8)
    return output.with_name(f".{output.name}.{digest}.part")


@contextmanager
def resuming(output: Path, identity: Sequence[object]) -> Iterator[Path]:
    """The folder, with what an earlier job left in it; removed in the end.

    After an error it stays if its journal has a line: what is done need not be done again.
    """
    place = folder(output, identity)
    place.mkdir(parents=True, exist_ok=True)
    try:
        yield place
    except BaseException:
        if not Journal(place).lines:
            shutil.rmtree(place, ignore_errors=True)
        raise
    shutil.rmtree(place)


class Journal:
    """`done.txt` of such a folder: a line for each thing done, in order. A line that was cut short does not count."""

    def __init__(self, place: Path) -> None:
        self.path = place / "done.txt"
        blob = self.path.read_bytes() if self.path.is_file() else b""
        self._whole = blob.rfind(b"\n") + 1
        self.lines = blob[: self._whole].decode().splitlines()

    def append(self, lines: Sequence[str]) -> None:
        """Write lines, synced. Raises OSError that names the file; half a line is cut off by the next who writes."""
        blob = "".join(f"{line}\n" for line in lines).encode()
        try:
            with open(self.path, "r+b" if self.path.exists() else "xb") as file:
                file.truncate(self._whole)
                file.seek(self._whole)
                file.write(blob)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise unwritable(self.path, error) from error
        self._whole += len(blob)
        self.lines += lines

    def forget(self) -> None:
        """Begin again: what the lines speak of is no longer there."""
        self.path.unlink(missing_ok=True)
        self._whole, self.lines = 0, []


def replace(place: Path, output: Path) -> None:
    """Put a folder at `output`, in place of what lies there."""
    shutil.rmtree(output, ignore_errors=True)
    place.rename(output)
