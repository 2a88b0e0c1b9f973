"""What the steps of an epoch came to: losses, images, seconds, images that could not be read."""

import math
import time
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from crossgen.training.batches import Integers, Loaded, Lost


class Account:
    """The epoch under way, and all images lost so far.

    A loss is looked at when the next step is under way, so that a GPU need not be waited for; `settle` looks at once.
    `lost`: images that were lost before the first step; no epoch counts them.
    """

    def __init__(self, index: pd.DataFrame, lost: Iterable[Lost] = ()) -> None:
        self._index = index
        self._pending: tuple[int, Integers, Tensor] | None = None
        self._lost: dict[str, str] = dict(lost)
        self.last = math.nan  # newest loss that was looked at
        self.begin()

    def begin(self) -> None:
        """A new epoch."""
        self._losses: list[float] = []
        self._images, self._seconds, self._lost_before = 0, 0.0, len(self._lost)
        self._since = time.monotonic()

    def add(self, loaded: Loaded, loss: Tensor | None) -> None:
        """A step was taken (without a loss: it had no image left). Raises ValueError as `settle` does."""
        self.settle()
        self.note(loaded.lost)
        self._images += len(loaded.rows)
        if loss is not None:
            self._pending = (loaded.batch.step, loaded.rows, loss)

    def note(self, lost: Iterable[Lost]) -> None:
        """Images that could not be read; each counts once."""
        for image, reason in lost:
            self._lost.setdefault(image, reason)

    def settle(self) -> None:
        """Look at the last step's loss. Raises ValueError that names step and images if it is not a number."""
        if self._pending is None:
            return
        (step, rows, loss), self._pending = self._pending, None
        self.last = loss.item()
        self._losses.append(self.last)
        if not math.isfinite(self.last):
            raise ValueError(self._told(step, rows))

    def _told(self, step: int, rows: Integers) -> str:
        names = self._index.set_index("row")["image_id"].loc[rows.tolist()].tolist()
        more = f" and {len(names) - 8} more" if len(names) > 8 else ""
        return (
            f"The loss of step {step} is {self.last}, of {len(names)} images: {', '.join(names[:8])}{more}."
            " Lower optimiser.lr, set optimiser.clip_norm, or take precision fp32 in the recipe."
        )

    @property
    def lost(self) -> list[Lost]:
        """All images lost so far."""
        return [Lost(*item) for item in self._lost.items()]

    def pause(self) -> None:
        """What follows is not the steps' time."""
        self._seconds += time.monotonic() - self._since
        self._since = time.monotonic()

    def row(self) -> dict[str, Any]:
        """The epoch's numbers, of this process: train_loss, images, seconds, lost."""
        self.settle()
        loss = float(np.mean(self._losses)) if self._losses else math.nan
        told = {"train_loss": loss, "images": self._images, "seconds": self._seconds}
        return told | {"lost": len(self._lost) - self._lost_before}

    def state(self) -> dict[str, Any]:
        """Plain data that `restore` takes."""
        self.settle()
        self.pause()
        told = {"losses": self._losses, "images": self._images, "seconds": self._seconds}
        return told | {"lost": dict(self._lost), "lost_before": self._lost_before}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on as it was."""
        self._losses, self._images, self._seconds = list(state["losses"]), state["images"], state["seconds"]
        self._lost, self._lost_before = dict(state["lost"]), state["lost_before"]
        self._since = time.monotonic()
