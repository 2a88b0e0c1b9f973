"""What Snakemake answers when it is asked what it would run: jobs, why each, and what the config says."""

import fcntl
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossgen import runs
from crossgen.config import Config

#: Snakemake's reasons, in fewer words.
REASONS = {
    "output files have to be generated": "output missing",
    "incomplete output files": "output incomplete",
    "updated input files": "input updated",
    "input files updated by another job": "follows other jobs",
    "set of input files has changed since last execution": "set of inputs changed",
    "code has changed since last execution": "code changed",
    "params have changed since last execution": "params changed",
    "software environment definition has changed since last execution": "environment changed",
    "run or shell but no output": "always runs",
    "neither input nor output": "always runs",
}
FOLLOWS = "follows other jobs"


@dataclass(frozen=True)
class Job:
    """One job of the graph. `needs`: places of the jobs it waits for; None: hangs on files that are not there yet."""

    rule: str
    wildcards: dict[str, str]
    reasons: tuple[str, ...]
    threads: int | None
    mem_mb: int | None
    runtime: int | None
    gpu: int | None
    local: bool
    group: str | None
    output: tuple[str, ...]
    log: tuple[str, ...]
    benchmark: str | None
    runs: bool
    needs: tuple[int, ...]

    @property
    def why(self) -> str:
        """The first reason that is its own; that it follows others if it has none."""
        return next((reason for reason in self.reasons if reason != FOLLOWS), FOLLOWS)


@dataclass(frozen=True)
class Asked:
    """The answer. `places`: where the run's files lie (`places()` of the workflow); `cores` is None on a cluster."""

    config: Config
    places: dict[str, Any]
    executor: str
    cores: int | None
    jobs_at_once: int | None
    gpus: int | None
    jobs: tuple[Job, ...]
    warnings: tuple[str, ...]

    @property
    def running(self) -> list[Job]:
        """The jobs that would run."""
        return [job for job in self.jobs if job.runs]


def ask(options: Sequence[str], where: Path | None = None) -> Asked:
    """Ask Snakemake, given options and targets of its command line; in the folder `where`, else in this one.

    Raises ValueError with Snakemake's message for a config or target that it refuses.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answer.json"
        command = [sys.executable, "-m", "crossgen.plan.asking", str(path), *options]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, cwd=where)
        if done.returncode or not path.is_file():
            raise ValueError((done.stdout.strip() or done.stderr.strip()) + "\nNothing was planned, nothing was run.")
        answer = json.loads(path.read_text(encoding="utf-8"))
    return Asked(
        config=Config.model_validate_json(json.dumps(answer.pop("config"))),
        jobs=tuple(_job(item) for item in answer.pop("jobs")),
        warnings=tuple(line for line in done.stdout.splitlines() if line.strip()),
        **answer,
    )


def _job(told: dict[str, Any]) -> Job:
    reasons = tuple(REASONS.get(reason, reason) for reason in told.pop("reasons"))
    lists: dict[str, Any] = {key: tuple(told.pop(key)) for key in ("output", "log", "needs")}
    return Job(reasons=reasons, **lists, **told)


def standing_in_the_way(state: Path, files: Sequence[str]) -> list[str]:
    """What a run would be told of this folder: another run at work, or the lock of one that was killed."""
    holder = _at_work(state / "crossgen.lock")
    if holder:
        return [f"Another run is at work in this folder: {holder}."]
    if runs.has_lock(state):
        again = " ".join(["crossgen resume", *(["--configfile", *files] if files else [])])
        return [f"A run was killed here and left its lock. Go on with: {again}"]
    return []


def _at_work(path: Path) -> str:
    """Who holds a run's lock; nothing if nobody does. The lock is tried for, never kept."""
    if not path.is_file():
        return ""
    with open(path, "r+" if os.access(path, os.W_OK) else "r", encoding="utf-8") as lock:  # NFS locks what is writable
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            try:
                return str(runs.Holder(**json.load(lock)))
            except (ValueError, TypeError):
                return "unknown"
        except OSError:  # a file system without locks
            return ""
    return ""
