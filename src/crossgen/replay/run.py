"""A finished run as its run.json tells of it: files with their digests, and the steps that made them."""

import json
import posixpath
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from blake3 import blake3

from crossgen.replay.steps import Step, is_inside

RUN_VERSION = 2
AGAIN = "make the report again with this version (snakemake report)"


@dataclass(frozen=True)
class File:
    """A file of a run: its role, its place below the folder that holds `results/`, and the digest it had."""

    role: str
    place: str
    digest: str


@dataclass(frozen=True)
class Run:
    """A run whose folder `results/<report>` lies at `folder` (the report's own), read from its run.json."""

    folder: Path
    told: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> "Run":
        """Of the folder of a report. Raises ValueError for a folder without a run.json that can be replayed."""
        path = folder / "run.json"
        if not path.is_file():
            raise ValueError(f"{folder} holds no run.json: name the folder of a finished report (results/<report>).")
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            version = told["run_version"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is not what crossgen writes there ({error}): {AGAIN}.") from error
        if version != RUN_VERSION:
            raise ValueError(f"{path} has run_version {version!r}, expected {RUN_VERSION}: {AGAIN}.")
        run = cls(folder, told)
        try:
            inside = is_inside(run.name) and bool(run.steps) and bool(told["report"])
            files = run.files
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} lacks or garbles files, folder, replay or report ({error}): {AGAIN}.") from error
        if not inside:
            raise ValueError(f"{path} records no steps, or leaves its folder ({run.name!r}): {AGAIN}.")
        for file in files:
            if not is_inside(file.place):
                raise ValueError(f"{path} names the file {file.place!r}, which is outside of the run's results.")
        return run

    @property
    def name(self) -> str:
        """The report's folder as its steps name it: `results/<report>`."""
        return str(self.told["folder"])

    @cached_property
    def files(self) -> tuple[File, ...]:
        """Every file of the run, each once."""
        told = {}
        for role, held in self.told["files"].items():
            for item in held if isinstance(held, list) else [held]:
                place = posixpath.normpath(posixpath.join(self.name, item["path"]))
                told[place] = File(role, place, item["blake3"])
        return tuple(told.values())

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """What made the report, in order."""
        return tuple(Step(str(item["command"]), tuple(map(str, item["words"]))) for item in self.told["replay"])

    def of_role(self, role: str) -> list[Path]:
        """Where the files of a role lie. Raises ValueError if the run has none."""
        found = [self.path(file.place) for file in self.files if file.role == role]
        if not found:
            raise ValueError(f"{self.folder / 'run.json'} tells of no {role}: {AGAIN}.")
        return found

    def path(self, place: str) -> Path:
        """Where a place below the folder of `results/` lies here; the report's folder may bear another name."""
        return self.folder / posixpath.relpath(place, self.name)

    def shown(self, place: str) -> str:
        """A place as people name it: relative to the report."""
        return posixpath.relpath(place, self.name)


def digest(path: Path) -> str:
    """What run.json tells of a file."""
    return blake3(max_threads=1).update_mmap(path).hexdigest()
