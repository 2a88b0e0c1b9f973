"""Which epoch's weights are kept, and when training ends early."""

import math
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn

from crossgen.config import EarlyStopping


@dataclass
class Selection:
    """The weights kept so far: of the epoch with the best value, or of the last one."""

    by: Literal["best_val", "last"]
    best: float = -math.inf
    epoch: int | None = None
    weights: dict[str, Tensor] | None = None

    def judged(self, epoch: int, value: float, network: nn.Module) -> bool:
        """Note an epoch's value (higher is better; NaN is never best); whether its weights are kept."""
        kept = self.by == "last" or value > self.best
        if kept:
            self.best, self.epoch = value, epoch
            self.weights = {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
        return kept

    def state(self) -> dict[str, Any]:
        """Plain data and tensors that `restore` takes."""
        return {"best": self.best, "epoch": self.epoch, "weights": self.weights}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on as it was."""
        self.best, self.epoch, self.weights = state["best"], state["epoch"], state["weights"]


@dataclass
class Patience:
    """Early stopping: epochs without a gain are counted; None: it never stops."""

    told: EarlyStopping | None
    best: float = -math.inf
    waited: int = 0

    def judged(self, value: float) -> bool:
        """Note an epoch's value; whether training goes on."""
        if self.told is None:
            return True
        if value > self.best + self.told.min_gain:
            self.best, self.waited = value, 0
            return True
        self.waited += 1
        return self.waited < self.told.patience

    def state(self) -> dict[str, Any]:
        """Plain data that `restore` takes."""
        return {"best": self.best, "waited": self.waited}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on as it was."""
        self.best, self.waited = state["best"], state["waited"]
