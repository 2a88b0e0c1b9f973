"""The steps of a selection, from all that might be learnt from to the images that are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from crossgen.config import Classes, Filter, Lists, Subset, Validation
from crossgen.config.breakdowns import ClassRange
from crossgen.data import content, filters, leaks, named
from crossgen.data.filters import Mask
from crossgen.data.lending import refuse_lent
from crossgen.data.splits import fraction, order
from crossgen.data.waterfall import LABELS, Sieve

#: A train set below this cannot be learnt from: batches hold both labels, and val must exist to choose an epoch.
FEWEST = {"train": 2, "val": 1}

#: Drawn classes that a waterfall names; the selection's rows tell all.
SHOWN = 8

#: The key that says how many images of each label a split has.
NUMBER = {"train": "images_per_class", "val": "val_per_class"}


@dataclass(frozen=True)
class Roles:
    """What the pools of a manifest are to a selection (`crossgen.config.derive.roles`)."""

    train_set: str
    only_tested: tuple[str, ...] = ()  # looked at for their test images, never chosen from
    shared: tuple[tuple[str, str], ...] = ()  # pairs of pools that may hold the same reals

    @classmethod
    def from_json(cls, train_set: str, told: Mapping[str, Any]) -> "Roles":
        """As `crossgen.config.derive.roles` tells them. Raises ValueError for other keys."""
        unknown = sorted(set(told) - {"only_tested", "shared"})
        if unknown:
            raise ValueError(f"Unknown role {unknown[0]!r} of pools: expected only_tested or shared.")
        pairs = tuple((str(first), str(second)) for first, second in told.get("shared", ()))
        return cls(train_set, tuple(told.get("only_tested", ())), pairs)


class Chooser:
    """One selection under way: the rows that may be chosen, and the sieve that they pass through."""

    def __init__(self, manifest: pd.DataFrame, subset: Subset, roles: Roles) -> None:
        """`manifest`: rows of all pools read. Raises ValueError for files of ids and lists (see `named`)."""
        self.subset, self.roles = subset, roles
        self.rows = manifest.reset_index(drop=True)  # shares its memory with the manifest: columns are only replaced
        mine = manifest["split"].isin(["train", "val"]) & ~manifest["pool"].isin(roles.only_tested)
        self.mine = mine.to_numpy()
        self.usable = self.mine & self.rows["quarantine"].isna().to_numpy()
        self.label = self.rows["label"].to_numpy()
        self.names = self.rows["image_id"]  # what draws go by
        self.lent = self.mine & self.rows["pool"].isin([lender.pool for lender in subset.lenders]).to_numpy()
        if subset.lenders:
            self.rows["split"] = self.rows["split"].mask(self.lent, "val")
        self.tested = None if subset.drop_leaks == "none" else leaks.tested(manifest)
        self.lists = {name: self._listed(name) for name in LABELS if self._filter(name).lists}
        self.ids = self._of_ids(subset.ids) if subset.ids else None
        self.sieve = Sieve(self.rows, self.mine.copy())

    def honest(self) -> None:
        """Drop what may not be learnt from: unusable images, leaks, groups of val in train, repeated reals."""
        rows, sieve = self.rows, self.sieve
        sieve.keep("quarantine", self.usable)
        leaks.refuse_both_labels(rows, sieve.alive, self.roles.train_set)
        if self.tested is not None:
            sieve.keep("drop_leaks", ~leaks.is_one_of(rows["blake3"], self.tested), self.subset.drop_leaks)
        sieve.keep("groups of val", leaks.outside_val(rows, sieve.alive & ~self.lent) | self.lent)
        sieve.keep("shared reals", leaks.once(rows, sieve.alive & ~self.lent, self.roles.shared))

    def wanted(self) -> None:
        """Keep what is declared: ids, lists, filters, content classes."""
        sizes = filters.fake_sizes(self.rows, self.sieve.alive & ~self.lent) if self._relative else []
        if self.ids is not None:
            self.sieve.keep("ids", self.ids[0] | self.lent, self.ids[1])
        for name in LABELS:
            for condition in filters.conditions(self.rows, self._filter(name), sizes):
                self.sieve.keep(f"{name}.{condition.key}", condition.mask, condition.setting, name)
            if name in self.lists:
                mask, told = self.lists[name]
                self.sieve.keep(f"{name}.lists", mask | self.lent, told, name)
        if self.subset.classes is not None:
            mask, told = self._of_classes(self.subset.classes)
            self.sieve.keep("classes", mask, told)

    def validated(self) -> None:
        """`n` images of the named pool as the val images of its label; refuses images that are also trained on."""
        for wanted in self.subset.lenders:
            self._lend(wanted)

    def _lend(self, wanted: Validation) -> None:
        """The images of one named pool."""
        mine = self.lent & self.rows["pool"].eq(wanted.pool).to_numpy()
        there = self.rows[self.sieve.alive & mine]
        if len(there) < wanted.n:
            raise ValueError(
                f"Validation pool {wanted.pool!r} has {len(there)} usable images that are no test images and pass the "
                f"filters, but n asks for {wanted.n}: lower validation.n."
            )
        chosen = sorted(zip((order(wanted.seed, name) for name in there["image_id"]), there.index, strict=True))
        lent = np.zeros(len(self.rows), bool)
        lent[[index for _, index in chosen[: wanted.n]]] = True
        val = self.rows["split"].eq("val").to_numpy() & (self.label == there["label"].iloc[0])
        self.sieve.keep("validation", lent | ~val, f"{wanted.pool}, n {wanted.n}")
        refuse_lent(self.rows[self.sieve.alive & mine], self._trained_on(), self.roles.train_set)

    def thinned(self) -> None:
        """Keep a share, so many of each content class, as many reals as fakes of each."""
        subset, seed = self.subset, self.subset.seed
        self._thin_by_fraction()
        if subset.images_per_content_class is not None:
            n = subset.images_per_content_class
            left = self._with_content()
            first = content.first_of_class(left, seed, n) & left["content"].ge(0).to_numpy()
            self._keep("images_per_content_class", first | left["split"].eq("val").to_numpy(), str(n))
        if subset.balance_classes:
            left = self._with_content()
            even = content.balanced(left, seed) & left["content"].ge(0).to_numpy()
            told = ~left["split"].isin(splits_of(subset.balance_classes)).to_numpy()
            self._keep("balance_classes", even | told, str(subset.balance_classes).lower())

    def _thin_by_fraction(self) -> None:
        share, seed = self.subset.fraction, self.subset.seed
        if share < 1:
            names = self.names.where(self.sieve.alive & ~self.lent)
            # its own seed text: where groups are images, the test split was carved by (seed, image id) alone
            kept = [isinstance(name, str) and fraction(seed, f"fraction/{name}") < share for name in names]
            self.sieve.keep("fraction", np.array(kept, bool) | self.lent, str(share))

    def sampled(self) -> None:
        """The same number of images of each label, where a number or a balance is asked for."""
        for split in NUMBER:
            self._sample(split)

    def _sample(self, split: str) -> None:
        left, key = self.sieve.left(), NUMBER[split]
        n, counts = getattr(self.subset, key), left.loc[left["split"].eq(split), "label"].value_counts()
        for name, label in LABELS.items():
            self._refuse_too_few(split, name, int(counts.get(label, 0)))
        if n is None and split in splits_of(self.subset.balance_labels):
            key, n = "balance_labels", int(counts.min())
        if n is not None:
            self._keep(key, self._first(split, n) | left["split"].ne(split).to_numpy(), str(n))

    @property
    def _relative(self) -> bool:
        return any(self._filter(name).relative_sides for name in LABELS)

    def _filter(self, label: str) -> Filter:
        return self.subset.real if label == "real" else self.subset.fake

    def _keep(self, step: str, mask: Mask, setting: str) -> None:
        """`mask` over the rows that are left."""
        whole = self.sieve.alive.copy()
        whole[self.sieve.alive] = mask
        self.sieve.keep(step, whole, setting)

    def _with_content(self) -> pd.DataFrame:
        shown = content.content(self.rows)
        return self.sieve.left().assign(content=shown.code[self.sieve.alive])

    def _first(self, split: str, n: int) -> Mask:
        """The first n of each label of a split, of the rows left; spread over classes if they are balanced."""
        if split not in splits_of(self.subset.balance_classes):
            return content.places(self.sieve.left(), self.subset.seed, ["split", "label"]) < n
        shown = content.content(self.rows)
        return content.first_by_turns(self._with_content(), shown.orders(self.subset.seed), self.subset.seed, n)

    def _of_classes(self, wanted: tuple[int | str | ClassRange, ...] | Classes) -> tuple[Mask, str]:
        if not isinstance(wanted, Classes):
            return content.listed(self.rows, self.usable, wanted), f"{len(wanted)} listed"
        among = self.usable & ~self.lent & (self.label == LABELS["fake"])
        mask, names = content.drawn(content.content(self.rows), among, wanted)
        more = ", ..." if len(names) > SHOWN else ""
        return mask, f"{len(names)} drawn with seed {wanted.seed}: {', '.join(names[:SHOWN])}{more}"

    def _of_ids(self, file: str) -> tuple[Mask, str]:
        found = named.by_id(file, self.rows[self.usable & ~self.lent])
        found.refuse_absent(self.subset.max_absent, f"Subset {self.subset.name!r}: ids {file}")
        return self._whole(found.mask, self.usable & ~self.lent), f"{file}: {found.told}"

    def _listed(self, label: str) -> tuple[Mask, str]:
        """Rows that the lists of a label name. Lists that tell the split write it into the rows."""
        lists = self._filter(label).lists
        mine = self.usable & ~self.lent & (self.label == LABELS[label])
        files = {"train": lists.train, "val": lists.val} if isinstance(lists, Lists) else {"": lists or ()}
        found = {split: named.by_name(names, self.rows[mine]) for split, names in files.items()}
        told = named.together(list(found.values()))
        told.refuse_absent(self.subset.max_absent, f"Subset {self.subset.name!r}: {label}.lists")
        if isinstance(lists, Lists):
            self._refuse_both_splits(found["train"].mask & found["val"].mask, mine, label)
            for split, part in found.items():
                self.rows["split"] = self.rows["split"].mask(self._whole(part.mask, mine), split)
        return self._whole(told.mask, mine), told.told

    def _refuse_both_splits(self, both: Mask, mine: Mask, label: str) -> None:
        if both.any():
            first = self.rows.loc[self._whole(both, mine), "image_id"].min()
            raise ValueError(
                f"Subset {self.subset.name!r}: {label}.lists name {int(both.sum())} images for both train and val "
                f"(first: {first}): an image lies in one split; take them out of one list."
            )

    @staticmethod
    def _whole(mask: Mask, among: Mask) -> Mask:
        """A mask over the rows of `among` as a mask over all rows."""
        whole = np.zeros(len(among), bool)
        whole[among] = mask
        return whole

    def _trained_on(self) -> pd.DataFrame:
        left = self.sieve.left()
        return left[left["split"].eq("train")]

    def _refuse_too_few(self, split: str, name: str, count: int) -> None:
        key = NUMBER[split]
        n = getattr(self.subset, key)
        if count < (n or FEWEST[split]):
            asked = f"{key} asks for {n}" if n else f"at least {FEWEST[split]} are needed"
            raise ValueError(
                f"Subset {self.subset.name!r} leaves {count} {split} {name}s for train set {self.roles.train_set!r}, "
                f"but {asked} ({self.sieve.history(split, LABELS[name])}): widen its filters, lower {key}, or add "
                "images."
            )


def splits_of(value: bool | str) -> tuple[str, ...]:
    """The splits that a key for both (true), one or none of them means."""
    return tuple(NUMBER) if value is True else (value,) if isinstance(value, str) else ()
