"""Steps of the table side as words of a command line: what a report records of itself, so that it can be made again.

A command that may be replayed has a constant REPLAYED: what it reads of the manifests, `tested` images alone or `all`.
It is then a pure function of the files that its options name, and writes where they say.
"""

import argparse
import importlib
import importlib.util
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import NoReturn

import crossgen

#: Libraries whose versions may move a number or a drawing.
LIBRARIES = ("numpy", "scipy", "pandas", "pyarrow", "matplotlib", "scikit-learn", "plotly")
#: Words of `crossgen report` that say nothing of numbers: steps that it only records, and a config that may tell paths.
UNRECORDED = ("--replay", "--config", "--config-file")


@dataclass(frozen=True)
class Step:
    """One command and its words, as they are typed in the folder that holds `results/`."""

    command: str
    words: tuple[str, ...]

    @property
    def reads(self) -> str:
        """What it reads of the manifests (REPLAYED). Raises ValueError for a command that is not to be replayed."""
        reads: str | None = getattr(self._module, "REPLAYED", None)
        if reads is None:
            raise ValueError(f"The run says that {self.command!r} is to be run again, which nobody may ask of a run.")
        return reads

    @property
    def _module(self) -> ModuleType:
        name = f"crossgen.commands.{self.command.replace('-', '_')}"
        if not self.command.replace("-", "").isalpha() or not importlib.util.find_spec(name):
            raise ValueError(f"The run names a command {self.command!r} that this crossgen does not have.")
        return importlib.import_module(name)  # commands lie above us: they are reached by name only

    def known(self) -> set[str]:
        """The options of the command."""
        return {text for action in self._parser()._actions for text in action.option_strings}

    def refuse_elsewhere(self) -> None:
        """Raise ValueError if a file that it reads or writes is not below the folder that it runs in."""
        options = vars(self._parser().parse_args(list(self.words)))
        told = [value for values in options.values() for value in (values if isinstance(values, list) else [values])]
        paths = [path.as_posix() for path in told if isinstance(path, Path)]
        texts = [text for word in self.words for text in texts_of(word)]
        absolute = [text for text in texts if text.startswith(("/", "../", "~"))]
        for text in [*(path for path in paths if not is_inside(path)), *absolute]:
            raise ValueError(f"The run's step {self.command!r} names {text!r}, which is outside of its results.")

    def _parser(self) -> argparse.ArgumentParser:
        parser = _Parser(prog=self.command, add_help=False, allow_abbrev=False)
        self._module.configure(parser)
        return parser


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One message, as everything that is wrong with a run."""
        raise ValueError(f"The run's step {self.prog!r} cannot be read: {message}.")


def is_inside(path: str) -> bool:
    """Whether a relative path stays below the folder that it begins in."""
    pure, depth = PurePosixPath(path), 0
    for part in pure.parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return False
    return not pure.is_absolute() and "\\" not in path


def texts_of(word: str) -> Iterator[str]:
    """A word, or the texts inside it if it is JSON."""
    try:
        told = json.loads(word) if word[:1] in "[{" else word
    except ValueError:
        told = word
    waiting = [told]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            waiting += [*item, *item.values()]
        elif isinstance(item, list):
            waiting += item


def options_of(words: Sequence[str]) -> dict[str, list[str]]:
    """Words of a command line by option: `--a 1 2 --b` is {"--a": ["1", "2"], "--b": []}."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for word in words:
        if word.startswith("--"):
            current = found.setdefault(word, [])
            current.clear()
        else:
            current.append(word)
    return found


def recorded(
    given: Sequence[str], own: Mapping[str, Mapping[str, str | list[str]]], files: Mapping[str, str | list[str]]
) -> list[Step]:
    """The steps that made a report, in order, the report's own last.

    `given`: the words of `crossgen report`. `own`: command to its options that the report does not share with it; a
    value `role:<role>` stands for the paths of a role of `files`. Options that both know have the report's values.
    """
    shared = options_of(given)
    steps = []
    for command, options in own.items():
        known = Step(command, ()).known()
        told = {name: values for name, values in shared.items() if name in known}
        told |= {name: list(_values(value, files)) for name, value in options.items()}
        steps.append(Step(command, tuple(_words(told))))
    report = {name: values for name, values in shared.items() if name not in UNRECORDED}
    return [*steps, Step("report", tuple(_words(report)))]


def _values(value: str | list[str], files: Mapping[str, str | list[str]]) -> Iterator[str]:
    for text in [value] if isinstance(value, str) else value:
        held = files[text.removeprefix("role:")] if text.startswith("role:") else text
        yield from [held] if isinstance(held, str) else held


def _words(options: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for name, values in options.items():
        yield name
        yield from values


def made_with() -> dict[str, str]:
    """Versions of crossgen and of the libraries that numbers and drawings come from."""
    found = {"crossgen": crossgen.__version__}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
