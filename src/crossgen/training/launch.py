"""Several processes that train one detector: the command starts itself again by torchrun, and passes signals on."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType

from crossgen.training.interrupt import STATUS

#: What tells a job to stop.
STOPS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


def processes() -> int:
    """Number of processes that torchrun or srun launched together with this one; 1: it runs alone."""
    told = os.environ
    by_srun = int(told.get("SLURM_NTASKS", "1")) if "SLURM_STEP_NUM_TASKS" in told else 1
    return max(int(told.get("WORLD_SIZE", "1")), by_srun)


def is_first() -> bool:
    """Whether this process writes what they all made."""
    return processes() == 1 or int(os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0"))) == 0


def cores(threads: int) -> int:
    """This process's share of the job's processor cores: torchrun's processes divide them among themselves."""
    return max(1, threads // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def torchrun(count: int) -> list[str]:
    """The words that run a module in so many processes of this machine."""
    return [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]


def again(count: int, words: Sequence[str]) -> int:
    """Run `crossgen <words>` in `count` processes of this machine, and return the exit status.

    Told to stop, it tells them, waits for their checkpoint, and returns the status of a job that goes on when it is run
    again. Raises ValueError where there are GPUs, but fewer.
    """
    import torch

    there = torch.cuda.device_count()
    if 0 < there < count:
        raise ValueError(f"{count} GPUs are asked for, and this machine has {there}: set train_gpus (--gpus).")
    # each sets its own number of threads by its share of the cores, see `cores`
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    told: list[int] = []
    child = subprocess.Popen([*torchrun(count), "-m", "crossgen", *words], env=environment)

    def pass_on(number: int, frame: FrameType | None) -> None:
        if not told:
            child.terminate()
        told.append(number)

    earlier = {number: signal.signal(number, pass_on) for number in STOPS}
    try:
        status = child.wait()
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
    return STATUS if told and status else status
