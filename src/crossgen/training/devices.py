"""A GPU of its own for each job of a workstation.

A cluster's scheduler hands GPUs out; Snakemake on one machine counts them, and leaves it to the jobs who has which.
They agree by locks, which end with their processes: each device has a file for its first user, another for its second
and so on, and a job takes the devices that have the fewest. So nobody waits: to limit jobs to the GPUs that there are
is the profile's.
"""

import fcntl
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

VISIBLE = "CUDA_VISIBLE_DEVICES"
#: Users of one device that are told apart.
MOST = 64

_HELD: list[IO[str]] = []  # until this process ends


def take(count: int, log: Callable[[str], None] = print) -> None:
    """Narrow what this process sees to `count` GPUs, those that the fewest other jobs of crossgen use; call it first.

    Where there are no more than `count` (one GPU, none, as many as a scheduler has handed out), all stays as it is: to
    choose for oneself, set CUDA_VISIBLE_DEVICES.
    """
    found = visible()
    if len(found) <= max(1, count):
        return
    chosen, users = choose(found, max(1, count))
    os.environ[VISIBLE] = ",".join(chosen)
    shared = f", shared with {users} other jobs at most" if users else ""
    log(f"GPU {', '.join(chosen)} of {', '.join(found)}{shared}")


def visible() -> list[str]:
    """Names of the GPUs that this process sees, as CUDA_VISIBLE_DEVICES names them."""
    told = os.environ.get(VISIBLE)
    if told is None:
        return [str(number) for number in range(_count())]
    return [name.strip() for name in told.split(",") if name.strip() not in ("", "-1")]


def _count() -> int:
    """Asked of the driver's library: CUDA itself, once begun, would not look at the variable again."""
    import torch

    return torch.cuda.device_count()


def choose(devices: Sequence[str], count: int) -> tuple[list[str], int]:
    """`count` of the devices, in their order, and the number of users that the busiest of them had before."""
    folder = _folder()
    chosen: list[str] = []
    for users in range(MOST):
        for name in devices:
            if name not in chosen and _locked(folder / f"{name.replace('/', '_')}.{users}"):
                chosen.append(name)
            if len(chosen) == count:
                return sorted(chosen, key=list(devices).index), users
    return list(devices[:count]), MOST


def _folder() -> Path:
    """One for all users of the machine, who can open each other's files."""
    folder = Path(tempfile.gettempdir()) / "crossgen-gpus"
    try:
        folder.mkdir()
        folder.chmod(0o1777)
    except FileExistsError:
        pass
    return folder


def _locked(path: Path) -> bool:
    """Whether this process has this place now."""
    file = _opened(path)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    except OSError:  # a file system without locks
        pass
    _HELD.append(file)
    return True


def _opened(path: Path) -> IO[str]:
    """To read: a lock needs no more, and the file may be another user's."""
    try:
        return open(os.open(path, os.O_RDONLY | os.O_CREAT, 0o644))
    except PermissionError:  # such files are protected in a folder of all users, but for those that are there
        return open(path)
