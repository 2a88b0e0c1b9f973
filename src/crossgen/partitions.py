"""What a SLURM cluster's partitions give, and whether the jobs of a run find room there."""

import math
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

PROFILE = "the profile (slurm/config.yaml)"

Finding = tuple[bool, str]  # whether it refuses, and what is said


@dataclass(frozen=True)
class Asked:
    """What a job asks a cluster for, on each of its nodes; 0 or empty: nothing is said."""

    rule: str
    partition: str = ""
    account: str = ""
    minutes: float = 0
    memory_mb: float = 0
    cores: float = 0
    gpus: float = 0


@dataclass(frozen=True)
class Partition:
    """What a partition gives a job on one node: at most the whole of its largest."""

    name: str
    default: bool = False
    up: bool = True
    minutes: float = math.inf
    memory_mb: float = math.inf
    cores: float = math.inf
    gpus: float = math.inf


def asked(jobs: Iterable[Any]) -> set[Asked]:
    """What Snakemake's jobs ask for, those that run where Snakemake does and those on another cluster left out."""
    sent = (job for job in jobs if not job.is_local)
    return {
        _asked(job.rule.name, job.resources, job.threads)
        for job in sent
        if not {"cluster", "clusters", "slurm_cluster"} & set(job.resources.keys())
    }


def _asked(rule: str, told: Any, threads: int) -> Asked:  # noqa: ANN401 (Snakemake's own class)
    nodes = max(1.0, _number(told.get("nodes")))
    cores = (_number(told.get("cpus_per_task")) or threads) * max(1.0, _number(told.get("tasks_per_node")))
    return Asked(
        rule,
        partition=str(told.get("slurm_partition") or ""),
        account=str(told.get("slurm_account") or ""),
        minutes=_number(told.get("runtime")),
        memory_mb=_number(told.get("mem_mb")),
        cores=cores,
        gpus=_gpus(str(told.get("gres") or "")) or math.ceil(_number(told.get("gpu")) / nodes),
    )


def _number(told: object) -> float:
    """A resource, where it is known already: one that depends on files to come is not."""
    return float(told) if isinstance(told, int | float) else 0.0


def partitions(shown: str, sizes: str) -> dict[str, Partition]:
    """Name to partition.

    `shown`: what `scontrol show partition --oneliner` says; `sizes`: a line `name|cores|MB|gres` of each kind of node.
    """
    nodes: dict[str, list[tuple[float, float, float]]] = {}
    for line in sizes.splitlines():
        name, *told = line.split("|")
        if len(told) == 3:
            nodes.setdefault(name, []).append((_size(told[0]), _size(told[1]), _gpus(told[2])))
    made = {}
    for line in shown.splitlines():
        told_of = dict(re.findall(r"(\w+)=(\S*)", line))
        if "PartitionName" in told_of:
            made[told_of["PartitionName"]] = _partition(told_of, nodes.get(told_of["PartitionName"], []))
    return made


def _partition(told: dict[str, str], nodes: list[tuple[float, float, float]]) -> Partition:
    cores, memory, gpus = (max(sizes) for sizes in zip(*nodes, strict=True)) if nodes else (math.inf,) * 3
    limit = _size(told.get("MaxMemPerNode", ""))
    return Partition(
        name=told["PartitionName"],
        default=told.get("Default") == "YES",
        up=told.get("State", "UP") == "UP",
        minutes=minutes_of(told.get("MaxTime", "")),
        memory_mb=min(memory, limit),
        cores=cores,
        gpus=gpus,
    )


def minutes_of(text: str) -> float:
    """SLURM's [days-]hours:minutes:seconds in minutes; infinite for UNLIMITED and what is not understood."""
    told = re.fullmatch(r"(?:(\d+)-)?(\d+):(\d+):(\d+)", text)
    if told is None:
        return math.inf
    days, hours, minutes, seconds = (int(part or 0) for part in told.groups())
    return 1440 * days + 60 * hours + minutes + seconds / 60


def _size(text: str) -> float:
    told = re.match(r"\d+", text)
    return float(told[0]) if told else math.inf


def _gpus(gres: str) -> float:
    """GPUs in `gpu:a100:4(S:0-1),gpu:2`."""
    return float(sum(int(number) for number in re.findall(r"\bgpu(?::[^:,()]+)?:(\d+)", gres)))


def places(wanted: Collection[Asked], known: dict[str, Partition], chooses: bool) -> Iterator[Finding]:
    """Whether each job finds its partition, and room there."""
    if not known:
        return
    told = set()
    for job in sorted(wanted, key=lambda job: job.rule):
        names = [name for name in job.partition.split(",") if name]
        fallback = [name for name, partition in known.items() if partition.default]
        for refuses, text in _place(job, names or ([] if chooses else fallback), known, chooses):
            if text not in told:
                told.add(text)
                yield refuses, text


def _place(job: Asked, names: list[str], known: dict[str, Partition], chooses: bool) -> Iterator[Finding]:
    choices = f"expected one of {', '.join(known)} (slurm_partition in {PROFILE})."
    unknown = [name for name in names if name not in known]
    for name in unknown:
        yield True, f"This cluster has no partition {name!r}, which rule {job.rule} asks for: {choices}"
    if not names and not chooses:
        yield True, f"Rule {job.rule} names no partition, and this cluster has no default: {choices}"
    if not names or unknown:
        return
    closed = [name for name in names if not known[name].up]
    if len(closed) == len(names):
        yield False, f"Partition {' and '.join(closed)} is closed for now: jobs of rule {job.rule} will wait there."
    yield from _room(job, names, known)


#: What a job asks for -> in words, and where it is said.
SIZES = {
    "minutes": ("{:.0f} minutes", "`runtime`; of trainings, `train_minutes` in the config: they go on in the next job"),
    "memory_mb": ("{:.0f} MB of memory on a node", "`mem_mb`"),
    "cores": ("{:.0f} processor cores on a node", "`threads`; of trainings, `train_threads` in the config"),
    "gpus": ("{:.0f} GPUs on a node", "`gpu`; of trainings, `train_gpus` and `train_nodes` in the config"),
}


def _room(job: Asked, names: list[str], known: dict[str, Partition]) -> Iterator[Finding]:
    for size, (words, where) in SIZES.items():
        wish, most = getattr(job, size), max(getattr(known[name], size) for name in names)
        if wish > most:
            yield (
                False,
                f"Rule {job.rule} asks for {words.format(wish)}, and partition {' or '.join(names)} gives at most"
                f" {most:.0f}: its jobs would be refused or wait for ever. Take another partition, or ask for less"
                f" ({where}; set-resources in {PROFILE}).",
            )
