"""Rates of many bins at once, with the intervals of `crossgen.intervals.rate`: the same numbers, without a loop."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit

from crossgen.intervals import Codes, Mask, Numbers


@dataclass(frozen=True)
class Rates:
    """Shares [bins] with their limits; NaN in bins without an image."""

    value: Numbers
    low: Numbers
    high: Numbers


@dataclass(frozen=True)
class Bins:
    """Images [n] in `count` bins and what their groups make of them: the same for every detector that scored them.

    A *part* is what a group has in one bin; a *stratum* holds the parts of one source package in one bin.
    """

    count: int
    part: Codes  # [n], of an image
    bin: Codes  # [parts], of a part
    stratum: Codes  # [parts], of a part
    sizes: Numbers  # [parts], images

    @classmethod
    def of(cls, codes: Codes, groups: Codes, strata: Codes, count: int) -> "Bins":
        """`codes` [n] in 0 .. count - 1, and codes [n] of groups and of source packages, of images of one label."""
        width = int(groups.max()) + 1 if len(groups) else 1
        names, part = np.unique(codes * width + groups, return_inverse=True)
        first = np.full(len(names), np.iinfo(np.int64).max)
        np.minimum.at(first, part, strata)
        of_bin = names // width
        kinds = int(strata.max()) + 1 if len(strata) else 1
        _, stratum = np.unique(of_bin * kinds + first, return_inverse=True)
        return cls(count, part, of_bin, stratum, np.bincount(part, minlength=len(names)).astype(np.float64))

    @property
    def images(self) -> Codes:
        """Images [bins]."""
        return self._sum(self.sizes).astype(np.int64)

    @property
    def groups(self) -> Codes:
        """Groups [bins]."""
        return np.bincount(self.bin, minlength=self.count).astype(np.int64)

    def rates(self, hits: Mask, level: float) -> Rates:
        """Share of each bin's images that `hits` [n]; see `crossgen.intervals.rate`."""
        with np.errstate(divide="ignore", invalid="ignore"):  # empty bins
            n, struck = self._sum(self.sizes), np.bincount(self.part, hits, len(self.sizes)).astype(np.float64)
            value = self._sum(struck) / n
            groups = n**2 / self._sum(self.sizes**2)
            known, all_known = _student(n - 1, level), _student(self._degrees(), level)
            factor = np.where(n > 1, (known / all_known) ** 2, 1.0)
            low, high = wilson(value, factor * n / self._design_effect(struck, value, n), level)
            unseen = wilson(np.zeros(self.count), factor * groups, level)[1]
            return Rates(value, np.minimum(low, 1 - unseen), np.maximum(high, unseen))

    def _sum(self, of_parts: Numbers) -> Numbers:
        return np.bincount(self.bin, of_parts, self.count).astype(np.float64)

    def _degrees(self) -> Numbers:
        """Groups less strata that have more than one, at least 1."""
        per_stratum = np.bincount(self.stratum)
        several = np.bincount(self._bin_of_stratum(), per_stratum > 1, self.count)
        return np.asarray(np.maximum(1.0, self.groups - several))

    def _bin_of_stratum(self) -> Codes:
        found = np.zeros(int(self.stratum.max()) + 1 if len(self.stratum) else 0, np.int64)
        found[self.stratum] = self.bin
        return found

    def _design_effect(self, struck: Numbers, value: Numbers, n: Numbers) -> Numbers:
        """How many images of a bin's groups tell as much as one independent image; at least 1."""
        sums = (struck - value[self.bin] * self.sizes) / n[self.bin]
        count = np.bincount(self.stratum).astype(np.float64)
        mean = np.where(count > 1, np.bincount(self.stratum, sums) / count, 0.0)
        scale = np.where(count > 1, count / np.maximum(count - 1, 1), 1.0)
        variance = self._sum((sums - mean[self.stratum]) ** 2 * scale[self.stratum])
        effect = np.maximum(1.0, variance * (n - 1) / (value * (1 - value)))
        alike = (value == 0) | (value == 1) | (self.groups < 2)
        return np.where(alike, self._sum(self.sizes**2) / n, effect)


def wilson(value: Numbers, n: Numbers, level: float) -> tuple[Numbers, Numbers]:
    """Wilson's limits of shares, each of its own n (which may be fractional)."""
    z2 = float(ndtri(0.5 + level / 2)) ** 2
    centre = (value + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * (value * (1 - value) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    return np.minimum(value, np.maximum(0.0, centre - half)), np.maximum(value, np.minimum(1.0, centre + half))


def _student(degrees: Numbers, level: float) -> Numbers:
    return np.asarray(stdtrit(degrees, 0.5 + level / 2))
