"""Densities of chaotic orbits: strange attractors, and iterated function systems with bends (flames)."""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from crossgen.procedural.canvas import Map, Rng, chance, mixed, plane, scaled
from crossgen.procedural.colour import colour, coloured, palette

Points = npt.NDArray[np.float64]
#: Orbits, and points of each that are drawn.
ORBITS, LENGTH, FORGOTTEN = 4000, 90, 15


def _density(points: list[tuple[Points, Points]], height: int, width: int) -> Map:
    """Logarithm of the points' density in [0, 1]: all but the outermost hundredth fill the image."""
    x, y = (np.concatenate(part) for part in zip(*points, strict=True))
    places, good = [], np.isfinite(x) & np.isfinite(y)
    for values, side in ((x[good], width), (y[good], height)):
        low, high = np.quantile(values[::50], (0.005, 0.995))
        places.append(np.floor((values - low) / max(high - low, 1e-9) * side * 0.92 + 0.04 * side))
    column, row = places
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    index = (row[inside] * width + column[inside]).astype(np.int64)
    counts = np.bincount(index, minlength=height * width).reshape(height, width).astype(np.float32)
    blurred = gaussian_filter(counts, 0.6 * min(height, width) / 256 + 0.2)
    return scaled(np.log1p(blurred * 12 / max(float(blurred.mean()), 1e-9)))


def _glowing(rng: Rng, density: Map) -> Map:
    """Light on a ground that is dark, or ink on one that is light."""
    height, width = density.shape
    x, y = plane(height, width)
    ground = np.broadcast_to(colour(rng), (height, width, 3)) * (0.6 + 0.2 * x + 0.2 * y)[..., None]
    ground = ground * rng.uniform(0.1, 0.5) if chance(rng, 0.6) else 1 - ground * rng.uniform(0.1, 0.5)
    tones = coloured(density ** np.float32(rng.uniform(0.5, 1.3)), palette(rng))
    return mixed(ground.astype(np.float32), tones, np.clip(density * 2.5, 0, 1))


def attractor(rng: Rng, height: int, width: int) -> Map:
    """A strange attractor of Clifford or de Jong, by its density."""
    a, b, c, d = rng.uniform(1.2, 2.6, 4) * rng.choice([-1.0, 1.0], 4)
    x, y = rng.uniform(-1, 1, (2, ORBITS))
    clifford, found = chance(rng, 0.5), []
    for number in range(FORGOTTEN + LENGTH):
        if clifford:
            x, y = np.sin(a * y) + c * np.cos(a * x), np.sin(b * x) + d * np.cos(b * y)
        else:
            x, y = np.sin(a * y) - np.cos(b * x), np.sin(c * x) - np.cos(d * y)
        if number >= FORGOTTEN:
            found.append((x, y))
    return _glowing(rng, _density(found, height, width))


def flame(rng: Rng, height: int, width: int) -> Map:
    """The chaos game of three to five affine maps, each bent by a sine, a swirl or an inversion."""
    count = int(rng.integers(3, 6))
    maps = rng.uniform(-1, 1, (count, 2, 3)) * [0.75, 0.75, 1.0]
    bends = rng.integers(0, 4, count)
    x, y = rng.uniform(-1, 1, (2, ORBITS))
    found = []
    for number in range(FORGOTTEN + LENGTH):
        chosen = rng.integers(0, count, ORBITS)
        m = maps[chosen]
        x, y = m[:, 0, 0] * x + m[:, 0, 1] * y + m[:, 0, 2], m[:, 1, 0] * x + m[:, 1, 1] * y + m[:, 1, 2]
        square, bend = x * x + y * y + 1e-6, bends[chosen]
        sine, cosine = np.sin(square), np.cos(square)
        x, y = (
            np.choose(bend, [x, np.sin(x), x * sine - y * cosine, x / square]),
            np.choose(bend, [y, np.sin(y), x * cosine + y * sine, y / square]),
        )
        x, y = np.clip(x, -4, 4), np.clip(y, -4, 4)
        if number >= FORGOTTEN:
            found.append((x, y))
    return _glowing(rng, _density(found, height, width))
