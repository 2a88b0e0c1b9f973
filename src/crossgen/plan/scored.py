"""What scoring jobs do: logits of test images, of each detector's validation images, and pictures made on the way."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from crossgen.config import Recipe
from crossgen.evaluation.cells import Store
from crossgen.evaluation.validation import Choice, owed
from crossgen.plan import networks
from crossgen.plan.asked import Asked, Job
from crossgen.plan.cells import Cells, Pixels
from crossgen.plan.trained import LABELS

if TYPE_CHECKING:
    from crossgen.plan.units import Work

#: (detector, pixels, of how many conditions).
Todo = Iterable[tuple[str, Pixels, float]]


@dataclass
class Validations:
    """Cells of logits of validation images: one a detector."""

    asked: Asked
    cells: Cells
    _missing: dict[int, list[str]] = field(default_factory=dict)

    def missing(self, batch: int) -> list[str]:
        """Detectors of whose validation images a score job would compute the logits."""
        if batch not in self._missing:
            keys = self.asked.places["batches"][batch]
            self._missing[batch] = [key for key in keys if not self._has(key, batch)]
        return self._missing[batch]

    def account(self) -> dict[str, int]:
        """Numbers of cells: in all, there, and to be computed by the jobs that run."""
        batches = self.asked.places["batches"]
        running = {int(job.wildcards["batch"]) for job in self.asked.running if job.rule == "score_images"}
        there = sum(
            len(keys) - len(self.missing(batch)) if batch in running else self._noted(batch)
            for batch, keys in enumerate(batches)
        )
        to_compute = sum(len(self.missing(batch)) for batch in running)
        return {"all": sum(map(len, batches)), "there": there, "to_compute": to_compute}

    def _has(self, key: str, batch: int) -> bool:
        """Whether nothing is to be computed of a detector: as the job itself would find."""
        if key not in self.cells.weights:
            return False
        statistics, path = self.asked.config.statistics, Path(self.asked.places["detectors"][key])
        choice = Choice(statistics.validation_images, self.asked.config.split_seed)
        try:
            (item,) = owed([path], self.asked.places["shown"][batch], choice)
        except (OSError, ValueError):  # what it was trained on is gone, and made again
            return False
        return item.cell is None or self._store.whole(item.cell)

    def _noted(self, batch: int) -> int:
        """Cells that a finished job noted, of weights that stay."""
        path = Path(self.asked.places["validated"][batch])
        if not path.is_file():
            return 0
        rows = pq.read_table(path, columns=["weights", "logits"]).to_pylist()
        known = set(self.cells.weights.values())
        return sum(bool(row["logits"]) and row["weights"] in known and self._store.whole(row["logits"]) for row in rows)

    @cached_property
    def _store(self) -> Store:
        return Store(Path(self.asked.places["validation"]))


def of_job(work: "Work", job: Job) -> dict[str, float] | None:
    """Units of a score job; None where images are not counted."""
    return units(work, work.cells.missing_logits(job), work.validations.missing(int(job.wildcards["batch"])))


def units(work: "Work", todo: Todo, validated: Iterable[str], share: float = 1.0) -> dict[str, float] | None:
    """Logits by what each costs its network; pixels that are not stored are rendered on the way, once for all of them.

    `validated`: detectors whose validation images are shown; `share`: of these so much is computed.
    """
    found = {"logit": 0.0, "gigamac": 0.0, "picture": 0.0}
    streams: set[tuple[str, int, str]] = set()
    for key, item, n in todo:
        if item.images is None:
            return None
        recipe = work.recipes[work.detectors[key].experiment.recipe]
        found["logit"] += item.images * n
        found["gigamac"] += item.images * n * networks.gigamacs(recipe, work.counts[item.pool].megapixels)
        stream = (item.pool, item.shard, item.frame.model_dump_json())
        if n and not work.cells.is_stored(item) and stream not in streams:
            streams.add(stream)
            found["picture"] += item.images * n
    shown = [_shown(work, key) for key in validated]
    if any(each is None for each in shown):
        return None
    for each in shown:
        for unit, amount in (each or {}).items():
            found[unit] += amount * share
    return found


def _shown(work: "Work", key: str) -> dict[str, float] | None:
    """What a detector's validation images come to: at most so many of each label; files are decoded for it."""
    experiment, train_set = work.detectors[key].experiment, work.detectors[key].train_set.name
    images = work.chosen(f"{experiment.subset}/{train_set}")
    if images is None:
        return None
    recipe = work.recipes[experiment.recipe]
    labels = LABELS[:1] if recipe.fakes == "simulated" else LABELS
    limit = work.config.statistics.validation_images
    n = float(sum(min(limit, images.images.get(("val", label), 0)) for label in labels))
    macs = networks.gigamacs(recipe, _megapixels(work, experiment.subset, train_set, recipe))
    return {"logit": n, "gigamac": n * macs, "picture": n if recipe.reading == "files" else 0.0}


def _megapixels(work: "Work", subset: str, train_set: str, recipe: Recipe) -> float | None:
    """Of one image, where images are judged whole."""
    if recipe.frame.kind != "whole":
        return None
    known = [size for name in work.sources(subset, train_set)[1] if (size := work.counts[name].megapixels)]
    return sum(known) / len(known) if known else None
