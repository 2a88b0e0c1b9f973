"""Whether the intervals hold what they promise: coverage of 95 % intervals by simulation, on a grid of cells.

Detectors have a true ROC-AUC of 0.6, 0.8 or 0.95, tests 120 reals and 60 fakes or 300 of each, images are independent
or five crops of a photograph. With 2,500 simulations a cell, an interval that covers 95 % is seen between 93 and 97 but
for one time in 100,000; one that covers less than 91.4 or more than 98 % is not, but for one time in 400.

Wider than promised, and allowed to be up to 99 % (never below 93): near 1 intervals of single detectors, which know
that a first error may come; and all where a label has but twelve groups.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import norm

from crossgen import intervals
from crossgen.evaluation import kernel, pairing, statistics
from crossgen.intervals import Clusters

LEVEL, REPLICATES = 0.95, 400
SIZES, AUCS, CROPS = ((120, 60), (300, 300)), (0.6, 0.8, 0.95), (1, 5)
GRID = [(sizes, auc, crops) for crops in CROPS for sizes in SIZES for auc in AUCS]
PAIRED = ("difference of balanced accuracy", "difference of roc_auc")


@dataclass(frozen=True)
class Cell:
    """Two detectors on the same images; the second is worse, and sees 0.7 of the first one's noise."""

    sizes: tuple[int, int]
    auc: float
    crops: int
    shared: float = 0.6  # of the noise's variance that is the photograph's

    @property
    def shifts(self):
        first = norm.ppf(self.auc) * 2**0.5
        return first, 0.8 * first

    @property
    def truth(self):
        first, second = self.shifts
        right = norm.cdf(first / 2), (norm.cdf(first / 2) + norm.cdf(second - first / 2)) / 2
        areas = norm.cdf(first / 2**0.5), norm.cdf(second / 2**0.5)
        singles = {"tpr": right[0], "balanced accuracy": right[0], "roc_auc": areas[0]}
        return singles | dict(zip(PAIRED, (right[0] - right[1], areas[0] - areas[1]), strict=True))

    @property
    def photographs(self):
        groups = [size // self.crops for size in self.sizes]
        return np.repeat(np.arange(sum(groups)), self.crops), groups

    def noise(self, rng):
        photographs, groups = self.photographs
        share = self.shared if self.crops > 1 else 0.0
        own = rng.normal(size=len(photographs)) * (1 - share) ** 0.5
        return rng.normal(size=sum(groups))[photographs] * share**0.5 + own

    def drawn(self, rng):
        """Logits of both, called fake above 0, and labels."""
        labels = np.repeat([0, 1], self.sizes)
        common = self.noise(rng)
        noises = common, 0.7 * common + (1 - 0.7**2) ** 0.5 * self.noise(rng)
        middle = self.shifts[0] / 2
        return [noise + labels * shift - middle for noise, shift in zip(noises, self.shifts, strict=True)], labels


def replicated(logits, labels, weights):
    """Balanced accuracy and AUC [2, 1 + replicates], those of equal weights first."""
    cell = kernel.in_order(logits, labels)
    area, _, tpr, tnr = kernel.metrics(weights, cell, kernel.totals(weights, cell))
    return np.array([(tpr + tnr) / 2, area])


def simulated(cell, rng):
    """Name to interval of one drawing."""
    logits, labels = cell.drawn(rng)
    photographs, groups = cell.photographs
    clusters = Clusters.of(photographs, labels, np.zeros(len(labels)))
    right = (logits[0] > 0) == (labels == 1)
    drawn = rng.standard_exponential((REPLICATES, sum(groups)), dtype=np.float32)[:, photographs]
    weights = statistics.balance_strata(drawn, photographs, labels)
    across = np.ascontiguousarray(np.vstack([np.ones_like(weights[:1]), weights]).T)
    first, second = (replicated(each, labels, across) for each in logits)
    spread = pairing.Spread.of(photographs, labels, labels)
    found = pairing.paired((first - second)[:, 1:], (first - second)[:, 0], spread, LEVEL)
    return {
        "tpr": intervals.rate(right, labels == 1, clusters, LEVEL),
        "balanced accuracy": intervals.mean_of_rates(right, labels, clusters, LEVEL),
        "roc_auc": intervals.roc_auc(logits[0], labels, clusters, LEVEL),
    } | {
        name: intervals.Estimate(found.value[k], found.low[k], found.high[k], "bootstrap_t")
        for k, name in enumerate(PAIRED)
    }


def coverage(cell, runs):
    rng, truth, inside = np.random.default_rng(0), cell.truth, {}
    for _ in range(runs):
        for name, each in simulated(cell, rng).items():
            inside[name] = inside.get(name, 0) + (each.low <= truth[name] <= each.high)
    return {name: count / runs for name, count in inside.items()}


def highest(cell, name):
    """The most that may be covered (see above)."""
    few = min(cell.photographs[1]) < 20
    return 0.99 if few or (cell.auc > 0.9 and name not in PAIRED) else 0.97


@pytest.mark.long
@pytest.mark.parametrize(("sizes", "auc", "crops"), GRID)
def test_intervals_cover_what_they_promise(sizes, auc, crops):
    cell = Cell(sizes, auc, crops)
    found = coverage(cell, 2500)
    wrong = {name: share for name, share in found.items() if not 0.93 < share < highest(cell, name)}
    assert not wrong, (cell, found)


@pytest.mark.parametrize(("sizes", "auc", "crops"), [((120, 60), 0.8, 1), ((120, 60), 0.6, 5)])
def test_intervals_cover_in_a_quick_look(sizes, auc, crops):
    """300 simulations: 95 % is seen above 91 but for one time in 400; 85 % is not, but for one in 500."""
    found = coverage(Cell(sizes, auc, crops), 300)
    assert all(share > 0.91 for share in found.values()), found


@pytest.mark.long
@pytest.mark.parametrize("spread", [0.02, 0.1])
def test_means_over_eight_generators_cover(spread):
    """The generators are the sample: values that vary by `spread` and by the noise of their images."""
    rng, runs = np.random.default_rng(1), 4000
    values = 0.75 + spread * rng.normal(size=(runs, 8)) + 0.02 * rng.normal(size=(runs, 8))
    estimates = [intervals.student_t(each, LEVEL) for each in values]
    inside = np.mean([each.low <= 0.75 <= each.high for each in estimates])
    assert 0.93 < inside < 0.97


def test_quantiles_of_few_groups_would_not_cover():
    """Why the intervals of differences are no quantiles: twelve photographs of fakes."""
    cell, rng, inside, runs = Cell((120, 60), 0.95, 5), np.random.default_rng(0), 0, 300
    for _ in range(runs):
        logits, labels = cell.drawn(rng)
        photographs, groups = cell.photographs
        drawn = rng.standard_exponential((REPLICATES, sum(groups)), dtype=np.float32)[:, photographs]
        weights = np.ascontiguousarray(statistics.balance_strata(drawn, photographs, labels).T)
        values = replicated(logits[0], labels, weights)[1] - replicated(logits[1], labels, weights)[1]
        low, high = np.quantile(values, [0.025, 0.975])
        inside += low <= cell.truth["difference of roc_auc"] <= high
    assert inside / runs < 0.93
