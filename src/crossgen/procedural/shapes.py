"""Distance functions of solids about the origin, for sphere tracing (Hart 1996); sizes are drawn."""

from collections.abc import Callable

import numpy as np

from crossgen.procedural.canvas import Map, Rng

#: Where, to the distance from a surface (a lower bound of it).
Distance = Callable[[Map, Map, Map], Map]


def length(*parts: Map) -> Map:
    """Euclidean length."""
    total = parts[0] * parts[0]
    for part in parts[1:]:
        total = total + part * part
    return np.sqrt(total)


def sphere(rng: Rng) -> Distance:
    """A ball."""
    radius = np.float32(rng.uniform(0.4, 0.9))
    return lambda x, y, z: length(x, y, z) - radius


def box(rng: Rng) -> Distance:
    """A box with round edges."""
    a, b, c = (np.float32(side) for side in rng.uniform(0.25, 0.65, 3))
    soft = np.float32(rng.uniform(0.01, 0.2))

    def distance(x: Map, y: Map, z: Map) -> Map:
        dx, dy, dz = np.abs(x) - a, np.abs(y) - b, np.abs(z) - c
        outside = length(np.maximum(dx, 0), np.maximum(dy, 0), np.maximum(dz, 0))
        return outside + np.minimum(np.maximum(np.maximum(dx, dy), dz), 0) - soft

    return distance


def ring(rng: Rng) -> Distance:
    """A torus."""
    large, small = np.float32(rng.uniform(0.4, 0.8)), np.float32(rng.uniform(0.1, 0.3))
    return lambda x, y, z: length(length(x, z) - large, y) - small


def pillar(rng: Rng) -> Distance:
    """A cylinder."""
    radius, half = np.float32(rng.uniform(0.15, 0.5)), np.float32(rng.uniform(0.4, 1.1))
    return lambda x, y, z: np.maximum(length(x, z) - radius, np.abs(y) - half)


def gyroid(rng: Rng) -> Distance:
    """A ball cut out of a gyroid."""
    size, thick, radius = (
        np.float32(rng.uniform(5, 10)),
        np.float32(rng.uniform(0.15, 0.5)),
        np.float32(rng.uniform(0.6, 1)),
    )

    def distance(x: Map, y: Map, z: Map) -> Map:
        u, v, w = size * x, size * y, size * z
        sheet = np.abs(np.sin(u) * np.cos(v) + np.sin(v) * np.cos(w) + np.sin(w) * np.cos(u)) - thick
        cut: Map = np.maximum(length(x, y, z) - radius, sheet * np.float32(0.5) / size)
        return cut

    return distance


#: Balls and boxes come twice as often.
SHAPES = (sphere, box, ring, pillar, gyroid, sphere, box)
