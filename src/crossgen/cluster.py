"""Whether a SLURM cluster can do what a run asks of it: looked at before the first job is sent.

A wrong profile otherwise shows after minutes, or never: jobs that nothing can serve wait for ever, and where the state
of jobs cannot be asked for, Snakemake does. Refused is only what cannot work. A cluster whose programs answer in words
that are not understood here, or not in time, is warned of and used.
"""

import getpass
import os
import re
import shutil
import subprocess
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from crossgen.partitions import PROFILE, Asked, Finding, Partition, partitions, places

PATIENCE = 30.0  # seconds that a program may take to answer
#: Where a workflow's own sbatch may lie, which is on PATH with or without a SLURM.
OURS = Path(__file__).parents[2] / "workflow" / "cluster"
#: Seconds between two questions of Snakemake's for the state of jobs, at most.
LONGEST_ROUND = 180


class Refused(ValueError):  # noqa: N818 (a finding about the cluster)
    """The cluster cannot do what the run asks of it."""


@dataclass
class Findings:
    """What stands in the way, and what may."""

    refusals: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def examine(wanted: Collection[Asked], status: str, chooses: bool = False) -> list[str]:
    """Warnings about the cluster that this machine sends jobs to.

    `status`: the program by which Snakemake asks for the state of jobs; `chooses`: whether it chooses the partition of
    jobs that name none. Raises Refused, with all that cannot work and what to change.
    """
    lacking = [name for name in ("sbatch", status) if shutil.which(name, path=_others()) is None]
    if lacking:
        raise Refused(
            f"No {' and no '.join(lacking)} on this machine's PATH: `--profile slurm` needs SLURM's programs. Run it on"
            " a login node of the cluster (perhaps after `module load slurm`), or here by `--profile profiles/local`."
        )
    found = Findings()
    settings = _settings(found)
    for check in (_status_of_jobs(status, settings), _accounts(wanted, settings)):
        _sort(check, found)
    _sort(places(wanted, _partitions(found), chooses), found)
    if found.refusals:
        raise Refused("\n".join(found.refusals))
    return found.warnings


def _others() -> str:
    """PATH without the folder of our own sbatch."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if Path(folder).resolve() != OURS.resolve())


def _sort(findings: Iterable[Finding], found: Findings) -> None:
    for refuses, text in findings:
        (found.refusals if refuses else found.warnings).append(text)


def _settings(found: Findings) -> dict[str, str]:
    """The controller's settings; none where they are not understood. Raises Refused where no controller answers."""
    status, text = say("scontrol", "show", "config")
    if status and re.search("unable to contact slurm controller", text, re.IGNORECASE):
        raise Refused(
            f"SLURM's controller does not answer ({_line(text)}): see by `scontrol ping` when it is back, then run the"
            " same command again."
        )
    settings = dict(re.findall(r"^(\w+)\s*= *(.*?) *$", text, re.MULTILINE)) if not status else {}
    if not settings:
        found.warnings.append(_unclear("scontrol show config", text))
    return settings


def _status_of_jobs(program: str, settings: dict[str, str]) -> Iterator[Finding]:
    """Whether Snakemake learns that a job has ended."""
    if program == "sacct":
        status, text = say("sacct", "-n", "-X", "--format=JobIdRaw,State", "--starttime=now")
        if status and "accounting storage is disabled" in text:
            yield (
                True,
                "slurm-status-command is sacct, and this cluster keeps no accounts (Slurm accounting storage is"
                " disabled): jobs would end unnoticed and the run wait for ever. Set `slurm-status-command: squeue` in"
                f" {PROFILE}.",
            )
        elif status:
            yield False, _unclear("sacct", text)
        return
    age = re.match(r"\d+", settings.get("MinJobAge", ""))
    if program == "squeue" and age and int(age[0]) < LONGEST_ROUND:
        accounts = _keeps_accounts(settings)
        remedy = f"Set `slurm-status-command: sacct` in {PROFILE}" if accounts else "Ask for a MinJobAge of 300"
        yield (
            accounts,
            f"slurm-status-command is squeue, which forgets jobs {age[0]} s after their end (MinJobAge of this"
            f" cluster); Snakemake asks up to {LONGEST_ROUND} s apart, and would wait for ever for what it missed."
            f" {remedy}.",
        )


def _keeps_accounts(settings: dict[str, str]) -> bool:
    return settings.get("AccountingStorageType", "").endswith("slurmdbd")


def _accounts(wanted: Collection[Asked], settings: dict[str, str]) -> Iterator[Finding]:
    """Whether the user may charge the accounts that are named."""
    named = sorted({name for job in wanted for name in re.split(r"[,\s]+", job.account) if name})
    if not named or not _keeps_accounts(settings):
        return
    status, text = say("sacctmgr", "-n", "-P", "list", "associations", f"user={getpass.getuser()}", "format=account")
    own = sorted({line.strip().lower() for line in text.splitlines() if line.strip()})
    if status or not own:
        yield False, _unclear("sacctmgr list associations", text)
        return
    for name in named:
        if name.lower() not in own:
            yield (
                True,
                f"slurm_account {name!r} is none of {getpass.getuser()}'s on this cluster: expected one of"
                f" {', '.join(own)} (default-resources, slurm_account in {PROFILE}).",
            )


def _partitions(found: Findings) -> dict[str, Partition]:
    """Name to partition; nothing where they are not understood."""
    status, text = say("scontrol", "show", "partition", "--oneliner")
    sizes_status, sizes = say("sinfo", "-h", "-a", "-e", "-o", "%R|%c|%m|%G")
    if status or "PartitionName=" not in text:
        found.warnings.append(_unclear("scontrol show partition", text))
        return {}
    if sizes_status:
        found.warnings.append(_unclear("sinfo", sizes))
    return partitions(text, "" if sizes_status else sizes)


def _unclear(program: str, text: str) -> str:
    return f"{program} says nothing that is understood here ({_line(text) or 'no word'}); the run goes on unchecked."


def _line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def say(*words: str) -> tuple[int, str]:
    """Exit status and words of one of SLURM's programs; status 127, with the reason, where it cannot be run in time."""
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        return 127, f"no answer in {PATIENCE:.0f} s"
    except OSError as error:
        return 127, str(error)
    return done.returncode, done.stdout.decode(errors="replace")
