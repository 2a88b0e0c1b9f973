"""Noise: random numbers on a lattice, smooth between (Perlin, "Improving Noise", 2002, with tables of our own)."""

from collections.abc import Callable

import numpy as np

from crossgen.procedural.canvas import Map, Rng, turned

#: Points of the lattice a side, a power of two; the noise repeats after them.
PERIOD = 64
#: Coordinates to values.
Noise = Callable[[Map, Map], Map]


def gradient_noise(rng: Rng) -> Noise:
    """Perlin's noise with a lattice of unit length: coordinates to values of about [-1, 1]."""
    angles = rng.uniform(0, 2 * np.pi, PERIOD * PERIOD)
    gx, gy = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)

    def noise(x: Map, y: Map) -> Map:
        (left, right, above, below), fx, fy = _cell(x, y)
        corners = []
        for row, dy in ((above, fy), (below, fy - 1)):
            for column, dx in ((left, fx), (right, fx - 1)):
                place = row + column
                corners.append(gx[place] * dx + gy[place] * dy)
        return _between(corners, fx, fy) * np.float32(1.5)

    return noise


def value_noise(rng: Rng) -> Noise:
    """Values in [-1, 1] on the lattice, smooth between."""
    values = rng.uniform(-1, 1, PERIOD * PERIOD).astype(np.float32)

    def noise(x: Map, y: Map) -> Map:
        (left, right, above, below), fx, fy = _cell(x, y)
        corners = [values[row + column] for row in (above, below) for column in (left, right)]
        return _between(corners, fx, fy)

    return noise


def _cell(x: Map, y: Map) -> tuple[list[np.ndarray], Map, Map]:
    """Places of the columns left and right and of the rows above and below, and where between them a point lies."""
    floor_x, floor_y = np.floor(x), np.floor(y)
    column, row = floor_x.astype(np.int32) & (PERIOD - 1), floor_y.astype(np.int32) & (PERIOD - 1)
    places = [column, (column + 1) & (PERIOD - 1), row * PERIOD, ((row + 1) & (PERIOD - 1)) * PERIOD]
    return places, x - floor_x, y - floor_y


def _between(corners: list[Map], fx: Map, fy: Map) -> Map:
    u, v = (f * f * f * (f * (f * 6 - 15) + 10) for f in (fx, fy))
    above = corners[0] + (corners[1] - corners[0]) * u
    below = corners[2] + (corners[3] - corners[2]) * u
    found: Map = above + (below - above) * v
    return found


def octaves(
    noise: Noise, x: Map, y: Map, count: int, gain: float = 0.5, shape: Callable[[Map], Map] | None = None
) -> Map:
    """Fractal sum of `count` noises, each twice as fine and `gain` times as strong; about [-1, 1] without a `shape`."""
    total, strength, whole = np.zeros_like(x), 1.0, 0.0
    for octave in range(count):
        value = noise(x, y)
        total += strength * (shape(value) if shape else value)
        whole += strength
        x, y = turned(2.02 * x + 5.2 * (octave + 1), 2.02 * y + 1.3, 0.6)
        strength *= gain
    found: Map = total / whole
    return found
