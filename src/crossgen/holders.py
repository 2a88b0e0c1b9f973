"""Who holds something: a note in its lock file, by which others can name them and see whether they are still there."""

import json
import os
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Self

from crossgen import slurm_jobs

_LONGEST = 4096  # characters of a note


@dataclass(frozen=True)
class Holder:
    """A process. `what` it is about; `slurm_job`: the one it runs in; `born`: no later process of its number has it."""

    pid: int
    host: str
    what: str
    since: str
    slurm_job: str = ""
    born: str = ""

    def __str__(self) -> str:
        job = f"SLURM job {self.slurm_job}" if self.slurm_job else ""
        told = (f"process {self.pid} on {self.host}", job, self.what, f"since {self.since}")
        return ", ".join(filter(None, told))

    @classmethod
    def read(cls, path: str | Path) -> Self | None:
        """The holder that a lock file names; None if it names nobody, was damaged or is gone.

        The file is opened anew: an open one may show what stood there before another machine wrote.
        """
        try:
            with open(path, encoding="utf-8") as file:
                return cls(**json.loads(file.read(_LONGEST)))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, file: IO[str]) -> None:
        """Put this holder's note into an open lock file, in the place of what it says. Raises OSError that names it."""
        try:
            os.ftruncate(file.fileno(), 0)
            os.pwrite(file.fileno(), json.dumps(asdict(self)).encode(), 0)
        except OSError as error:
            raise OSError(f"cannot write the lock file {file.name}: {error}. Make room, then run again.") from error

    @property
    def is_here(self) -> bool:
        """Whether it is, or was, a process of this machine."""
        return self.host == socket.gethostname()

    def is_alive(self) -> bool | None:
        """Whether it is still at work; None if nobody can tell from here: another machine, and no job that runs."""
        if self.is_here:
            return _lives(self.pid, self.born)
        if not self.slurm_job:
            return None
        if self.slurm_job == _slurm_job():  # SLURM has put this job back into the queue when a node failed
            return False
        return slurm_jobs.is_at_work(self.slurm_job)


def here(what: str = "") -> Holder:
    """This process, as others will read of it."""
    now = time.strftime("%Y-%m-%d %H:%M:%S")
    return Holder(os.getpid(), socket.gethostname(), what, now, _slurm_job(), _born(os.getpid()))


def _slurm_job() -> str:
    return os.environ.get("SLURM_JOB_ID", "")


def _lives(pid: int, born: str) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        pass
    found = _born(pid)
    return not (found and born) or found == born


def _born(pid: int) -> str:
    """The boot of the machine and the tick of it at which a process began; empty where the system does not say."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "ended" if state in "ZX" else f"{boot} {fields[18]}"
