"""Several processes that train one detector: the command starts itself again and passes signals on.

On one machine by torchrun; on several nodes by srun, within the allocation of the SLURM job that it is in.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from crossgen.training.interrupt import STATUS, Interrupted

#: What tells a job to stop.
STOPS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
#: Seconds that torchrun leaves its processes, once told to stop, for a step and a checkpoint.
GRACE = 120


def processes() -> int:
    """Number of processes that torchrun or srun launched together with this one; 1: it runs alone."""
    told = os.environ
    by_srun = int(told.get("SLURM_NTASKS", "1")) if "SLURM_STEP_NUM_TASKS" in told else 1
    return max(int(told.get("WORLD_SIZE", "1")), by_srun)


def is_first() -> bool:
    """Whether this process writes what they all made."""
    return processes() == 1 or int(os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0"))) == 0


def cores(threads: int) -> int:
    """This process's share of the processor cores of its node: those that were started together divide them."""
    return max(1, threads // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


@contextmanager
def ending_together() -> Iterator[None]:
    """Around a training of one of several processes: when all have stopped as they were told, each ends by itself.

    Torchrun and srun send SIGTERM to the others as soon as one has ended, and they would end by that instead.
    """
    try:
        yield
    except Interrupted:
        if processes() > 1:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise


@dataclass(frozen=True)
class Processes:
    """What to start: `count` processes, as many on each of `nodes`, which have `threads` processor cores each.

    Raises ValueError for a count that the nodes cannot divide.
    """

    count: int
    nodes: int = 1
    threads: int = 1

    def __post_init__(self) -> None:
        if self.nodes < 1 or self.count < self.nodes or self.count % self.nodes:
            raise ValueError(
                f"{self.count} GPUs (--gpus) on {self.nodes} nodes (--nodes): expected as many on each, at least one."
            )

    @property
    def each(self) -> int:
        """Processes of one node."""
        return self.count // self.nodes

    @property
    def share(self) -> int:
        """Processor cores of each process."""
        return max(1, self.threads // self.each)


def torchrun(wanted: Processes) -> list[str]:
    """The words that run a module in so many processes of this machine, on a port that is free."""
    # SIGUSR1 is a scheduler's warning, see `interrupt`, and would end torchrun at once, and leave its processes alone
    handled = "--signals-to-handle=SIGTERM,SIGINT,SIGHUP,SIGQUIT,SIGUSR1"
    options = ["--standalone", f"--nproc-per-node={wanted.count}", handled, f"--shutdown-timeout={GRACE}"]
    return [sys.executable, "-m", "torch.distributed.run", *options]


def srun(wanted: Processes) -> list[str]:
    """The words that run a module in so many processes of each node of the SLURM job that this process is in."""
    sizes = [f"--nodes={wanted.nodes}", f"--ntasks={wanted.count}", f"--ntasks-per-node={wanted.each}"]
    # unlike sbatch's, this number is not handed down since SLURM 22.05
    cores = f"--cpus-per-task={wanted.share}"
    # without the last, processes wait for ever for one that has failed
    return ["srun", *sizes, cores, "--kill-on-bad-exit=1", sys.executable]


def again(wanted: Processes, words: Sequence[str]) -> int:
    """Run `crossgen <words>` in several processes, of this machine or of all nodes of a SLURM job; their exit status.

    Told to stop, it tells them, waits for their checkpoint, and returns the status of a job that goes on when it is run
    again. Raises ValueError where there are GPUs, but fewer, and for nodes without a SLURM job.
    """
    start = _started_by_srun if wanted.nodes > 1 else _started_by_torchrun
    told: list[int] = []
    started: list[Started] = []
    once = [True]

    def pass_on() -> None:
        if started and told and once:
            once.pop()
            child, number = started[0]
            child.send_signal(number)

    def note(number: int, frame: FrameType | None) -> None:
        told.append(number)
        pass_on()

    # before anything is started: a signal in between would end this process alone
    earlier = {number: signal.signal(number, note) for number in STOPS}
    try:
        started.append(start(wanted, ["-m", "crossgen", *words]))
        pass_on()
        status = started[0][0].wait()
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
    return STATUS if told and status else status


Started = tuple[subprocess.Popen[bytes], signal.Signals]


def _started_by_torchrun(wanted: Processes, words: Sequence[str]) -> Started:
    import torch

    there = torch.cuda.device_count()
    if 0 < there < wanted.count:
        raise ValueError(f"{wanted.count} GPUs are asked for, and this machine has {there}: set train_gpus (--gpus).")
    return subprocess.Popen([*torchrun(wanted), *words], env=_environment(wanted)), signal.SIGTERM


def _started_by_srun(wanted: Processes, words: Sequence[str]) -> Started:
    """This process is on the first node of the job, where the first of those that it starts will be."""
    if "SLURM_JOB_ID" not in os.environ or shutil.which("srun") is None:
        raise ValueError(
            f"Training on {wanted.nodes} nodes (train_nodes, --nodes) needs a SLURM job, and this process is in none: "
            "set train_nodes: 1, or run by `snakemake --profile slurm`."
        )
    meeting = {"MASTER_ADDR": socket.gethostname(), "MASTER_PORT": str(_free_port())}
    environment = _environment(wanted) | meeting | {"LOCAL_WORLD_SIZE": str(wanted.each)}
    # SIGTERM would make srun kill its tasks at once; this it passes on, and they stop by it as well
    return subprocess.Popen([*srun(wanted), *words], env=environment), signal.SIGUSR1


def _environment(wanted: Processes) -> dict[str, str]:
    """Snakemake has set this number to all cores of the job."""
    return os.environ | {"OMP_NUM_THREADS": str(wanted.share)}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])
