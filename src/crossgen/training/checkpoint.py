"""Checkpoints of a training: written whole, kept in twos, and taken only if every byte is as it was written."""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import torch
from blake3 import blake3

from crossgen.files import unwritable

_NAME = re.compile(r"step(\d{9,})\.([0-9a-f]{32})\.pt")
_PLAIN = (torch.Tensor, str, bytes, int, float, bool, type(None))


class Checkpoints:
    """The checkpoints in a folder, the newest `keep` of them.

    A file's name holds its step and the digest of its bytes: one rename makes both known at once.
    """

    def __init__(self, folder: Path, log: Callable[[str], None] = print, keep: int = 2) -> None:
        self.folder, self.log, self.keep = folder, log, keep

    def write(self, step: int, state: Mapping[str, Any]) -> None:
        """Add the state after `step` steps, then remove what is older than the newest `keep`.

        `state` holds tensors and plain values in dicts, lists and tuples (TypeError otherwise: it could not be read
        back without running code). Raises OSError that names the file if it finds no room; the older ones stay.
        """
        _refuse_strange(state, "state")
        for left in self.folder.glob(".step*.part"):  # by a process that was killed while it wrote
            left.unlink()
        part = self.folder / f".step{step:09d}.{os.getpid()}.part"
        try:
            digest = _save(dict(state), part)
            part.replace(self.folder / f"step{step:09d}.{digest}.pt")
        except OSError as error:
            raise unwritable(self.folder / f"step{step:09d}.pt", error) from error
        finally:
            part.unlink(missing_ok=True)
        for old in self._found()[self.keep :]:
            old.unlink()

    def newest(self) -> dict[str, Any] | None:
        """The state of the newest checkpoint that is whole; None if there is none. Tensors lie on the CPU.

        A damaged or foreign file is passed over and named in the log, with what follows from it.
        """
        found = self._found()
        for number, path in enumerate(found):
            try:
                return _load(path)
            except ValueError as error:
                rest = "the one before it is tried" if number + 1 < len(found) else "training begins anew"
                self.log(f"checkpoint {path} is passed over: {error}; {rest}.")
        return None

    def _found(self) -> list[Path]:
        """What lies there, the newest first."""
        return sorted(self.folder.glob("*.pt"), key=_age, reverse=True)


def _age(path: Path) -> tuple[int, int]:
    named = _NAME.fullmatch(path.name)
    return (int(named[1]) if named else -1, path.stat().st_mtime_ns)


class _Digesting:
    """A file that is written once, and the digest of what was meant to be written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.digest = file, blake3()

    def write(self, blob: bytes) -> int:
        self.digest.update(blob)
        return self._file.write(blob)

    def flush(self) -> None:
        self._file.flush()


def _save(state: dict[str, Any], path: Path) -> str:
    """Write and sync; the digest of the bytes. Raises OSError."""
    with open(path, "wb") as file:
        written = _Digesting(file)
        try:
            torch.save(state, written)  # type: ignore[arg-type]
        except RuntimeError as error:  # torch's own kind, around the file's
            raise OSError(str(error.__context__ or error)) from error
        file.flush()
        os.fsync(file.fileno())
    return written.digest.hexdigest(length=16)


def _load(path: Path) -> dict[str, Any]:
    """Read one. Raises ValueError that says what is wrong with it."""
    named = _NAME.fullmatch(path.name)
    if not named:
        raise ValueError("its name is not one that crossgen gives")
    digest = blake3()
    try:
        digest.update_mmap(path)
    except OSError as error:
        raise ValueError(f"it cannot be read ({error})") from error
    if digest.hexdigest(length=16) != named[2]:
        raise ValueError("its bytes are not those that were written")
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def _refuse_strange(state: object, where: str) -> None:
    for name, part in _parts(state):
        _refuse_strange(part, f"{where}[{name!r}]")
    if not isinstance(state, Mapping | list | tuple) and type(state) not in _PLAIN:
        raise TypeError(f"{where} is a {type(state).__name__}: a checkpoint holds tensors and plain values only.")


def _parts(state: object) -> Iterator[tuple[object, object]]:
    if isinstance(state, Mapping):
        yield from state.items()
    elif isinstance(state, Sequence) and not isinstance(state, str | bytes):
        yield from enumerate(state)
