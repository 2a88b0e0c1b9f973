"""Reading of stored crops, memory-mapped: gathered, augmented on the processor."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from crossgen.config import Frame, Recipe
from crossgen.data import frames
from crossgen.training.augment import augment_batch
from crossgen.training.batches import Batch, Crops, Data, Integers, Loaded
from crossgen.training.readers.chain import Chain
from crossgen.training.readers.deliver import deliver, in_batches
from crossgen.training.readers.rows import Rows
from crossgen.training.setting import Setting

Some = TypeVar("Some", Crops, Tensor)


class CropsReader:
    """See `crossgen.training.batches.Reader`. Workers share the memory-mapped file: each crop is copied once."""

    def __init__(self, data: Data, recipe: Recipe, setting: Setting, device: torch.device) -> None:
        self._stored, self._known = data.stored, Rows.of(data.index, recipe.synchronised)
        self._chain, self._frame = Chain.of(recipe, setting.seed, augment_batch), recipe.frame
        self._augmented = recipe.validate_on == "augmented"
        self._workers, self._device = setting.workers, device

    def train(self, batches: Iterable[Batch]) -> Iterator[Loaded]:
        """The batches in their order, augmented."""
        return deliver(self._one, batches, self._workers, self._device)

    def validation(self, rows: Integers, batch_size: int = 64) -> Iterator[Loaded]:
        """Stored crops in the recipe's frame (see `judged_part`), or augmented as it says."""
        workers = self._workers if self._augmented else 0  # to gather is cheaper than to start them
        return deliver(self._judged, in_batches(rows, batch_size), workers, self._device)

    def _one(self, batch: Batch) -> list[Loaded]:
        copies = self._chain.train(self._stored[batch.rows], self._known.keys[batch.rows], batch.epoch)
        return [self._loaded(batch, copies[0] if len(copies) == 1 else np.concatenate(copies))]

    def _judged(self, batch: Batch) -> list[Loaded]:
        crops = self._stored[batch.rows]
        if self._augmented:
            return [self._loaded(batch, self._chain.validation(crops, self._known.keys[batch.rows]))]
        return [self._loaded(batch, judged_part(self._frame, crops))]

    def _loaded(self, batch: Batch, crops: Crops) -> Loaded:
        told = torch.from_numpy(np.ascontiguousarray(crops))
        return Loaded(batch, told, batch.rows, self._known.labels_of(batch.rows))


def judged_part(frame: Frame, crops: Some) -> Some:
    """What validation sees of stored crops [n, side, side, 3], array or tensor, as a view: of larger ones the middle.

    That has sides of `frame.size`; offsets of a `crop` frame stay on its grid, as in tests. Crops that are not larger,
    and those of detectors that judge whole images, are seen as they are.
    """
    height, width = crops.shape[1:3]
    if frame.kind == "whole" or min(height, width) <= frame.size:
        return crops
    grid = frame.grid if frame.kind == "crop" else 1
    at = frames.central(Frame(kind="crop", size=frame.size, grid=grid), width, height)
    return crops[:, at.y : at.y + at.height, at.x : at.x + at.width]
