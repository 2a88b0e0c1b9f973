"""What a job costs by the committed table: processor time, time on a GPU, bytes that stay on the disk."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from crossgen.plan.units import Units

#: Work of a network: on a GPU it takes the GPU's time instead of the processor's.
COMPUTED = ("gigamac", "image", "logit")


@dataclass(frozen=True)
class Row:
    """One line of the table: cost of one unit."""

    cpu: float
    gpu: float
    bytes: float


@dataclass(frozen=True)
class Cost:
    """Of a job: seconds of processor and on the clock, bytes. `is_whole`: no part of it is unknown."""

    cpu: float
    wall: float
    bytes: float
    is_whole: bool = True

    def times(self, cpu: float, wall: float) -> "Cost":
        """The same with its seconds corrected."""
        return Cost(self.cpu * cpu, self.wall * wall, self.bytes, self.is_whole)


@cache
def table() -> Mapping[str, Mapping[str, Row]]:
    """Rule to unit to cost."""
    found: dict[str, dict[str, Row]] = {}
    lines = files("crossgen.plan").joinpath("costs.csv").read_text(encoding="utf-8").splitlines()
    for row in csv.DictReader(lines):
        amounts = Row(float(row["cpu_seconds"]), float(row["gpu_seconds"]), float(row["bytes"]))
        found.setdefault(row["rule"], {})[row["unit"]] = amounts
    return found


def estimate(rule: str, units: Units, threads: int, gpus: int) -> Cost:
    """A job's cost; without its units, of starting it alone. A rule that the table does not know costs nothing known.

    On GPUs the work of the network and that of the processor go on side by side, on `threads` cores.
    """
    rows = table().get(rule, {})
    amounts = {"job": 1.0, **(units or {})}
    start = rows["job"] if "job" in rows else Row(0, 0, 0)
    work = {unit: amount for unit, amount in amounts.items() if unit in rows and unit != "job"}
    on_cpu = sum(rows[unit].cpu * n for unit, n in work.items() if not (gpus and unit in COMPUTED))
    on_gpu = sum(rows[unit].gpu * n for unit, n in work.items()) / max(1, gpus) if gpus else 0.0
    stays = sum(rows[unit].bytes * n for unit, n in amounts.items() if unit in rows)
    wall = (start.gpu if gpus else start.cpu) + max(on_gpu, on_cpu / max(1, threads))
    cpu = start.cpu + on_cpu + on_gpu  # one core waits for the GPU
    return Cost(cpu, wall, stays, is_whole=units is not None and bool(rows))
