"""What SLURM says of a run's jobs."""

import re
import subprocess
from collections.abc import Mapping

_STATUS = re.compile(r"SLURM status is: '(\w+)'")
#: How a job ended that could say nothing itself; {} is what it was given, if that is known.
_MEANING = {
    "TIMEOUT": "its time limit is up{runtime}",
    "DEADLINE": "its deadline has passed",
    "OUT_OF_MEMORY": "it needed more memory than it was given{mem_mb}",
    "NODE_FAIL": "its node failed",
    "BOOT_FAIL": "its node did not start",
    "PREEMPTED": "another job took its place",
    "CANCELLED": "it was cancelled, by scancel or by SLURM",
}


def ended(number: str | None, message: str, resources: Mapping[str, object]) -> str:
    """How a job ended, by its number and Snakemake's message of it; empty if it was no job of SLURM's."""
    found = _STATUS.search(message)
    if found is None:
        return message.splitlines()[0] if "SLURM" in message else ""  # it could not be sent
    known = {name: f": {name}={resources[name]}" if name in resources else "" for name in ("runtime", "mem_mb")}
    meaning = _MEANING.get(found[1], "").format(**known)
    return f"SLURM job {number} ended as {found[1]}{f' ({meaning})' if meaning else ''}"


def queue(name: str) -> str:
    """How many of the jobs of that name run and wait; empty if none does or squeue does not answer."""
    told = _squeue(f"--name={name}", "--states=PENDING,RUNNING")
    return "" if not told else f"SLURM: {told.count('RUNNING')} running, {told.count('PENDING')} waiting"


def asked(number: str) -> str:
    """The message of a job's status where Snakemake passes none on, as it is with groups; empty if nobody knows."""
    told = _squeue(f"--jobs={number}", "--states=all")
    return f"SLURM status is: '{told[0]}'" if told else ""


def _squeue(*words: str) -> list[str] | None:
    """The states of some jobs; None if squeue does not answer."""
    command = ["squeue", "--noheader", "--format=%T", *words]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.split()
    except (OSError, subprocess.SubprocessError):
        return None
