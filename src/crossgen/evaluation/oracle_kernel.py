"""The walk of `crossgen.evaluation.oracle`, compiled: nothing is held of the sums that it leaves behind."""

import numba
import numpy as np

from crossgen.evaluation.statistics import Weights
from crossgen.intervals import Codes, Mask, Numbers


@numba.njit(cache=True)  # type: ignore[untyped-decorator,unused-ignore]
def walked(shares: Weights, order: Codes, last: Mask, passed: Codes) -> tuple[Numbers, Numbers]:
    """See `crossgen.evaluation.oracle.walked`; `passed` rises."""
    n, replicates = shares.shape
    sums, best = np.zeros(replicates), np.zeros(replicates)
    at = np.zeros((len(passed), replicates))
    cut = 0
    for place in range(n):
        while cut < len(passed) and passed[cut] == place:
            at[cut] = sums
            cut += 1
        row = shares[order[place]]
        if last[place]:
            for replicate in range(replicates):
                value = sums[replicate] + row[replicate]
                sums[replicate] = value
                best[replicate] = value if value > best[replicate] else best[replicate]
        else:
            for replicate in range(replicates):
                sums[replicate] += row[replicate]
    for rest in range(cut, len(passed)):
        at[rest] = sums
    return best, at
