"""How the jobs of a run on this machine ended, by Snakemake's own log of it."""

import re
import signal
from collections.abc import Collection
from pathlib import Path

#: Exit statuses of a job that was told to stop and wrote a checkpoint, or was killed: it goes on when it is run again.
STOPPED = frozenset({75, 128 + signal.SIGKILL, 128 + signal.SIGTERM})
_STATUS = re.compile(r"(?:returned non-zero exit status (\d+)|died with <Signals\.\w+: (\d+)>)\.$", re.M)
_FAULT = re.compile(r"^\w+(?:Exception|Error)\b.*$", re.M)
#: Heads of what Snakemake says of a command that failed, and in the end of a run in which one did.
_OF_COMMANDS = re.compile(r"RuleException:|CalledProcessError in file .*|WorkflowError:")
_TOLD = re.compile(r"^(?:Will exit after finishing|Terminating processes)", re.M)
_END = "WorkflowError:\nAt least one job did not complete successfully."


def logs(state: Path) -> set[Path]:
    """Snakemake's logs of the runs in the folder whose `.snakemake` is `state`."""
    return set((state / "log").glob("*.snakemake.log"))


def all_stopped(logs: Collection[Path]) -> bool:
    """Whether jobs failed in the runs of these logs, each because it was told to stop or killed, and nothing else.

    False too if Snakemake was told to stop as well as its jobs.
    """
    text = "\n".join(log.read_text(encoding="utf-8", errors="replace") for log in logs)
    statuses = [int(status or 128 + int(number)) for status, number in _STATUS.findall(text)]
    faults = _FAULT.findall(text)
    explained = faults.count("RuleException:") == len(statuses) and faults.count("WorkflowError:") == text.count(_END)
    of_commands = all(map(_OF_COMMANDS.fullmatch, faults))
    return bool(statuses) and explained and of_commands and STOPPED.issuperset(statuses) and not _TOLD.search(text)
