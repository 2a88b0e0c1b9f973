"""Batches made in this process or by workers, in their order; the bytes are the same for any number of workers."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch.utils.data import DataLoader, Dataset

from crossgen.training.batches import Batch, Integers, Loaded
from crossgen.training.interrupt import leave_to_parent, shielded

#: A batch to what arrives of it: one part, or several where images differ in size.
Work = Callable[[Batch], list[Loaded]]

#: Of validation batches, which belong to no epoch.
NO_EPOCH = -1


@dataclass(frozen=True)
class _Asked(Dataset[list[Loaded]]):
    """Batches by themselves as keys: torch's loader hands them to its workers in turn."""

    work: Work

    def __getitem__(self, batch: Batch) -> list[Loaded]:
        return self.work(batch)


def deliver(work: Work, batches: Iterable[Batch], workers: int, device: torch.device) -> Iterator[Loaded]:
    """What `work` makes of the batches, in their order, pinned for a CUDA device; workers are two batches ahead each.

    Workers live until the last batch or until the iterator is closed; an error of theirs is raised here.
    """
    loader = DataLoader(
        _Asked(work),
        batch_size=None,
        sampler=batches,
        num_workers=workers,
        pin_memory=device.type == "cuda",
        worker_init_fn=_begin,
        multiprocessing_context="fork" if workers else None,  # shares memory maps, which other ways would copy
        generator=torch.Generator(),  # else the loader draws from the generator that dropout draws from
    )
    with shielded():
        parts = iter(loader)
    try:
        for each in parts:
            yield from each
    finally:  # torch leaves it to the collector of cycles, after whose visit workers wait for a word for seconds
        getattr(parts, "_shutdown_workers", lambda: None)()


def in_batches(rows: Integers, batch_size: int) -> Iterator[Batch]:
    """Rows in their order as batches that belong to no epoch."""
    for step, start in enumerate(range(0, len(rows), batch_size)):
        yield Batch(NO_EPOCH, step, rows[start : start + batch_size])


def _begin(worker: int) -> None:
    leave_to_parent()
    torch.set_num_threads(1)  # the other cores are the other workers'
