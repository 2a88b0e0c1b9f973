"""Steps of a run made again in a folder of their own, where what they only read is linked and the rest written anew."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import crossgen
from crossgen.replay.run import Run
from crossgen.replay.steps import Step


def build(run: Run, folder: Path) -> None:
    """Lay the run's files out below `folder` as links. A step that writes one of them replaces the link by its own."""
    for file in run.files:
        link, target = folder / file.place, run.path(file.place)
        link.parent.mkdir(parents=True, exist_ok=True)
        if target.is_file():
            link.symlink_to(target.resolve())


def replay(steps: Sequence[Step], folder: Path) -> None:
    """Run the steps in `folder`. Raises ValueError that says which failed, and how."""
    for step in steps:
        step.refuse_elsewhere()
    for step in steps:
        done = subprocess.run(
            [sys.executable, "-m", "crossgen", step.command, *step.words],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": _path()},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
            raise ValueError(f"The step {step.command!r} cannot be made again: {said[-1]}")


def _path() -> str:
    """This package first, wherever the steps run."""
    own = str(Path(crossgen.__file__).resolve().parents[1])
    return os.pathsep.join([own, *filter(None, [os.environ.get("PYTHONPATH")])])


def written(folder: Path) -> list[str]:
    """Places of the files that steps wrote, in order: those that are no links."""
    found = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return sorted(path.relative_to(folder).as_posix() for path in found)
