"""Box filters down the columns of an image, compiled."""

import numpy as np
from numba import int64, njit, uint8, uint32, void
from numpy.typing import NDArray

Plane = NDArray[np.uint8]


@njit(void(uint8[:, ::1], uint8[:, ::1], int64, uint32, uint32), nogil=True)  # type: ignore[untyped-decorator]
def down(source: Plane, target: Plane, radius: int, full: int, part: int) -> None:
    """Each value becomes the sum of the 2 radius + 1 around it in its column, each times `full`, and of the next two,
    times `part`; weights are in 2^-24, the sum is rounded; beyond the border the outermost value goes on."""
    rows, columns = source.shape
    last = rows - 1
    sums = np.zeros(columns, np.uint32)
    for y in range(-radius, radius + 1):
        line = source[min(max(y, 0), last)]
        for x in range(columns):
            sums[x] += np.uint32(line[x])
    for y in range(rows):
        before, after = source[max(y - radius - 1, 0)], source[min(y + radius + 1, last)]
        leaves, line = source[max(y - radius, 0)], target[y]
        for x in range(columns):
            outer = np.uint32(before[x]) + np.uint32(after[x])
            line[x] = np.uint8((sums[x] * full + outer * part + np.uint32(1 << 23)) >> np.uint32(24))
            sums[x] = sums[x] + np.uint32(after[x]) - np.uint32(leaves[x])
