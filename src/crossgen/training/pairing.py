"""Batches of whole pairs: each real stands beside the fake that was made from it, and the processes share pairs."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from crossgen.config import Recipe
from crossgen.training.batches import Batch, Data, Lost
from crossgen.training.plan import Plan
from crossgen.training.sampling import Integers, Keys, keys, uniform

#: Why the sound half of a broken pair is not trained on, as tables of losses say it.
WITHOUT_OTHER = "the other half of its pair could not be read"


@dataclass(frozen=True)
class PairPool:
    """Pairs by the names of their reals, and of each half [n, 2] (real, fake) the keys, the first row and how many
    crops both have."""

    names: Keys
    halves: Keys
    first: Integers
    crops: Integers

    @classmethod
    def of(cls, index: pd.DataFrame) -> "PairPool":
        """From CROPS rows of train, with `pair` of fakes: the id of their real. A half whose other half has no row is
        left out. The crops of an image follow one another."""
        images = index.sort_values(["image_id", "crop"]).groupby("image_id", sort=True)
        facts = images.agg(
            row=("row", "first"), crops=("row", "size"), label=("label", "first"), pair=("pair", "first")
        )
        fakes = facts[facts["label"].eq(1) & facts["pair"].isin(facts.index[facts["label"].eq(0)])].sort_values("pair")
        reals = facts.loc[fakes["pair"]]
        names = [keys(each.index.to_series()) for each in (reals, fakes)]
        first = np.column_stack([reals["row"], fakes["row"]]).astype(np.int64).reshape(-1, 2)
        crops = np.minimum(reals["crops"].to_numpy(np.int64), fakes["crops"].to_numpy(np.int64))
        return cls(names[0], np.column_stack(names).reshape(-1, 2), first, crops)

    def rows(self, seed: int, epoch: int, synchronised: bool) -> Integers:
        """A crop of both halves of every pair [n, 2], in this epoch's order; `synchronised`: the same crop of both."""
        drawn = [uniform(seed, epoch, "crop", self.names if synchronised else each) for each in self.halves.T]
        chosen = np.floor(np.column_stack(drawn) * self.crops[:, None]).astype(np.int64)
        order = np.argsort(uniform(seed, epoch, "order", self.names), kind="stable")
        return np.asarray((self.first + chosen)[order])


@dataclass(frozen=True)
class PairedPlan(Plan):
    """A plan whose batches of 2n images hold n pairs, real and fake in turn; an epoch shows every pair once."""

    data: Data

    @classmethod
    def from_plan(cls, plan: Plan, data: Data) -> "PairedPlan":
        """The same training on pairs. Raises ValueError for images without a whole pair, and for pools that join."""
        if any(source.joins for source in plan.sources):
            raise ValueError(
                f"A curriculum with pairing: name in recipe {plan.recipe.name!r}: pairs are drawn together, so no pool"
                " joins later; drop the experiment's curriculum, or say pairing: none."
            )
        made = cls(**{name: getattr(plan, name) for name in Plan.__dataclass_fields__}, data=data)
        if not len(made.pool.first):
            raise ValueError(
                f"Recipe {plan.recipe.name!r} trains on pairs (pairing: name), and no image is half of a whole one:"
                " select them with pairing: name in the subset."
            )
        per_epoch = per_epoch_of(len(made.pool.first), plan.recipe)
        steps = plan.recipe.steps or max(1, round(float(plan.recipe.epochs or 0) * per_epoch))
        return replace(made, per_epoch=per_epoch, steps=steps)

    @cached_property
    def pool(self) -> PairPool:
        """The pairs."""
        return PairPool.of(self.data.index[self.data.index["split"] == "train"])

    @property
    def lost(self) -> tuple[Lost, ...]:
        """Training images whose other half has no row: it could not be read when crops were cut."""
        train = self.data.index[self.data.index["split"] == "train"]
        reals = train.loc[train["label"].eq(0), "image_id"]
        paired = train.loc[train["label"].eq(1) & train["pair"].isin(reals), ["image_id", "pair"]]
        alone = ~train["image_id"].isin([*paired["image_id"], *paired["pair"]])
        return tuple(Lost(name, WITHOUT_OTHER) for name in dict.fromkeys(train.loc[alone, "image_id"]))

    def batches(self, begin: int = 0) -> Iterator[Batch]:
        """The batches from step `begin` to the end."""
        drawn, order, share = -1, np.empty((0, 2), np.int64), self.recipe.batch_size // 2
        for step in range(begin, self.steps):
            epoch, place = divmod(step, self.per_epoch)
            if drawn != epoch:
                drawn, order = epoch, self.pool.rows(self.seed, epoch, self.recipe.synchronised)
            places = np.arange(place * share, (place + 1) * share) % len(order)
            yield Batch(epoch, step, order[places].ravel())

    def part(self, batch: Batch, rank: int, processes: int) -> Batch:
        """What one of several processes takes of a batch: whole pairs."""
        if processes == 1:
            return batch
        return replace(batch, rows=batch.rows[whole_pairs(len(batch.rows), processes)[rank]])


def per_epoch_of(pairs: int, recipe: Recipe) -> int:
    """Batches that show each pair once."""
    return -(-pairs // (recipe.batch_size // 2))


def whole_pairs(count: int, parts: int) -> list[Integers]:
    """Places [k] of a batch's images, pair after pair, cut into so many parts of whole pairs; some may be empty."""
    return [part.ravel() for part in np.array_split(np.arange(count).reshape(-1, 2), parts)]


def key_names(index: pd.DataFrame, synchronised: bool) -> "pd.Series[str]":
    """What the draws of each row go by: its image, or, synchronised, its pair, which is called as its real is."""
    if not synchronised:
        return index["image_id"]
    named: pd.Series[str] = index["pair"].where(index["pair"].notna() & index["label"].eq(1), index["image_id"])
    return named


def others_of(index: pd.DataFrame) -> Integers:
    """By row of an index of whole images: the row of its other half, -1 where there is none."""
    row_of = pd.Series(index["row"].to_numpy(), index["image_id"])
    fakes = index[index["label"].eq(1) & index["pair"].isin(row_of.index)]
    found = np.full(int(index["row"].max()) + 1, -1)
    mine, theirs = fakes["row"].to_numpy(), row_of.loc[fakes["pair"]].to_numpy()
    found[mine], found[theirs] = theirs, mine
    return found
