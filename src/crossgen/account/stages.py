"""How far a run is: jobs begun and ended by rule, and about how long the rest will take."""

import csv
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from crossgen.progress import clock

SAMPLE = 100  # benchmark files of a rule that are read
NAMED = 3  # rules that one line names


@dataclass
class Stage:
    """A rule: all its jobs of this run. Seconds are those of its finished jobs, added up."""

    rule: str
    total: int
    done: int = 0
    failed: int = 0
    seconds: float = 0.0
    began: float = 0.0

    @property
    def over(self) -> bool:
        """Whether none of its jobs is left to do."""
        return self.waiting <= 0

    @property
    def waiting(self) -> int:
        """Its jobs that are left to do, those at work included."""
        return self.total - self.done - self.failed


@dataclass(frozen=True)
class Running:
    """A job that has begun; on a cluster, one that was sent there."""

    rule: str
    began: float


class Stages:
    """The count. `earlier`: rule → mean seconds of a job in earlier runs, None if it never ran."""

    def __init__(
        self, earlier: Callable[[str], float | None] = lambda _: None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._earlier, self._now = earlier, now
        self._known: dict[str, float | None] = {}
        self.stages: dict[str, Stage] = {}
        self.running: dict[int, Running] = {}
        self.began = now()

    def plan(self, counts: Mapping[str, int]) -> None:
        """Rule → number of its jobs in this run."""
        self.stages = {rule: Stage(rule, count) for rule, count in counts.items()}
        self.began = self._now()

    def begin(self, job: int, rule: str) -> None:
        """A job begins, or begins again."""
        stage = self.stages.setdefault(rule, Stage(rule, 0))
        stage.began = stage.began or self._now()
        self.running[job] = Running(rule, self._now())
        active = sum(running.rule == rule for running in self.running.values())
        stage.total = max(stage.total, stage.done + stage.failed + active)

    def finish(self, job: int) -> Stage | None:
        """A job is done; its stage, if we know of the job."""
        running = self.running.pop(job, None)
        if running is None:
            return None
        stage = self.stages[running.rule]
        stage.done += 1
        stage.seconds += self._now() - running.began
        return stage

    def fail(self, job: int, again: bool) -> Stage | None:
        """A job failed, and is tried `again` or not; its stage, if we know of the job."""
        running = self.running.pop(job, None)
        if running is None:
            return None
        stage = self.stages[running.rule]
        stage.failed += not again
        return stage

    @property
    def done(self) -> int:
        """Steps done."""
        return sum(stage.done for stage in self.stages.values())

    @property
    def total(self) -> int:
        """Steps of the run."""
        return sum(stage.total for stage in self.stages.values())

    def ended(self, stage: Stage) -> str:
        """The line of a stage whose last job has ended."""
        jobs = f"{stage.done} of {stage.total} jobs" if stage.failed else f"{stage.total} jobs"
        failed = f", {stage.failed} failed" if stage.failed else ""
        told = "1 job" if stage.total == 1 and not stage.failed else jobs
        return f"{stage.rule}: {told} done in {clock(self._now() - stage.began)}{failed}"

    def at_work(self) -> str:
        """Stages that have jobs running, and how far they are."""
        rules = list(dict.fromkeys(running.rule for running in self.running.values()))
        told = [f"{rule} {self.stages[rule].done} of {self.stages[rule].total}" for rule in rules[:NAMED]]
        more = [f"and {len(rules) - NAMED} more"] if len(rules) > NAMED else []
        return ", ".join(told + more)

    def so_far(self) -> str:
        """Steps of the run, and about how much time is left. Once a job failed, nobody knows what can still be done."""
        ending = self.done >= self.total or any(stage.failed for stage in self.stages.values())
        return f"{self.done} of {self.total} steps, {self.gone() if ending else self.left()}"

    def gone(self) -> str:
        """Time since the run began."""
        return f"{clock(self._now() - self.began)} gone"

    def left(self) -> str:
        """About how much time is left, by what jobs of the same rule took in this run or in earlier ones.

        Of a rule that never ran nothing is known: it is named, not guessed.
        """
        means = {rule: self._mean(rule) for rule, stage in self.stages.items() if not stage.over}
        rests = [rest for rule, mean in means.items() if mean is not None for rest in self._rest(rule, mean)]
        unknown = [rule for rule, mean in means.items() if mean is None]
        speed = self._speed()
        if not speed or len(rests) < sum(self.stages[rule].waiting for rule in unknown):
            return "time left unknown"
        seconds = max(sum(rests) / speed, *rests, 0)
        return f"about {clock(seconds)} left{_besides(unknown)}" if seconds > 0.5 or unknown else "nearly done"

    def _rest(self, rule: str, mean: float) -> list[float]:
        """Seconds that each job of a rule still takes; of one that takes longer than others nobody knows: a little."""
        stage, now = self.stages[rule], self._now()
        active = [max(mean - (now - job.began), 0.1 * mean) for job in self.running.values() if job.rule == rule]
        return active + [mean] * (stage.waiting - len(active))

    def _mean(self, rule: str) -> float | None:
        """Seconds of a job of a rule."""
        stage = self.stages[rule]
        if stage.done:
            return stage.seconds / stage.done
        if rule not in self._known:
            self._known[rule] = self._earlier(rule)
        return self._known[rule]

    def _speed(self) -> float:
        """Seconds of jobs in a second of this run: how many went on at once."""
        now = self._now()
        worked = sum(stage.seconds for stage in self.stages.values())
        worked += sum(now - job.began for job in self.running.values())
        return worked / max(now - self.began, 1e-9)


def _besides(rules: Sequence[str]) -> str:
    if not rules:
        return ""
    named = " and ".join(rules) if len(rules) < NAMED else f"{len(rules)} rules that have not run yet"
    return f" besides {named}"


def measured(folders: Sequence[Path], rule: str) -> float | None:
    """Mean seconds of a rule's jobs by the benchmark files that earlier runs left in `folders`, if there are any."""
    found = [path for folder in folders for path in [folder / f"{rule}.tsv", *sorted((folder / rule).rglob("*.tsv"))]]
    seconds = [value for path in found[:SAMPLE] if (value := _seconds(path)) is not None]
    return sum(seconds) / len(seconds) if seconds else None


def _seconds(path: Path) -> float | None:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return float(next(csv.DictReader(file, delimiter="\t"))["s"])
    except (OSError, StopIteration, KeyError, ValueError, TypeError):
        return None  # it is being written, or is none
