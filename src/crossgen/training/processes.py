"""The processes that train one detector together, by Lightning Fabric: one, or those that torchrun or srun launched."""

import os
from dataclasses import dataclass
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision, Precision
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy

Mode = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True)
class Launch:
    """How this process was launched: among so many on so many nodes, as the `local`-th of its node."""

    processes: int = 1
    nodes: int = 1
    local: int = 0
    by: Literal["itself", "torchrun", "srun"] = "itself"

    @classmethod
    def found(cls) -> "Launch":
        """By what torchrun and srun leave in the environment. A batch script's own variables launch nothing."""
        told = os.environ
        if int(told.get("WORLD_SIZE", "1")) > 1:
            processes = int(told["WORLD_SIZE"])
            nodes = processes // int(told.get("LOCAL_WORLD_SIZE", processes))
            return cls(processes, nodes, int(told["LOCAL_RANK"]), "torchrun")
        if int(told.get("SLURM_NTASKS", "1")) > 1 and "SLURM_STEP_NUM_TASKS" in told:
            return cls(int(told["SLURM_NTASKS"]), int(told["SLURM_NNODES"]), int(told["SLURM_LOCALID"]), "srun")
        return cls()

    @property
    def device(self) -> torch.device:
        """Where this process computes."""
        return torch.device("cuda", self.local) if torch.cuda.is_available() else torch.device("cpu")

    def fabric(self, mode: Mode) -> Fabric:
        """Fabric for these processes, connected with each other."""
        several = self.processes > 1
        fabric = Fabric(
            accelerator=self.device.type,
            devices=self.processes // self.nodes,
            num_nodes=self.nodes,
            # statistics of norms are each process's own until the epoch ends, see `Engine`
            strategy=DDPStrategy(broadcast_buffers=False) if several else "auto",
            plugins=[_precision(mode, self.device.type), ENVIRONMENTS[self.by]()],
        )
        fabric.launch()
        return fabric


#: What launched -> how Fabric finds the other processes.
ENVIRONMENTS: dict[str, type[ClusterEnvironment]] = {
    "itself": LightningEnvironment,
    "srun": SLURMEnvironment,
    "torchrun": TorchElasticEnvironment,
}


class _Mixed(MixedPrecision):
    """Autocast, with a scaler of the loss for fp16. Images come in as they are: what is fixed in front of a network,
    such as a residual, needs all their bits."""

    def convert_input(self, data: Any) -> Any:  # noqa: ANN401 (as its parent has it)
        return data


def _precision(mode: Mode, device: str) -> Precision:
    if mode == "fp32":
        return Precision()
    return _Mixed("bf16-mixed" if mode == "bf16" else "16-mixed", device)


class Together:
    """What the processes tell each other. Every one of them must ask at the same place.

    Numbers go by the processors' memory: to ask a GPU would wait for all that it has still to do.
    """

    def __init__(self, fabric: Fabric) -> None:
        self.rank, self.count = fabric.global_rank, fabric.world_size
        self._group: Any = torch.distributed.new_group(backend="gloo") if self.count > 1 else None

    def sums(self, *numbers: float) -> list[float]:
        """The sums of each process's numbers."""
        if self._group is None:
            return list(numbers)
        told = torch.tensor(numbers, dtype=torch.float64)
        torch.distributed.all_reduce(told, group=self._group)
        return [float(number) for number in told]

    def gather(self, told: object) -> list[Any]:
        """What each process tells, by rank; any Python object."""
        if self._group is None:
            return [told]
        found: list[Any] = [None] * self.count
        torch.distributed.all_gather_object(found, told, group=self._group)
        return found
