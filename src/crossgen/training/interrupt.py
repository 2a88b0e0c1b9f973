"""Being told to stop: the step under way is finished, a checkpoint is written, and the job ends to be run again."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

#: EX_TEMPFAIL of sysexits.h: what failed goes on when it is tried again.
STATUS = 75
#: SIGTERM: a scheduler's time limit, `scancel`, a reboot; SIGUSR1: its warning (SLURM's --signal); SIGINT: Ctrl-C.
STOPS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class Interrupted(SystemExit):
    """Training was told to stop, and did so after `step` steps, with a checkpoint. Ends the process with status 75."""

    def __init__(self, step: int) -> None:
        super().__init__(STATUS)
        self.step = step

    def __str__(self) -> str:
        return f"told to stop after step {self.step}: a checkpoint is written, and the same command goes on from there."


@contextmanager
def watching() -> Iterator[Callable[[], bool]]:
    """Whether this process was told to stop: a function that says so, from now on until the end.

    A second signal changes nothing, so that a checkpoint is not cut short by a warning's follower or by a scheduler
    that tells the job and its processes alike; but a second Ctrl-C is a KeyboardInterrupt as ever. The earlier handlers
    are back in the end. Outside the main thread, where Python can set no handler, nobody is ever told.
    """
    told: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return

    def tell(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and number in told:
            signal.default_int_handler(number, frame)
        told.append(number)

    earlier = {number: signal.signal(number, tell) for number in STOPS}
    try:
        yield lambda: bool(told)
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


@contextmanager
def shielded() -> Iterator[None]:
    """While this thread starts workers: a signal to it waits until the end, and in them until `leave_to_parent`.

    Without it one that came before a worker's first words would kill it.
    """
    earlier = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, earlier)


def leave_to_parent() -> None:
    """For a worker process to call first: stopping is its parent's to do, who needs it until then.

    Schedulers signal a job's processes all at once, and a reader that died of it would take the checkpoint with it. So
    a worker obeys the SIGTERM of its parent, which a process sends to its workers when it exits, and no other.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    threading.Thread(target=_obey, args=(os.getppid(),), daemon=True).start()


def _obey(parent: int) -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != parent:
        pass
    os._exit(0)
