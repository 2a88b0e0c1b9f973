"""Reading of stored crops that lie on the device: moved there once, gathered and augmented there."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from crossgen.config import Recipe
from crossgen.data.packed import Stacked
from crossgen.training.augment.resident import augment_resident, refuse_elsewhere
from crossgen.training.batches import Batch, Crops, Data, Integers, Loaded
from crossgen.training.readers.chain import Chain
from crossgen.training.readers.crops import CropsReader, judged_part
from crossgen.training.readers.deliver import in_batches
from crossgen.training.readers.rows import Rows
from crossgen.training.setting import Setting

#: Share of the free memory that crops may take: the network needs the rest.
SHARE = 0.75
#: Crops moved at a time.
BLOCK = 1024
#: Where Linux says how much memory is left to programs.
_MEMORY = Path("/proc/meminfo")


class ResidentReader:
    """See `crossgen.training.batches.Reader`; the same bytes as those of `reading: crops`, on the device.

    Crops are moved when training begins. Until then, and so always of data that is only validated, they are read from
    the disk. Raises ValueError for augmentations that do not run on the device, and where the crops do not fit.
    """

    def __init__(self, data: Data, recipe: Recipe, setting: Setting, device: torch.device) -> None:
        self._chain, self._recipe, self._device = Chain.of(recipe, setting.seed, augment_resident), recipe, device
        refuse_elsewhere([*self._chain.shared, *self._chain.apart])
        self._stored, self._known = data.stored, Rows.of(data.index, recipe.synchronised)
        self._on_disk = CropsReader(data, recipe, setting, device)
        self._resident: Tensor | None = None

    def train(self, batches: Iterable[Batch]) -> Iterator[Loaded]:
        """The batches in their order, augmented."""
        crops = self._moved()
        for batch in batches:
            copies = self._chain.train(self._chosen(crops, batch), self._known.keys[batch.rows], batch.epoch)
            yield self._loaded(batch, copies[0] if len(copies) == 1 else torch.cat(copies))

    def validation(self, rows: Integers, batch_size: int = 64) -> Iterator[Loaded]:
        """See `CropsReader.validation`."""
        if self._resident is None:
            yield from self._on_disk.validation(rows, batch_size)
            return
        for batch in in_batches(rows, batch_size):
            crops = self._chosen(self._resident, batch)
            if self._recipe.validate_on == "augmented":
                crops = self._chain.validation(crops, self._known.keys[batch.rows])
            else:
                crops = judged_part(self._recipe.frame, crops)
            yield self._loaded(batch, crops)

    def _chosen(self, crops: Tensor, batch: Batch) -> Tensor:
        return crops[torch.from_numpy(batch.rows).to(self._device)]

    def _loaded(self, batch: Batch, crops: Tensor) -> Loaded:
        return Loaded(batch, crops, batch.rows, self._known.labels_of(batch.rows).to(self._device))

    def _moved(self) -> Tensor:
        if self._resident is None:
            self._resident = moved(self._stored, self._device, self._recipe.name)
        return self._resident


def moved(stored: Crops | Stacked, device: torch.device, recipe: str) -> Tensor:
    """Stored crops as one tensor on the device. Raises ValueError if they would not fit."""
    shape = (len(stored), *stored[np.arange(min(1, len(stored)))].shape[1:])
    refuse_too_large(int(np.prod(shape)), device, recipe)
    crops = torch.empty(shape, dtype=torch.uint8, device=device)
    for begin in range(0, len(stored), BLOCK):
        rows = np.arange(begin, min(begin + BLOCK, len(stored)))
        crops[begin : begin + len(rows)] = torch.from_numpy(stored[rows]).to(device)
    return crops


def refuse_too_large(size: int, device: torch.device, recipe: str) -> None:
    """Raise ValueError if `size` bytes are more than SHARE of what is free on the device (told, where it is known)."""
    free = FREE[device.type](device)
    if free is not None and size > SHARE * free:
        raise ValueError(
            f"Recipe {recipe!r} has `reading: resident`: its stored crops take {size / 1e9:.1f} GB, and of the"
            f" {free / 1e9:.1f} GB that are free on {device} they may take {SHARE:.0%}. Set `reading: crops`, or store"
            " fewer or smaller ones (crops_per_image, frame.size)."
        )


def _free_on_cuda(device: torch.device) -> int | None:
    return int(torch.cuda.mem_get_info(device)[0])


def _free_memory(device: torch.device) -> int | None:
    if not _MEMORY.is_file():
        return None
    told = dict(line.split(":", 1) for line in _MEMORY.read_text(encoding="ascii").splitlines())
    return 1024 * int(told["MemAvailable"].split()[0])


#: Kind of device -> bytes free on it, None where nobody says.
FREE: dict[str, Callable[[torch.device], int | None]] = {"cuda": _free_on_cuda, "cpu": _free_memory}
