"""Which images make up each step's batch: a function of (seed, step), known before the first one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from crossgen.config import Recipe
from crossgen.training.batches import Batch, Data, Lost
from crossgen.training.sampling import Pool, Turns, balanced_parts
from crossgen.training.setting import Setting

Numbers = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Source:
    """Training images of one label that are drawn alike, and the step at which they join."""

    name: str
    label: int
    rows: pd.DataFrame
    joins: int

    @cached_property
    def pool(self) -> Pool:
        """The images."""
        return Pool.of(self.rows)


@dataclass(frozen=True)
class Plan:
    """The batches of a training: `steps` in all, `per_epoch` of them an epoch (the last epoch may be shorter).

    An epoch has as many batches as show every image of the larger label once (with `balance` none or loss: every
    image), whether or not all pools have joined yet.
    """

    sources: tuple[Source, ...]
    labels: Numbers
    recipe: Recipe
    seed: int
    steps: int
    per_epoch: int

    @classmethod
    def of(cls, data: Data, recipe: Recipe, setting: Setting) -> "Plan":
        """Raises ValueError for a recipe that these images cannot serve, and for pools that do not exist."""
        _refuse(data, recipe, setting.joins)
        per_epoch = _per_epoch(data, recipe)
        steps = recipe.steps or max(1, round(float(recipe.epochs or 0) * per_epoch))
        labels = np.zeros(int(data.index["row"].max()) + 1, np.float32)
        labels[data.index["row"].to_numpy()] = data.index["label"].to_numpy()
        sources = _sources(data, setting.joins if setting.joins or recipe.balance_pools else None, steps)
        plan = cls(sources, labels, recipe, setting.seed, steps, per_epoch)
        for label in (0, 1):
            if not any(source.label == label for source in plan.joined(0)):
                raise ValueError(f"joins {dict(setting.joins)} leave no images of label {label} to begin with.")
        return plan

    @property
    def lost(self) -> tuple[Lost, ...]:
        """Images of the index that no batch holds, because others are missing."""
        return ()

    def joined(self, step: int) -> tuple[Source, ...]:
        """What is drawn from at a step."""
        return tuple(source for source in self.sources if source.joins <= step)

    def ends_epoch(self, step: int) -> bool:
        """Whether the epoch is over after so many steps."""
        return step % self.per_epoch == 0 or step >= self.steps

    def batches(self, begin: int = 0) -> Iterator[Batch]:
        """The batches from step `begin` to the end."""
        drawn: tuple[int, int] | None = None
        turns: tuple[Turns, ...] = ()
        for step in range(begin, self.steps):
            epoch, place = divmod(step, self.per_epoch)
            joined = self.joined(step)
            if drawn != (epoch, len(joined)):
                drawn, turns = (epoch, len(joined)), self._turns(joined, epoch)
            share = self.recipe.batch_size // len(turns)
            yield Batch(epoch, step, np.concatenate([each.take(place * share, share) for each in turns]))

    def _turns(self, joined: tuple[Source, ...], epoch: int) -> tuple[Turns, ...]:
        """One an equal share of each batch: of each label, or of all images."""
        if self.recipe.balance != "batches":
            return (Turns((self._together(joined).rows(self.seed, epoch),)),)
        parts = [[source for source in joined if source.label == label] for label in (0, 1)]
        if self.recipe.balance_pools:
            return tuple(Turns(tuple(source.pool.rows(self.seed, epoch) for source in part)) for part in parts)
        return tuple(Turns((self._together(tuple(part)).rows(self.seed, epoch),)) for part in parts)

    def _together(self, sources: tuple[Source, ...]) -> Pool:
        return sources[0].pool if len(sources) == 1 else Pool.of(pd.concat([source.rows for source in sources]))

    def weights(self, step: int) -> tuple[float, float] | None:
        """Weight in the loss of an image of label 0 and 1, mean 1 over what is drawn from; None: all weigh 1."""
        if self.recipe.balance != "loss":
            return None
        counts = [sum(len(s.pool.images) for s in self.joined(step) if s.label == label) for label in (0, 1)]
        real, fake = (sum(counts) / (2 * count) for count in counts)
        return real, fake

    def part(self, batch: Batch, rank: int, processes: int) -> Batch:
        """What one of several processes takes of a batch; labels keep their shares."""
        if processes == 1:
            return batch
        return replace(batch, rows=batch.rows[balanced_parts(self.labels[batch.rows], processes)[rank]])


def _per_epoch(data: Data, recipe: Recipe) -> int:
    counts = [data.part("train", label)["image_id"].nunique() for label in (0, 1)]
    if recipe.balance == "batches":
        return -(-max(counts) // (recipe.batch_size // 2))
    return -(-sum(counts) // recipe.batch_size)


def _sources(data: Data, joins: Mapping[str, float] | None, steps: int) -> tuple[Source, ...]:
    """One a pool and label, or, where pools do not matter (`joins` is None), one a label."""
    found = []
    for label in (0, 1):
        part = data.part("train", label)
        if joins is None:
            found.append(Source("", label, part, 0))
            continue
        for name, rows in part.groupby("pool", sort=True):
            found.append(Source(str(name), label, rows, round(joins.get(str(name), 0.0) * steps)))
    return tuple(found)


def _refuse(data: Data, recipe: Recipe, joins: Mapping[str, float]) -> None:
    for label in (0, 1):
        if data.part("train", label).empty:
            raise ValueError(f"No training image has label {label}: a detector learns from reals and fakes.")
    if recipe.balance_pools and recipe.balance != "batches":
        raise ValueError(
            f"balance_pools with balance {recipe.balance!r} in recipe {recipe.name!r}: pools get equal shares of a"
            " label's half of each batch, which only `balance: batches` has."
        )
    if not joins:
        return
    pools = set(data.index.loc[data.index["split"] == "train", "pool"])
    strange = sorted(set(joins) - pools)
    if strange:
        raise ValueError(f"joins names the pools {strange}, which nothing is trained on: expected {sorted(pools)}.")
