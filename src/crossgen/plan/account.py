"""The whole account of a run before it begins, as plain data: what `crossgen plan --json` prints."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from crossgen.config import Recipe
from crossgen.plan import networks
from crossgen.plan.asked import Asked, Job
from crossgen.plan.clock import Timed, wall
from crossgen.plan.costs import Cost, estimate, table
from crossgen.plan.counts import SPLITS, Count, count
from crossgen.plan.downloads import Download, Downloads
from crossgen.plan.earlier import Chosen, Earlier, choose
from crossgen.plan.measured import Kind, kind, ratios
from crossgen.plan.units import Work, key_of

PLAN_VERSION = 1
#: Where jobs were measured that nobody had to name.
HERE = "here"


class Account:
    """Everything that is said of a run."""

    def __init__(self, asked: Asked, warnings: Sequence[str], runs: Sequence[Earlier] = ()) -> None:
        self.runs = runs
        self.asked, self.warnings = asked, [*warnings, *asked.warnings]
        self.counts = {pool.name: count(pool, asked.config, asked.places) for pool in asked.config.pools}
        self.downloads = Downloads(asked, self.counts)
        self.work = Work(asked, self.counts, self.downloads)
        self.far = asked.executor != "local"
        self.gpus_here = 0 if self.far else _here() if asked.gpus is None else asked.gpus
        self.ratios = ratios(self.work) if asked.running else {}
        self.costs = {place: self._cost(job) for place, job in enumerate(asked.jobs) if job.runs}

    def told(self) -> dict[str, Any]:
        """All of it, JSON-able; keys are those of `crossgen plan --help`."""
        jobs = [self._job(place) for place in self.costs]
        brought = self.downloads.all()
        return {
            "plan_version": PLAN_VERSION,
            "store": self.asked.places["store"],
            "report": self.asked.places["report"],
            "executor": self.asked.executor,
            "cores": self.asked.cores,
            "jobs_at_once": self.asked.jobs_at_once,
            "gpus_here": self.gpus_here,
            "rules": self._rules(),
            "measured": self._measured(),
            "reasons": dict(sorted(Counter(self.asked.jobs[place].why for place in self.costs).items())),
            "images": {name: _counted(self.counts[name]) for name in self.counts},
            "matrix": self._matrix(),
            "cells": self.work.cells.account() | {"validation": self.work.validations.account()},
            "download": {"bytes": _sum([item.bytes for item in brought]), "items": [asdict(item) for item in brought]},
            "cost": self._total(brought),
            "notes": self._notes(),
            "warnings": self.warnings,
            "jobs": jobs,
        }

    def gpus(self, job: Job) -> int:
        """GPUs that a job runs on: those it asks for, here at most those there are."""
        return (job.gpu or 0) if self.far else min(job.gpu or 0, self.gpus_here)

    def _kind(self, job: Job) -> Kind:
        return kind(job, self.work, self.gpus(job))

    def _ratio(self, job: Job) -> Chosen | None:
        """By earlier jobs here, else by those of the runs that were named."""
        wanted = self._kind(job)
        here = self.ratios.get(wanted)
        return Chosen(here, (HERE,)) if here else choose(self.runs, wanted)

    def _cost(self, job: Job) -> Cost:
        told = estimate(job.rule, self._units(job), job.threads or 1, self.gpus(job))
        measured = self._ratio(job)
        return told.times(*measured.ratio.factors) if measured else told

    def _units(self, job: Job) -> dict[str, float] | None:
        return self.work.of(job)

    def _source(self, job: Job) -> str:
        measured = self._ratio(job)
        if measured:
            where = " here" if measured.places == (HERE,) else "" if measured.alike else " on other networks"
            return f"measured{where} ({measured.ratio.jobs} earlier job{'s' if measured.ratio.jobs > 1 else ''})"
        if job.rule not in table():
            return "unknown" if job.output else "nothing to do"
        return "table, GPU on paper" if self.gpus(job) else "table"

    def _job(self, place: int) -> dict[str, Any]:
        job, cost = self.asked.jobs[place], self.costs[place]
        told = asdict(job)
        keys = ("rule", "wildcards", "reasons", "threads", "mem_mb", "runtime", "gpu", "local", "group", "output")
        told = {key: told[key] for key in keys} | {"reasons": list(job.reasons), "output": list(job.output)}
        return told | self._figures([place]) | {"whole": cost.is_whole or not job.output, "from": self._source(job)}

    def _figures(self, places: Sequence[int]) -> dict[str, float]:
        costs = [(self.asked.jobs[place], self.costs[place]) for place in places]
        return {
            "cpu_seconds": round(sum(cost.cpu for _, cost in costs), 1),
            "gpu_seconds": round(sum(cost.wall * self.gpus(job) for job, cost in costs), 1),
            "wall_seconds": round(sum(cost.wall for _, cost in costs), 1),
            "bytes": round(sum(cost.bytes for _, cost in costs)),
        }

    def _rules(self) -> list[dict[str, Any]]:
        """One a rule, in the order in which their first jobs could begin."""
        order = self._order()
        found = []
        for rule in sorted({self.asked.jobs[place].rule for place in self.costs}, key=order.__getitem__):
            places = [place for place in self.costs if self.asked.jobs[place].rule == rule]
            mine = [self.asked.jobs[place] for place in places]
            whole = all(self.costs[place].is_whole or not self.asked.jobs[place].output for place in places)
            found.append(
                {"rule": rule, "jobs": len(mine), "why": dict(sorted(Counter(job.why for job in mine).items()))}
                | self._figures(places)
                | {"whole": whole, "from": ", ".join(sorted({self._source(job) for job in mine}))}
            )
        return found

    def _measured(self) -> list[dict[str, Any]]:
        """One a kind of job that was measured: what jobs took over what the table says of them."""
        found = {kind: measured for place in self.costs for kind, measured in [self._measurement(place)] if measured}
        return [
            {
                "rule": wanted[0],
                "of": " ".join(wanted[1:]),
                "jobs": measured.ratio.jobs,
                **dict(zip(("cpu_factor", "wall_factor"), (round(f, 3) for f in measured.ratio.factors), strict=True)),
                "low": round(measured.ratio.low, 3),
                "high": round(measured.ratio.high, 3),
                "alike": measured.alike,
                "from": list(measured.places),
            }
            for wanted, measured in sorted(found.items())
        ]

    def _measurement(self, place: int) -> tuple[Kind, Chosen | None]:
        job = self.asked.jobs[place]
        return self._kind(job), self._ratio(job)

    def _order(self) -> dict[str, tuple[int, str]]:
        """Rule to how many jobs stand before its first, and its name."""
        depth: dict[int, int] = {}

        def of(place: int) -> int:
            if place not in depth:
                depth[place] = 1 + max((of(need) for need in self.asked.jobs[place].needs), default=0)
            return depth[place]

        found: dict[str, tuple[int, str]] = {}
        for place, job in enumerate(self.asked.jobs):
            found[job.rule] = min(found.get(job.rule, (of(place), job.rule)), (of(place), job.rule))
        return found

    def _matrix(self) -> dict[str, int]:
        config = self.asked.config
        return {
            "detectors": len(self.work.detectors),
            "experiments": len(config.experiments),
            "train_sets": len({item.train_set.name for item in self.work.detectors.values()}),
            "test_sets": len(config.test_sets),
            "conditions": len(config.conditions),
            "numbers": len(self.work.detectors) * len(config.test_sets) * len(config.conditions),
        }

    def _total(self, brought: Sequence[Download]) -> dict[str, Any]:
        figures = self._figures(list(self.costs))
        return {
            "cpu_hours": round(figures["cpu_seconds"] / 3600, 3),
            "gpu_hours": round(figures["gpu_seconds"] / 3600, 3),
            "wall_hours": round(self._wall() / 3600, 3),
            "bytes": figures["bytes"],
            "at_least": not all(rule["whole"] for rule in self._rules()) or any(item.bytes is None for item in brought),
        }

    def _wall(self) -> float:
        """Hours of a cluster's queue and of the network are not in it."""
        jobs = {}
        for place, cost in self.costs.items():
            job = self.asked.jobs[place]
            here = {"cores": job.threads or 1, "gpu": self.gpus(job)}
            takes: Mapping[str, int] = ({} if job.local else {"jobs": 1}) if self.far else here
            jobs[place] = Timed(cost.wall, takes, frozenset(job.needs))
        room = {"jobs": self.asked.jobs_at_once or len(jobs)} if self.far else {"cores": self.asked.cores or 1}
        return wall(jobs, room | ({"gpu": self.gpus_here} if self.gpus_here else {}))

    def _notes(self) -> list[str]:
        recipes = [self.work.recipe(job) for job in self.asked.running if job.rule == "train_detector"]
        used = {recipe.name: recipe for recipe in recipes}
        strange = sorted({networks.name(recipe) for recipe in used.values() if not networks.is_known(recipe)})
        notes = [f"network {name!r} is not in the table: taken as {networks.INSTEAD}" for name in strange]
        notes += [
            f"images of {name}: unknown ({told.remedy})" for name, told in self.counts.items() if told.total is None
        ]
        notes += [f"subset {name!r} filters: its trainings cost at most so much" for name in self._filtered()]
        stops = sorted(name for name, recipe in used.items() if recipe.early_stopping or _drops(recipe))
        return notes + [f"recipe {name!r} may end its trainings early: they cost at most so much" for name in stops]

    def _filtered(self) -> list[str]:
        """Subsets of which it is not known how many images they keep."""
        trained = [self.work.detectors[key_of(job)] for job in self.asked.running if job.rule == "train_detector"]
        keys = {(item.experiment.subset, item.train_set.name) for item in trained}
        found = {key: self.work.chosen("/".join(key)) for key in keys}
        return sorted({subset for (subset, _), images in found.items() if images and images.at_most})


def _drops(recipe: Recipe) -> bool:
    return recipe.schedule.kind == "drop_and_stop"


def _counted(told: Count) -> dict[str, Any]:
    images = {split: told.images.get(split) for split in SPLITS}
    return {**images, "all": told.total, "megapixels": told.megapixels, "bytes": told.bytes, "from": told.source}


def _sum(parts: Sequence[float | None]) -> int:
    """Of those that are known."""
    return round(sum(part for part in parts if part is not None))


def _here() -> int:
    """GPUs of this machine (NVIDIA's), without asking torch."""
    return len(list(Path("/dev").glob("nvidia[0-9]*")))


def account(asked: Asked, warnings: Sequence[str] = (), runs: Sequence[Earlier] = ()) -> dict[str, Any]:
    """All that is said of a run; `runs` are earlier ones, elsewhere, that its jobs are priced by, too."""
    return Account(asked, warnings, runs).told()
