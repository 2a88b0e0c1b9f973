"""Every claim of a finished run held against what its scores give: files by digest, numbers by making them again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from crossgen.replay import tables, texts
from crossgen.replay.bundle import Opened
from crossgen.replay.findings import Compared, Finding
from crossgen.replay.mirror import build, replay, written
from crossgen.replay.run import Run, digest
from crossgen.replay.steps import made_with

ABSENT = "not in the bundle"
REDUCED = "needs rows of training images, which the bundle does not hold"
#: How files of a kind are compared.
COMPARED: dict[str, Callable[[Path, Path], Compared]] = {
    ".parquet": tables.parquet,
    ".csv": tables.comma_separated,
    ".md": texts.plain,
    ".tex": texts.plain,
    ".txt": texts.plain,
    ".svg": texts.drawing,
    ".html": texts.page,
    ".png": texts.picture,
}
#: The same of drawings by another version of matplotlib; a PNG cannot be compared then.
OF_OTHER_VERSIONS: dict[str, Callable[[Path, Path], Compared]] = {
    **{kind: compare for kind, compare in COMPARED.items() if kind != ".png"},
    ".svg": texts.labels,
    ".html": partial(texts.page, drawn=False),
}


@dataclass
class Verified:
    """What was found: `compared` by file; `refused`, files that are not what run.json tells of; `unchecked`, why not.

    `by_digest`: files that no step makes again, whose bytes are those that run.json tells of.
    """

    compared: dict[str, Compared] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    unchecked: dict[str, str] = field(default_factory=dict)
    by_digest: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether every claim that was checked holds."""
        return not self.refused and not any(each.findings for each in self.compared.values())

    @property
    def numbers(self) -> int:
        """How many numbers were compared."""
        return sum(each.numbers for each in self.compared.values())


def verify(opened: Opened, folder: Path) -> Verified:
    """Replay what can be replayed in `folder` (empty), and compare. Raises ValueError if a step cannot be replayed.

    Numbers are not compared if a file that they are made from is not the one that run.json tells of.
    """
    run, found = opened.run, Verified()
    altered = _check_digests(opened, found)
    steps = [step for step in run.steps if step.reads == "tested" or opened.holds_all]
    build(run, folder)
    try:
        replay(steps, folder)
    except ValueError:
        if not altered:
            raise
    made = [place for place in written(folder) if Path(place).name != "run.json"]
    found.unchecked |= {f"step {step.command}": REDUCED for step in run.steps if step not in steps}
    if set(altered) <= set(made):
        _compare_all(opened, made, folder, found)
    else:
        found.unchecked["every number"] = "it would be made from files that are missing or altered"
    left = {*made, *altered, *opened.left_out}
    found.by_digest = [run.shown(file.place) for file in run.files if file.place not in left]
    return found


def _check_digests(opened: Opened, found: Verified) -> list[str]:
    """Places of files that are missing, or are not those that run.json tells of; `found` names them."""
    altered = []
    for file in opened.run.files:
        path, shown = opened.run.path(file.place), opened.run.shown(file.place)
        if file.place in opened.left_out:
            found.unchecked[shown] = ABSENT
        elif not path.is_file():
            altered.append(file.place)
            found.refused.append(f"{shown}: the file is missing")
        elif (told := opened.stands_for.get(file.place) or digest(path)) != file.digest:
            altered.append(file.place)
            found.refused.append(f"{shown}: altered, run.json tells of {file.digest[:16]}…, the file is {told[:16]}…")
    return altered


def _compare_all(opened: Opened, made: Sequence[str], folder: Path, found: Verified) -> None:
    """Hold the files that were made again against the run's."""
    compare = _comparisons(opened.run)
    for place in made:
        claimed, shown = opened.run.path(place), opened.run.shown(place)
        if not claimed.is_file():
            _say_missing(opened, shown, found)
        elif Path(place).suffix in compare:
            found.compared[shown] = _compared(compare[Path(place).suffix], claimed, folder / place)
        else:
            found.unchecked[shown] = "drawn by another version of matplotlib, or no kind of file that is compared"


def _comparisons(run: Run) -> dict[str, Callable[[Path, Path], Compared]]:
    alike = run.told.get("made_with", {}).get("matplotlib") == made_with().get("matplotlib")
    return COMPARED if alike else OF_OTHER_VERSIONS


def _say_missing(opened: Opened, shown: str, found: Verified) -> None:
    if opened.is_bundle:
        found.unchecked[shown] = ABSENT
    elif not any(text.startswith(f"{shown}:") for text in found.refused):
        found.refused.append(f"{shown}: the file is missing")


def _compared(compare: Callable[[Path, Path], Compared], claimed: Path, made: Path) -> Compared:
    """A file that is the same byte for byte is compared to itself, which counts its numbers."""
    try:
        return compare(made if claimed.read_bytes() == made.read_bytes() else claimed, made)
    except (ValueError, OSError, SyntaxError) as error:
        return Compared(0, (Finding("the file", "cannot be read", str(error)),))
