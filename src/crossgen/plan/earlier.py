"""Earlier runs that are named to `crossgen plan --measured`: what their jobs took corrects the table, too.

Of a report's folder every job is known, by its `benchmark:` file; of a run's card (`card.json`) the sums of each rule.
What the table says of them is found by planning that run anew, as if nothing of it were there.
"""

import json
import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from crossgen.config import Machine
from crossgen.config.loading import ConfigError, load
from crossgen.plan.asked import Job, ask
from crossgen.plan.costs import estimate
from crossgen.plan.counts import count
from crossgen.plan.downloads import Downloads
from crossgen.plan.measured import Kind, Ratio, kind, ratios
from crossgen.plan.units import Work

CONFIG, CARD, OWNERS = "config.json", "card.json", "configs.json"
#: What of a run decides how much its jobs find done: nothing is there when a card's run is planned.
DONE = ("pixels", "logits", "validation")


@dataclass(frozen=True)
class Earlier:
    """A run: where it was told of, and by kind of job what it took over what the table says."""

    place: str
    ratios: Mapping[Kind, Ratio]


def earlier(path: Path) -> Earlier:
    """A report's folder, its folder `benchmarks`, or a card beside the run's `config.json`.

    Raises ValueError for anything else, and for a run that this version of crossgen cannot plan.
    """
    if path.is_dir():
        folder = path.parent if path.name == "benchmarks" else path
        if not (folder / "benchmarks").is_dir():
            raise ValueError(f"--measured {path}: no benchmarks in it: name the folder of a report, or its {CARD}.")
        return Earlier(str(path), ratios(_work(folder, path), folder.parent))
    if not path.is_file():
        raise ValueError(f"--measured {path}: there is none: name the folder of a report, or its {CARD}.")
    return Earlier(str(path), dict(_of_card(_card(path), _work(path.parent, path))))


def _work(folder: Path, path: Path) -> Work:
    """All jobs of the run of a report, as from nothing; its tables are looked for where they lie now."""
    config = folder / CONFIG
    if not config.is_file():
        raise ValueError(f"--measured {path}: no {CONFIG} in {folder}, which a finished report has: it tells what ran.")
    with _nothing() as empty:
        files = [str(file.resolve()) for file in _files(folder)]
        snakefile = str(Path("Snakefile").resolve())
        try:
            asked = ask(["--snakefile", snakefile, "--configfile", *files, "--cores", "1024"], empty)
        except ValueError as error:
            raise ValueError(f"--measured {path}: its run cannot be planned any more: {error}") from None
    asked = replace(asked, places=_moved(asked.places, folder.parent))
    counts = {pool.name: count(pool, asked.config, asked.places) for pool in asked.config.pools}
    return Work(asked, counts, Downloads(asked, counts))


def _files(folder: Path) -> list[Path]:
    """The config files that the report was made by, if they say the same still: they tell of threads, too."""
    told = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    try:
        owners = json.loads((folder / OWNERS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        owners = []
    for owner in owners:
        files = [Path(name) for name in owner["files"]]
        if not owner["overrides"] and _said(files) == told:
            return files
    return [folder / CONFIG]


def _said(files: list[Path]) -> dict[str, Any] | None:
    try:
        return load(files).model_dump(mode="json", exclude=set(Machine.model_fields))
    except ConfigError:
        return None


@contextmanager
def _nothing() -> Iterator[Path]:
    """A folder with all that lies here, but no results."""
    with tempfile.TemporaryDirectory() as name:
        for path in Path.cwd().iterdir():
            if path.name not in ("results", ".snakemake"):
                (Path(name) / path.name).symlink_to(path)
        yield Path(name)


def _moved(told: Any, results: Path) -> Any:  # noqa: ANN401 (JSON)
    """The same paths below another folder of results."""
    if isinstance(told, dict):
        return {key: _moved(value, results) for key, value in told.items()}
    if isinstance(told, list):
        return [_moved(value, results) for value in told]
    below = f"results{os.sep}"
    return str(results / told.removeprefix(below)) if isinstance(told, str) and told.startswith(below) else told


def _card(path: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        rows = [(row["rule"], row["jobs"], row["wall_seconds"], row["processor_seconds"]) for row in told["spent"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"--measured {path}: no card of a run ({error!r}): name the {CARD} of a report.") from None
    return told | {"spent": rows}


def _of_card(card: Mapping[str, Any], work: Work) -> Iterator[tuple[Kind, Ratio]]:
    """Sums of a rule, for every kind of job that it has: which of them took how much is not told."""
    absent = dict.fromkeys(DONE, os.devnull)
    detectors = dict.fromkeys(work.asked.places["detectors"], os.devnull)
    asked = replace(work.asked, places=work.asked.places | absent | {"detectors": detectors})
    work = Work(asked, work.counts, work.downloads)
    jobs: dict[str, list[Job]] = defaultdict(list)
    for job in asked.jobs:
        jobs[job.rule].append(job)
    for rule, n, wall, cpu in card["spent"]:
        gpus = _gpus(card) if any(job.gpu for job in jobs[rule]) else 0
        told = _told(jobs[rule], work, gpus)
        if n and cpu > 0 and wall > 0 and told:
            ratio = Ratio()
            share = n / len(jobs[rule])
            ratio.add(cpu, wall, (told[0] * share, told[1] * share), n)
            yield from ((each, ratio) for each in {kind(job, work, gpus) for job in jobs[rule]})


def _gpus(card: Mapping[str, Any]) -> int:
    """GPUs that the detectors of a run were trained on, each."""
    told = [item for item in card.get("detectors", ()) if (item.get("device") or "cpu") != "cpu"]
    return max((int(item.get("processes") or 1) for item in told), default=0)


def _told(jobs: list[Job], work: Work, gpus: int) -> tuple[float, float] | None:
    """Seconds of processor and of wall by the table; None where the work of a job is unknown."""
    units = [work.of(job) for job in jobs]
    if not jobs or any(each is None for each in units):
        return None
    costs = [estimate(job.rule, each, job.threads or 1, gpus) for job, each in zip(jobs, units, strict=True)]
    cpu, wall = sum(cost.cpu for cost in costs), sum(cost.wall for cost in costs)
    return (cpu, wall) if cpu > 0 and wall > 0 else None


@dataclass(frozen=True)
class Chosen:
    """What earlier runs say of a job. `alike`: of a training, the network is the same."""

    ratio: Ratio
    places: tuple[str, ...]
    alike: bool = True


def choose(runs: Sequence[Earlier], wanted: Kind) -> Chosen | None:
    """All jobs of a kind together; of a training whose network nobody measured, those of others on the same device."""
    found = _joined(runs, lambda each: each == wanted)
    if found or wanted[0] != "train_detector":
        return found
    near = _joined(runs, lambda each: (each[0], each[-1]) == (wanted[0], wanted[-1]))
    return replace(near, alike=False) if near else None


def _joined(runs: Sequence[Earlier], fits: Callable[[Kind], bool]) -> Chosen | None:
    total, places = Ratio(), list[str]()
    for run in runs:
        mine = {id(ratio): ratio for each, ratio in run.ratios.items() if fits(each)}  # a card's is of many kinds
        for ratio in mine.values():
            total.join(ratio)
        places += [run.place] if mine else []
    return Chosen(total, tuple(places)) if total.jobs else None
