"""Packed crops on the disk: an array that grows row by row, and several arrays read as one."""

import io
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from crossgen.files import unwritable

Crops = npt.NDArray[np.uint8]


class Growing:
    """`np.save`'s bytes of uint8 [n, *shape], written row by row; n is known in the end. Holds nothing in memory.

    `rows`: so many rows of an earlier, unfinished file are kept; fewer, if it does not hold them (`rows` then says 0).
    Raises OSError that names the file if it cannot be written.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], rows: int = 0) -> None:
        self.path, self.shape = path, shape
        self._size, self._begin = int(np.prod(shape)), len(_header(0, shape))
        there = path.stat().st_size if path.is_file() else 0
        self.rows = rows if there >= self._begin + rows * self._size else 0
        try:
            self._file = open(path, "r+b" if self.rows else "wb")  # noqa: SIM115 (closed on leaving)
            self._file.truncate(self._begin + self.rows * self._size)
            self._file.seek(0, os.SEEK_END)
        except OSError as error:
            raise unwritable(path, error) from error

    def append(self, crops: Sequence[Crops]) -> None:
        """Add rows [*shape]."""
        try:
            for crop in crops:
                self._file.write(np.ascontiguousarray(crop).data)
        except OSError as error:
            raise unwritable(self.path, error) from error
        self.rows += len(crops)

    def sync(self) -> None:
        """Bring the rows to the disk, under a header that counts them: what is there can be loaded."""
        try:
            self._file.seek(0)
            self._file.write(_header(self.rows, self.shape))
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.seek(0, os.SEEK_END)
        except OSError as error:
            raise unwritable(self.path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        try:
            if kind is None:
                self.sync()
        finally:
            with suppress(OSError):  # of what no longer fits: told of already
                self._file.close()


def _header(rows: int, shape: tuple[int, ...]) -> bytes:
    """NumPy's header; it leaves room for any number of rows, so that its length does not depend on it."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": (rows, *shape)})
    return stream.getvalue()


class Stacked:
    """Several arrays uint8 [n_i, *shape], memory-mapped, read as the one [n, *shape] they would be if joined."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._arrays: list[Crops] = [np.load(path, mmap_mode="r") for path in paths]
        self._starts: npt.NDArray[np.int64] = np.cumsum([0, *(len(array) for array in self._arrays)])
        for path, array in zip(paths, self._arrays, strict=True):
            if array.dtype != np.uint8 or array.shape[1:] != self._arrays[0].shape[1:]:
                found = f"{array.dtype} {list(array.shape[1:])}"
                raise ValueError(
                    f"{path} holds crops {found}, {paths[0]} {self._arrays[0].dtype} {list(self._arrays[0].shape[1:])}:"
                    " arrays of one packing are uint8 of one shape; pack them again."
                )

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, rows: npt.NDArray[np.int64]) -> Crops:
        """The crops of these rows [m], in their order: uint8 [m, *shape], a copy."""
        rows = np.asarray(rows)
        found = np.empty((len(rows), *self._arrays[0].shape[1:]), np.uint8)
        parts = np.searchsorted(self._starts, rows, side="right") - 1
        for place, (part, row) in enumerate(zip(parts, rows - self._starts[parts], strict=True)):
            found[place] = self._arrays[part][row]  # copied once; fancy indexing by part would copy twice
        return found
