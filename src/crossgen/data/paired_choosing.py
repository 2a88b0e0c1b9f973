"""The steps of a selection that keeps whole pairs: what falls takes its other half along, and samples count pairs."""

import numpy as np
import pandas as pd

from crossgen.data import content
from crossgen.data.choosing import NUMBER, Chooser, splits_of
from crossgen.data.filters import Mask
from crossgen.data.pairs import Pairs, find
from crossgen.data.waterfall import LABELS


class PairedChooser(Chooser):
    """Draws go by the pair, which is called as its real is. Where named pools lend val images, val has no pairs: the
    images of one label are then of other scenes."""

    pairs: Pairs

    def honest(self) -> None:
        """As without pairs; then the pairs are found, and what is in none is refused or dropped (`unpaired`)."""
        super().honest()
        seen = self.mine & ~self._single
        self.pairs = find(self.rows, seen, self.usable, self.subset.seed)
        if self.subset.unpaired == "refuse":
            self.pairs.refuse(self.rows, self.subset.name, self.roles.train_set)
        self._tell()
        self.sieve.keep("unpaired", (self.pairs.other >= 0) | self._single, self.pairs.counted())
        self._whole_pairs()

    def wanted(self) -> None:
        """As without pairs; then the other halves of what was filtered."""
        super().wanted()
        self._whole_pairs()

    def validated(self) -> None:
        """As without pairs; images that are lent may be no halves of pairs that are trained on."""
        super().validated()
        self._whole_pairs()

    def thinned(self) -> None:
        """As without pairs, by pairs: a pair has its real's content class."""
        n, balanced, seed = self.subset.images_per_content_class, self.subset.balance_classes, self.subset.seed
        self._thin_by_fraction()
        if n is not None:
            heads = self._heads("train")
            self._keep_heads("images_per_content_class", heads, content.first_of_class(heads, seed, n), str(n))
        for split in splits_of(balanced):
            heads = self._heads(split)
            self._keep_heads("balance_classes", heads, heads["content"].ge(0).to_numpy(), str(balanced).lower())

    def _sample(self, split: str) -> None:
        key, n = NUMBER[split], getattr(self.subset, NUMBER[split])
        if split == "val" and self.subset.lenders:
            super()._sample(split)
            return
        heads = self._heads(split)
        for name in LABELS:
            self._refuse_too_few(split, name, len(heads))
        if n is not None:
            self._keep_heads(key, heads, self._first_heads(heads, split, n), str(n))

    @property
    def _single(self) -> Mask:
        """Rows that are in no pair, and need not be: lent ones, and all of val where some are lent."""
        val = self.rows["split"].eq("val").to_numpy() & bool(self.subset.lenders)
        return np.asarray(self.lent | (val & self.mine))

    def _tell(self) -> None:
        """Write into the rows what pairs are, and let draws go by them."""
        ids = self.rows["image_id"].to_numpy(object)
        paired = self.pairs.other >= 0
        fake = paired & (self.label == 1)
        real_of = pd.Series(ids[self.pairs.other], self.rows.index, dtype=object).where(fake, None)
        self.names = real_of.where(fake, self.rows["image_id"])
        known = self.rows.get("pair", real_of)
        self.rows["pair"] = real_of.where(~self._single, known)
        for name, at in (("pair_x", self.pairs.x), ("pair_y", self.pairs.y)):
            self.rows[name] = pd.Series(at, self.rows.index).astype("Int64").where(fake)
        groups = self.rows["group"].to_numpy(object)
        self.rows["group"] = np.where(fake, groups[self.pairs.other], groups)

    def _whole_pairs(self) -> None:
        other = self.pairs.other
        self.sieve.keep("other half", ((other >= 0) & self.sieve.alive[other]) | self._single)

    def _heads(self, split: str) -> pd.DataFrame:
        """The reals of a split's pairs that are left, as what a pair is chosen by: `pool` is both halves' pools, and
        `content` their class, where classes are asked for."""
        of = self.pairs.other
        chosen = self.sieve.alive & (of >= 0) & (self.label == 0) & self.rows["split"].eq(split).to_numpy()
        pools = self.rows["pool"].to_numpy(object)
        heads: pd.DataFrame = self.rows[chosen].assign(pool=pools[chosen] + "/" + pools[of[chosen]])
        if self.subset.images_per_content_class is None and not self.subset.balance_classes:
            return heads
        return heads.assign(content=content.content(self.rows).code[chosen])

    def _first_heads(self, heads: pd.DataFrame, split: str, n: int) -> Mask:
        if split not in splits_of(self.subset.balance_classes):
            return np.asarray(content.places(heads, self.subset.seed, ["split", "label"]) < n)
        orders = content.content(self.rows).orders(self.subset.seed)
        return content.first_by_turns(heads, orders, self.subset.seed, n)

    def _keep_heads(self, step: str, heads: pd.DataFrame, mask: Mask, setting: str) -> None:
        """Drop the pairs of the heads that are not in `mask`."""
        kept = np.ones(len(self.rows), bool)
        gone = heads.index.to_numpy()[~mask]
        kept[gone] = kept[self.pairs.other[gone]] = False
        self.sieve.keep(step, kept, setting)
