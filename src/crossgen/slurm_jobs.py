"""SLURM's jobs, by its own programs: squeue tells of them, scancel ends them.

The executor gives all jobs of a run one name, which Snakemake's log says; what a job works on is in its comment. A run
that was killed leaves its jobs in the queue or at work, where they would compete with those of the next.
"""

import os
import pwd
import re
import shutil
import subprocess
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 300.0  # seconds that cancelled jobs have: SLURM itself ends what has not stopped after its KillWait
PAUSE = 2.0  # seconds between two questions
ANSWER = 60.0  # seconds that SLURM has for one
AT_WORK = frozenset({"RUNNING", "SUSPENDED", "STOPPED", "SIGNALING"})
_RUN = re.compile(r"^SLURM run ID: (\S+)$", re.M)
_FIELDS = {"number": "%i", "state": "%T", "run": "%j", "folder": "%Z", "about": "%k"}


class Silent(OSError):  # noqa: N818 (a finding about the cluster)
    """The cluster does not answer."""


class Stuck(ValueError):  # noqa: N818 (a finding about jobs)
    """Jobs that were cancelled are still there."""


@dataclass(frozen=True)
class Job:
    """A job that waits, runs or is just ending. `run`: its name, that of the run; `about`: its rule and wildcards."""

    number: str
    state: str
    run: str
    folder: str
    about: str

    def __str__(self) -> str:
        return f"{self.number} ({self.state.lower()}, {self.about})"


def are_known() -> bool:
    """Whether this machine can ask SLURM."""
    return shutil.which("squeue") is not None


def runs_of(state: Path) -> set[str]:
    """Names of the runs that were sent to SLURM from the folder whose `.snakemake` is `state`, by Snakemake's logs."""
    logs = sorted((state / "log").glob("*.snakemake.log"))
    return {name for log in logs for name in _RUN.findall(log.read_text(encoding="utf-8", errors="replace"))}


def left_behind(state: Path) -> list[Job]:
    """This user's jobs of those runs that have not ended. None where SLURM is unknown or was never used.

    Raises Silent if SLURM does not answer.
    """
    names = runs_of(state)
    if not names or not are_known():
        return []
    return [job for job in _of_runs(names) if _is_of(job, state)]


def cancel(jobs: Sequence[Job]) -> None:
    """Cancel the runs that the jobs belong to, and wait until none of these jobs is left.

    A training that is told to stop writes a checkpoint first. Raises Stuck that names the jobs which stay, Silent if
    SLURM stopped answering.
    """
    names = {job.run for job in jobs}
    for name in sorted(names):
        with suppress(Silent):  # that a job ended by itself meanwhile is no error; one that cannot be ended shows below
            _asked("scancel", f"--user={_user()}", f"--name={name}")
    _await_end(names)


def _await_end(names: Collection[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        over = time.monotonic() > deadline
        try:
            left = _of_runs(names)
        except Silent:  # a busy controller may miss a question
            if over:
                raise
        else:
            if not left:
                return
            if over:
                raise Stuck(_stuck(left))
        time.sleep(PAUSE)


def _stuck(jobs: Collection[Job]) -> str:
    return (
        f"SLURM jobs of a killed run are still there {PATIENCE:.0f} s after they were cancelled, and may write: "
        f"{listed(jobs)}. `scontrol show job` says more; if a node hangs, tell those who run the cluster. Resume when "
        "`squeue` shows none of them."
    )


def is_at_work(number: str) -> bool | None:
    """Whether a job runs; None if SLURM cannot be asked. One that waits, or is ending, does not."""
    if not are_known():
        return None
    try:
        told = _asked("squeue", "--noheader", f"--jobs={number}", "--format=%T")
    except Silent as error:
        return False if "Invalid job id" in str(error) else None
    return not AT_WORK.isdisjoint(told.split())


def listed(jobs: Collection[Job], most: int = 8) -> str:
    """The jobs in words, the first few of many."""
    words = [str(job) for job in jobs][:most]
    return ", ".join(words) + (f" and {len(jobs) - most} more" if len(jobs) > most else "")


def _of_runs(names: Collection[str]) -> list[Job]:
    """This user's jobs that have not ended, of the runs of these names."""
    told = _asked("squeue", "--noheader", f"--user={_user()}", "--format=" + "\t".join(_FIELDS.values()))
    return [job for job in _parsed(told) if job.run in names]


def _parsed(told: str) -> Iterator[Job]:
    """Jobs of squeue's lines. Several clusters stand below a heading each."""
    rows = (line.split("\t", len(_FIELDS) - 1) for line in told.splitlines())
    return (Job(*row) for row in rows if len(row) == len(_FIELDS))


def _is_of(job: Job, state: Path) -> bool:
    """Whether a job works in the folder of `state`, not in the one that this is a copy of."""
    folder = Path(job.folder)
    return not folder.is_dir() or folder.samefile(state.resolve().parent)


def _user() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


def _asked(*words: str) -> str:
    """What a program of SLURM's prints. Raises Silent with its complaint."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=ANSWER)
    except subprocess.TimeoutExpired:
        raise Silent(f"{words[0]} says nothing for {ANSWER:.0f} s") from None
    if done.returncode:
        raise Silent(f"{words[0]}: {done.stderr.strip() or f'exit status {done.returncode}'}")
    return done.stdout
