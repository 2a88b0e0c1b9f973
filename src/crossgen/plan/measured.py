"""Earlier jobs of the same rules: their `benchmark:` files correct what the table says.

A job's cost by the table is multiplied by what earlier jobs took over what the table says of them, given what each of
them did then: by its own files where that may be another thing than it would do today.
"""

import csv
import math
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import ValidationError

from crossgen.config import Recipe
from crossgen.detectors.identity import read_header
from crossgen.plan import networks, scored
from crossgen.plan.asked import Job
from crossgen.plan.costs import estimate
from crossgen.plan.units import Units, Work, key_of

_CELLS = re.compile(r"^(\w+) cells: computed=(\d+) reused=(\d+)$", re.M)
#: Rules whose cost hangs on the device, and what else makes two of their jobs alike.
Kind = tuple[str, ...]


@dataclass
class Ratio:
    """Seconds that earlier jobs took, and what the table says of them. `low`, `high`: the least and the most that one
    of them took of its own (processor time); of sums alone, theirs."""

    jobs: int = 0
    cpu: float = 0.0
    wall: float = 0.0
    told_cpu: float = 0.0
    told_wall: float = 0.0
    low: float = math.inf
    high: float = 0.0

    def add(self, cpu: float, wall: float, told: tuple[float, float], jobs: int = 1) -> None:
        """One more job, or the sums of several."""
        self.jobs += jobs
        self.cpu, self.wall = self.cpu + cpu, self.wall + wall
        self.told_cpu, self.told_wall = self.told_cpu + told[0], self.told_wall + told[1]
        self.low, self.high = min(self.low, cpu / told[0]), max(self.high, cpu / told[0])

    def join(self, other: "Ratio") -> None:
        """All jobs of another one."""
        low, high = min(self.low, other.low), max(self.high, other.high)
        self.add(other.cpu, other.wall, (other.told_cpu, other.told_wall), other.jobs)
        self.low, self.high = low, high

    @property
    def factors(self) -> tuple[float, float]:
        """Of processor and of wall time."""
        return self.cpu / self.told_cpu, self.wall / self.told_wall


@dataclass(frozen=True)
class Sample:
    """What an earlier job did and took. `gpus`: on so many it ran."""

    kind: Kind
    units: Units
    gpus: int
    cpu: float
    wall: float


def kind(job: Job, work: Work, gpus: int) -> Kind:
    """What makes two jobs alike: the rule; of networks also the device; of a training also the network."""
    if job.rule == "train_detector":
        return _trained(work.recipe(job), gpus)
    return (job.rule, "gpu" if gpus else "cpu") if job.rule == "score_images" else (job.rule,)


def _trained(recipe: Recipe, gpus: int) -> Kind:
    side = networks.side(recipe, training=True)
    return "train_detector", networks.name(recipe), str(side), "gpu" if gpus else "cpu"


def ratios(work: Work, results: Path | None = None) -> dict[Kind, Ratio]:
    """By kind, of all earlier jobs that are found below results/; of another `results`, those of the same run alone."""
    found: dict[Kind, Ratio] = defaultdict(Ratio)
    for job in work.asked.jobs:
        for folder in _folders(job) if results is None else _own_folder(job, results):
            sample = _sample(job, folder, work)
            if sample and sample.units is not None:
                told = estimate(job.rule, sample.units, job.threads or 1, sample.gpus)
                if told.cpu > 0 and told.wall > 0:
                    found[sample.kind].add(sample.cpu, sample.wall, (told.cpu, told.wall))
    return found


def _folders(job: Job) -> Iterator[Path]:
    """Folders below results/ that hold a benchmark of a job of this name: the job's own, and those of other runs."""
    if job.benchmark is None:
        return
    own = Path(job.benchmark)
    results, inside = own.parts[0], Path(*own.parts[2:])
    for folder in sorted(Path(results).glob("*/benchmarks")):
        if (folder.parent / inside).is_file() and (job.rule in OWN_UNITS or folder.parent.name == own.parts[1]):
            yield folder.parent


def _own_folder(job: Job, results: Path) -> Iterator[Path]:
    """The folder of its run, where it holds a benchmark of the job."""
    if job.benchmark is not None:
        folder = results / Path(job.benchmark).parts[1]
        if _below(folder, job.benchmark).is_file():
            yield folder


