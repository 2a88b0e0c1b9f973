"""What a job ran on, and the energy that its processors and GPUs took meanwhile, where it can be read.

Processors: the packages' counters of Linux's powercap (RAPL, Intel and AMD), which many systems show to root alone.
They count the whole package, other jobs' work included. GPUs: NVML's counters of those that the job may use.
"""

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

#: Where a job is told to write it: set by workflow/job.sh, beside the job's log.
ASKED = "CROSSGEN_JOB"
CPUINFO = Path("/proc/cpuinfo")
POWERCAP = Path("/sys/class/powercap")
DRIVER = Path("/proc/driver/nvidia")
#: Seconds between readings: a package's counter comes round after some minutes of full load.
EVERY = 20.0

#: A counter's name to its microjoules, and those at which it comes round.
Counters = Mapping[str, tuple[int, int]]


@contextmanager
def metered() -> Iterator[None]:
    """Write what the body ran on and took to the file that ASKED names: `processor`, `gpus` (names of those that it may
    use), `processors_joules` and `gpus_joules`, null where they cannot be read. The body never fails for it."""
    path = os.environ.get(ASKED) if _is_first() else None
    meters = [Meter(packages), Meter(graphics)] if path else []
    try:
        yield
    finally:
        if path:
            joules = [meter.stop() for meter in meters]
            told = {
                "processor": _processor(),
                "gpus": [name for name, _ in _gpus()],
                "processors_joules": joules[0],
                "gpus_joules": joules[1],
            }
            try:
                Path(path).write_text(json.dumps(told) + "\n", encoding="utf-8")
            except OSError as error:
                sys.stderr.write(f"what this job took is not recorded: {path}: {error.strerror}\n")


def _is_first() -> bool:
    """Whether this is a job's only process, or the first of those that torchrun or srun started."""
    return all(os.environ.get(name, "0") == "0" for name in ("RANK", "SLURM_PROCID"))


class Meter:
    """Adds up what counters rise by until it is stopped, read often enough that none comes round unseen."""

    def __init__(self, read: Any, every: float = EVERY) -> None:  # noqa: ANN401 - () -> Counters
        self._read, self._every = read, every
        self._last: Counters = read()
        self._microjoules, self._stopped = 0, Event()
        self._thread = Thread(target=self._watch, daemon=True)
        if self._last:
            self._thread.start()

    def stop(self) -> float | None:
        """Joules; None where no counter can be read."""
        if not self._last:
            return None
        self._stopped.set()
        self._thread.join()
        self._add()
        return round(self._microjoules / 1e6, 3)

    def _watch(self) -> None:
        while not self._stopped.wait(self._every):
            self._add()

    def _add(self) -> None:
        now = self._read()
        for name in now.keys() & self._last.keys():
            risen, around = now[name][0] - self._last[name][0], now[name][1]
            self._microjoules += risen if risen >= 0 else risen + around
        self._last = now or self._last


def packages() -> Counters:
    """Counters of processor packages; none where they are not there or not to be read."""
    found = {}
    for zone in sorted(POWERCAP.glob("intel-rapl:*")):
        try:
            if zone.name.count(":") == 1 and (zone / "name").read_text().startswith("package"):
                energy, around = ((zone / name).read_text() for name in ("energy_uj", "max_energy_range_uj"))
                found[zone.name] = (int(energy), int(around))
        except (OSError, ValueError):
            continue
    return found


def graphics() -> Counters:
    """Counters of the GPUs that this process may use (CUDA_VISIBLE_DEVICES, else all); none without NVIDIA's driver."""
    return {f"gpu{place}": (1000 * energy, 2**64) for place, (_, energy) in enumerate(_gpus()) if energy is not None}


def _gpus() -> list[tuple[str, int | None]]:
    """Name and millijoules (None: an old GPU) of each GPU that this process may use."""
    if not DRIVER.exists():
        return []
    try:
        import pynvml  # no part of environments without CUDA
    except ImportError:
        return []
    try:
        pynvml.nvmlInit()
        handles = {index: pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())}
        mine = [handle for index, handle in handles.items() if _visible(index, pynvml.nvmlDeviceGetUUID(handle))]
        return [(str(pynvml.nvmlDeviceGetName(handle)), _millijoules(pynvml, handle)) for handle in mine]
    except pynvml.NVMLError:
        return []


def _millijoules(nvml: Any, handle: Any) -> int | None:  # noqa: ANN401 -- a library without types
    try:
        return int(nvml.nvmlDeviceGetTotalEnergyConsumption(handle))
    except nvml.NVMLError:
        return None


def _processor() -> str | None:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", CPUINFO.read_text(errors="replace"), re.MULTILINE)
    except OSError:
        return None
    return found[1].strip() if found else None


def _visible(index: int, uuid: str) -> bool:
    told = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = [] if told is None else [name.strip() for name in told.split(",") if name.strip()]
    return told is None or any(name == str(index) or (not name.isdigit() and uuid.startswith(name)) for name in names)
