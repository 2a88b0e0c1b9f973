"""Content-addressed cells: what was rendered or scored once is found again by what went into it, and by nothing else.

A cell is a folder that appears whole (written under another name, then renamed) and tells its own digests. They lie
outside the outputs of rules, because Snakemake deletes a job's outputs before it runs the job again.
"""

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from blake3 import blake3

from crossgen.files import unwritable, write_text


def key(**content: object) -> str:
    """The name of a cell: digest of everything that its content depends on (JSON-able values), 32 hex digits."""
    return blake3(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest(length=16)


class Store:
    """Cells of one kind below `root`; each holds `values.npy` and `cell.json`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.computed = 0
        self.reused = 0

    def folder(self, name: str) -> Path:
        """Where a cell lies or would lie."""
        return self.root / name[:2] / name

    def holds(self, name: str) -> bool:
        """Whether a cell is there and whole; counts it as reused. A half or unreadable one is removed."""
        if self._facts(name) is None:
            if self.folder(name).exists():
                shutil.rmtree(self.folder(name))
            return False
        self.reused += 1
        return True

    def whole(self, name: str) -> bool:
        """Whether a cell is there and whole, without counting it."""
        return self._facts(name) is not None

    def read(self, name: str, verify: bool = False) -> npt.NDArray[np.generic]:
        """The values, memory-mapped. Raises ValueError for a cell that is not whole or, with `verify`, not intact."""
        facts = self.facts(name)
        if verify and _digest(self.folder(name) / "values.npy") != facts["values"]:
            raise ValueError(f"Cell {name} in {self.root} has changed since it was written: remove it and run again.")
        values: npt.NDArray[np.generic] = np.load(self.folder(name) / "values.npy", mmap_mode="r")
        return values

    def facts(self, name: str) -> dict[str, Any]:
        """What the cell tells of itself. Raises ValueError for a cell that is not whole."""
        facts = self._facts(name)
        if facts is None:
            raise ValueError(f"Cell {name} in {self.root} is missing or damaged: run the step that makes it again.")
        return facts

    def begin(self, name: str) -> Path:
        """A fresh folder to write `values.npy` into; `finish` puts it in place."""
        target = self.folder(name)
        part = target.with_name(f".{name}.{os.getpid()}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        return part

    def finish(self, name: str, part: Path, facts: Mapping[str, object] | None = None) -> None:
        """Put a filled folder in place, whole; a cell that appeared meanwhile is as good and stays."""
        values = part / "values.npy"
        told = {"values": _digest(values), "bytes": values.stat().st_size, **(facts or {})}
        write_text(part / "cell.json", json.dumps(told, sort_keys=True))
        try:
            part.rename(self.folder(name))
        except OSError:
            shutil.rmtree(part)
            self.facts(name)
        self.computed += 1

    @contextmanager
    def filling(self, names: Iterable[str]) -> Iterator[dict[str, Path]]:
        """Fresh folders to fill and finish; what is not finished in the end is removed, whatever went wrong."""
        parts: dict[str, Path] = {}
        try:
            for name in names:
                parts[name] = self.begin(name)
            yield parts
        finally:
            for part in parts.values():
                shutil.rmtree(part, ignore_errors=True)

    def allocate(self, part: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.memmap[Any, Any]:
        """`values.npy` of a folder, memory-mapped, its room on the disk taken at once.

        A full disk is an OSError here; without room, writing to the map would kill the process (SIGBUS).
        """
        path = part / "values.npy"
        try:
            values = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
            with open(path, "rb+") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        except OSError as error:
            raise unwritable(path, error) from error
        return values

    def write(self, name: str, values: npt.NDArray[np.generic], facts: Mapping[str, object] | None = None) -> None:
        """Put values in place that fit into memory."""
        with self.filling([name]) as parts:
            try:
                np.save(parts[name] / "values.npy", values)
            except OSError as error:
                raise unwritable(self.folder(name), error) from error
            self.finish(name, parts[name], facts)

    def log(self, what: str) -> str:
        """The line that each job prints: how many cells it computed and how many it found."""
        return f"{what} cells: computed={self.computed} reused={self.reused}"

    def _facts(self, name: str) -> dict[str, Any] | None:
        folder = self.folder(name)
        try:
            facts: dict[str, Any] = json.loads((folder / "cell.json").read_text(encoding="utf-8"))
            whole = (folder / "values.npy").stat().st_size == facts["bytes"]
        except (OSError, ValueError, KeyError):
            return None
        return facts if whole else None


def _digest(path: Path) -> str:
    return blake3(max_threads=1).update_mmap(path).hexdigest()
