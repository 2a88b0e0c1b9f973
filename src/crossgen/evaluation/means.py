"""Means over generators. The generators are the sample: Student's t with k - 1 degrees, whatever the number of images.

The *own* test sets of a train set are those whose generator it has learned (`TestSet.is_seen_by`), under whatever name;
*off diagonal* are the others. Only test sets with both labels count. Those of *unseen* generators stand beside the
matrix: they have a mean of their own and are left out of the others, so that a column more moves no number; a train set
that has learned one all the same has it among its own. A mean is never taken over the defined part: if one value is
undefined, so is the mean, and says why.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from crossgen.config import TestSet
from crossgen.config.test_sets import counted, own_tests
from crossgen.intervals import Estimate, Numbers, student_t


class Mean(NamedTuple):
    """An aggregated number and the train and test sets that went into it."""

    train_set: str
    test_generator: str
    estimate: Estimate
    reason: str | None
    trains: tuple[str, ...]
    tests: tuple[str, ...]
    values: Numbers  # what it is the mean of: one a generator


@dataclass(frozen=True)
class Grid:
    """One metric: `values` [train sets, test sets], NaN where undefined; `limits` of what a value can be."""

    values: Numbers
    trains: tuple[str, ...]
    tests: tuple[TestSet, ...]
    level: float
    limits: tuple[float, float] = (0.0, 1.0)

    def means(self) -> Iterator[Mean]:
        """For each train set its `mean`, `mean_off_diagonal` and, if there are such, `mean_unseen`; then, as train set
        `mean`, over the train sets that `counted` names: these and `own`, `own_minus_off_diagonal`, every test set.

        Of one train set alone the first of these are over its test sets, which are the sample then."""
        for train, name in enumerate(self.trains):
            for which in self._kinds():
                tests = self._tests(train, which)
                names = self._names(tests)
                chosen = self.values[train, tests]
                yield Mean(name, which, *self._mean(chosen, names), (name,), names, chosen)
        names = counted(self.tests, self.trains)
        if names:
            yield from self._over_trains([self.trains.index(name) for name in names])

    def _over_trains(self, own: Sequence[int]) -> Iterator[Mean]:
        names, both = tuple(self.trains[train] for train in own), self._names(self._both())
        values = {which: self._per_train(own, which) for which in ("own", *self._kinds())}
        for which, column in values.items():
            kept, sample = names, names
            if len(own) == 1:  # the generators are those that it is tested on
                places = self._tests(own[0], which)
                column, sample = self.values[own[0], places], self._names(places)
            elif which == "mean_unseen":  # over those that have not learned all of them
                having = [place for place, train in enumerate(own) if self._tests(train, which)]
                column, sample = column[having], tuple(names[place] for place in having)
                kept = sample or names
            yield Mean("mean", which, *self._mean(column, sample), kept, self._columns(own, which), column)
        gap, sample = values["own"] - values["mean_off_diagonal"], names
        if len(own) == 1:  # its own mean less each of the others
            others = self._tests(own[0], "mean_off_diagonal")
            gap, sample = values["own"] - self.values[own[0], others], self._names(others)
        difference = self._mean(gap, sample, difference=True)
        yield Mean("mean", "own_minus_off_diagonal", *difference, names, both, gap)
        for test, test_set in enumerate(self.tests):
            column = self.values[list(own), test]
            yield Mean("mean", test_set.name, *self._mean(column, names), names, (test_set.name,), column)

    def _per_train(self, own: Sequence[int], which: str) -> Numbers:
        chosen = [self.values[train, self._tests(train, which)] for train in own]
        return np.array([each.mean() if len(each) else np.nan for each in chosen])

    def _kinds(self) -> tuple[str, ...]:
        return ("mean", "mean_off_diagonal", *(["mean_unseen"] if self._unseen() else []))

    def _names(self, tests: Sequence[int]) -> tuple[str, ...]:
        return tuple(self.tests[test].name for test in tests)

    def _both(self) -> list[int]:
        return [place for place, test in enumerate(self.tests) if test.pair and not test.unseen]

    def _unseen(self) -> list[int]:
        return [place for place, test in enumerate(self.tests) if test.pair and test.unseen]

    def _own(self, train: int) -> list[int]:
        names = own_tests(self.tests, self.trains[train])
        return [place for place, test in enumerate(self.tests) if test.name in names]

    def _columns(self, trains: Sequence[int], which: str) -> tuple[str, ...]:
        """Names of all columns of a mean over train sets."""
        used = {test for train in trains for test in self._tests(train, which)}
        return self._names(sorted(used if which == "mean_unseen" else {*self._both(), *used}))

    def _tests(self, train: int, which: str) -> list[int]:
        """Columns that a mean of one train set runs over; none where the word means nothing."""
        own, both = self._own(train), self._both()
        if which == "mean_unseen":
            return [test for test in self._unseen() if test not in own]
        if not own:
            return both if which == "mean" else []
        return {"own": own, "mean": both, "mean_off_diagonal": [test for test in both if test not in own]}[which]

    def _mean(self, values: Numbers, names: Sequence[str], difference: bool = False) -> tuple[Estimate, str | None]:
        undefined = [name for name, value in zip(names, values, strict=True) if np.isnan(value)]
        nothing = Estimate(np.nan, np.nan, np.nan, "student_t")
        if not len(values):
            return nothing, "nothing to average: no test set with both labels, or none off this train set's diagonal"
        if undefined:
            return nothing, f"undefined for {', '.join(undefined[:3])}" + ("" if len(undefined) < 4 else " and more")
        low, high = self.limits
        limits = (low - high, high - low) if difference else self.limits
        estimate = student_t(values, self.level, limits)
        return estimate, _no_interval(estimate, len(values))


def _no_interval(estimate: Estimate, count: int) -> str | None:
    if not np.isnan(estimate.low):
        return None
    return "no interval: one generator only" if count == 1 else "no interval: all generators alike"