def _sample(job: Job, folder: Path, work: Work) -> Sample | None:
    """What a job of this name did below a folder; None if that cannot be told any more."""
    seconds = _seconds(_below(folder, str(job.benchmark)))
    if seconds is None:
        return None
    try:
        return OWN_UNITS.get(job.rule, _as_now)(job, folder, work, seconds)
    except (OSError, ValueError, KeyError, ValidationError):  # its files are gone, or another version's
        return None


def _below(folder: Path, path: str) -> Path:
    """The same file of another run."""
    return folder / Path(*Path(path).parts[2:])


def _seconds(path: Path) -> tuple[float, float] | None:
    """(processor, clock); None for a job too short to be measured, or an unreadable file."""
    try:
        with open(path, encoding="utf-8", newline="") as lines:
            row = next(csv.DictReader(lines, delimiter="\t"))
        cpu, wall = float(row["cpu_time"]), float(row["s"])
    except (OSError, StopIteration, KeyError, ValueError):
        return None
    return (cpu, wall) if cpu > 0 and wall > 0 else None  # Snakemake looks now and then, and perhaps never in time


def _as_now(job: Job, folder: Path, work: Work, seconds: tuple[float, float]) -> Sample:
    """It would do the same today: what it read is there."""
    return Sample((job.rule,), work.of(job), 0, *seconds)


def _computed(job: Job, folder: Path, kind: str) -> tuple[int, int]:
    """Cells of a kind that a job computed and found, by its log."""
    text = _below(folder, job.log[0]).read_text(encoding="utf-8", errors="replace")
    told = [(int(computed), int(reused)) for name, computed, reused in _CELLS.findall(text) if name == kind]
    if not told:
        raise ValueError(f"{job.log[0]}: no account of {kind} cells")
    return told[-1]


def _rendered(job: Job, folder: Path, work: Work, seconds: tuple[float, float]) -> Sample:
    computed, _ = _computed(job, folder, "pixel")
    n = pc.max(pq.read_table(_below(folder, job.output[0]), columns=["n"])["n"]).as_py() or 0
    decoded = work.decoded(n if computed else 0, [job.wildcards["pool"]])
    return Sample((job.rule,), {"picture": computed * n, **decoded}, 0, *seconds)


def _scored(job: Job, folder: Path, work: Work, seconds: tuple[float, float]) -> Sample:
    """Its share of all logits of its detectors, of test images and of validation images."""
    (computed, reused), (shown, known) = (_computed(job, folder, kind) for kind in ("logit", "validation"))
    share = computed / max(1, computed + reused)
    keys = work.asked.places["batches"][int(job.wildcards["batch"])]
    todo = [(key, item, item.distinct * share) for key in keys for item in work.cells.judged[key]]
    units = scored.units(work, todo, keys, shown / max(1, shown + known))
    gpus = _gpus_of(Path(work.asked.places["detectors"][keys[0]]))
    return Sample((job.rule, "gpu" if gpus else "cpu"), units, gpus, *seconds)


def _gpus_of(path: Path) -> int:
    """GPUs that a detector was trained on."""
    told = read_header(path).get("training") or {}
    return 0 if told.get("device", "cpu") == "cpu" else int(told.get("processes", 1))


def _learnt(job: Job, folder: Path, work: Work, seconds: tuple[float, float]) -> Sample:
    """Images by its history; a training that went on after a stop is measured by all its epochs."""
    path = next(_below(folder, name) for name in job.output if name.endswith(".safetensors"))
    history = pq.read_table(path.with_name("history.parquet"), columns=["step", "seconds"])
    recipe, gpus = Recipe.model_validate_json(_json(read_header(path)["recipe"])), _gpus_of(path)
    copies = recipe.splits.n if recipe.splits else 1
    n = (pc.max(history["step"]).as_py() or 0) * recipe.batch_size * copies
    units = {"image": n, "gigamac": networks.gigamacs(recipe, None, training=True) * networks.TRAINED * n}
    if recipe.reading == "files":
        subset, pools = work.sources(work.detectors[key_of(job)].experiment.subset, job.wildcards["train_set"])
        units |= {"augmented": n} | work.decoded(n / copies, pools, subset)
    cpu, wall = seconds
    again = max(1.0, (pc.sum(history["seconds"]).as_py() or 0.0) / wall)
    return Sample(_trained(recipe, gpus), units, gpus, cpu * again, wall * again)


def _json(content: object) -> str:
    import json

    return json.dumps(content)


#: Rules of which an earlier job may have done another amount than it would today, and how that is told.
OWN_UNITS = {"render_conditions": _rendered, "score_images": _scored, "train_detector": _learnt}
