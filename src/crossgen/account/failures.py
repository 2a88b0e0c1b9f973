"""What to know of a job that failed: how it ended, the end of its log, and the command that repeats it."""

import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crossgen.account import slurm

LINES, BYTES, WIDTH = 20, 65536, 2000  # of a log's end
STOPPED = ("75", "130")  # exit statuses of jobs that somebody stopped: there is nothing to look for in their logs
LISTED = 20  # failed jobs that the end of a run lists
#: What workflow/job.sh leaves at the end of the log of a job that failed.
_TRAILER = re.compile(r"^\n?---- exit status (.*)\n---- to repeat this job by hand:\n(.*)\n\Z", re.M)


@dataclass(frozen=True)
class Job:
    """A job as Snakemake announces it."""

    rule: str
    wildcards: Mapping[str, object] = field(default_factory=dict)
    logs: Sequence[str] = ()
    resources: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        told = ", ".join(f"{name}={value}" for name, value in self.wildcards.items())
        return f"{self.rule} ({told})" if told else self.rule


@dataclass(frozen=True)
class Failure:
    """A failed attempt: `logs` of the scheduler, `shell` as the rule says it, Snakemake's `message`, SLURM's number."""

    job: Job
    logs: Sequence[str] = ()
    shell: str = ""
    message: str = ""
    number: str | None = None


@dataclass(frozen=True)
class Ending:
    """How a job's log ends: its last lines, and the exit status and the command if workflow/job.sh could write them."""

    lines: Sequence[str] = ()
    status: str = ""
    command: str = ""


def ending(log: str, lines: int = LINES) -> Ending:
    """How a log ends; without lines if it is empty or not there."""
    try:
        with open(log, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return Ending()
    trailer = _TRAILER.search(text)
    rest = text[: trailer.start()] if trailer else text
    told = [line[:WIDTH] for line in rest.rstrip().split("\n")[-lines:] if rest.strip()]
    return Ending(told, *trailer.groups()) if trailer else Ending(told)


def reason(failure: Failure) -> str:
    """How it ended, in a few words."""
    end = of_job(failure.job)
    by_slurm = slurm.ended(failure.number, failure.message, failure.job.resources)
    by_shell = f"exit status {end.status}" if end.status else ""
    return ", ".join(filter(None, (by_slurm, by_shell))) or "no exit status: it was killed, or never began"


def told(failure: Failure, tries: str, show_logs: bool = True) -> str:
    """All about a failed attempt, for the terminal. `show_logs` False: somebody else shows the rule's log."""
    end = of_job(failure.job)
    if end.status.split(" ")[0] in STOPPED:
        return f"-- stopped: {failure.job}: {reason(failure)}{tries}; log: {', '.join(failure.job.logs)}"
    logs = [*(failure.job.logs if show_logs else ()), *(() if end.status else failure.logs)]
    lines = [f"-- failed: {failure.job}: {reason(failure)}{tries}"]
    for log in logs:
        ended = ending(log).lines or ["(there is nothing in it)"]
        lines += [
            f"---- the end of {log}:",
            *(f"  {line}" for line in ended),
        ]  # set off: these are not Snakemake's words
    command = end.command or by_hand(failure.shell)
    return "\n".join(lines + (["---- to repeat this job by hand:", command] if command else []))


def of_job(job: Job) -> Ending:
    """How a job's own log ends."""
    return ending(job.logs[0]) if job.logs else Ending()


def written(job: Job) -> float:
    """When a job last wrote to its log; 0 if it never did."""
    paths = [Path(log) for log in job.logs]
    return max([path.stat().st_mtime for path in paths if path.is_file() and path.stat().st_size], default=0.0)


def by_hand(shell: str) -> str:
    """The command that repeats a job in a fresh shell, from what its rule says; empty if there is none to tell."""
    words = shlex.split(shell) if shell else []
    if words[:1] != ["logged"] or len(words) < 3:
        return ""
    program, *rest = words[2:]
    python = sys.executable if program == "python" else program
    source = Path(__file__).resolve().parents[2]
    quoted = " ".join(_quoted(word) for word in (python, *rest))
    return f"cd {_quoted(str(Path.cwd()))} && PYTHONPATH={_quoted(str(source))} {quoted}"


def _quoted(word: str) -> str:
    """For bash, on one line."""
    if "\n" not in word:
        return shlex.quote(word)
    escaped = word.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"$'{escaped}'"


def summary(failed: Mapping[int, tuple[Job, str]], stopped: Sequence[Job], so_far: str, page: str = "") -> str:
    """The end of a run that failed: `failed` number → job and how it ended; `stopped`: jobs that had begun; `page`:
    what to know of the report."""
    told = [f"   {job}: {how}; log: {', '.join(job.logs)}" for job, how in failed.values()]
    told += [f"   {job}: did not come to its end; log: {', '.join(job.logs)}" for job in stopped]
    more = [f"   and {len(told) - LISTED} more"] if len(told) > LISTED else []
    advice = "-- Mend it, then start the run again: what is done is kept, and a training goes on from its checkpoint."
    head = f"-- the run ended at {so_far}; not done:" if told else f"-- the run ended at {so_far}."
    return "\n".join([head, *told[:LISTED], *more, *([f"-- no report was written: {page}."] if page else []), advice])
