"""Ray-marched solids: sphere tracing (Hart 1996) of distance functions, with sun, shadow, sky and haze."""

from dataclasses import dataclass

import numpy as np

from crossgen.procedural.canvas import Map, Rng, chance, plane, smoothed
from crossgen.procedural.colour import colour, coloured, palette
from crossgen.procedural.noise import gradient_noise, octaves
from crossgen.procedural.shapes import SHAPES, Distance, length

Vector = tuple[Map, Map, Map]
FAR, STEPS, NEAR = 14.0, 44, 0.004


@dataclass(frozen=True)
class Body:
    """A solid: what bounds it, its colour, and a second one that alternates by `bands` (0: none) of height."""

    distance: Distance
    first: Map
    second: Map
    bands: float


def _moved(rng: Rng, shape: Distance) -> Distance:
    """Somewhere above the ground, turned about two axes."""
    cx, cy, cz = (np.float32(part) for part in (rng.uniform(-1.5, 1.5), rng.uniform(-0.4, 0.7), rng.uniform(-1, 1.6)))
    (c1, s1), (c2, s2) = ((np.float32(np.cos(a)), np.float32(np.sin(a))) for a in rng.uniform(0, 2 * np.pi, 2))

    def distance(x: Map, y: Map, z: Map) -> Map:
        x, y, z = x - cx, y - cy, z - cz
        x, z = c1 * x - s1 * z, s1 * x + c1 * z
        x, y = c2 * x - s2 * y, s2 * x + c2 * y
        return shape(x, y, z)

    return distance


def _scene(rng: Rng) -> list[Body]:
    """One to four solids, the last on its own; the ground is not among them."""
    bodies = []
    for _ in range(int(rng.integers(1, 5))):
        shape = _moved(rng, SHAPES[rng.integers(len(SHAPES))](rng))
        bodies.append(Body(shape, colour(rng), colour(rng), rng.uniform(3, 12) if chance(rng, 0.4) else 0.0))
    return bodies


def _march(distance: Distance, start: Vector, way: Vector, steps: int) -> tuple[Map, Map]:
    """How far rays come, and the least of distance / way x 8 on it (1 at most): how much of a small sun is seen."""
    far, light = np.zeros(start[0].size, np.float32), np.ones(start[0].size, np.float32)
    places = np.arange(far.size)
    for _ in range(steps):
        t = far[places]
        x, y, z = (a[places] + t * b[places] for a, b in zip(start, way, strict=True))
        step = distance(x, y, z)
        light[places] = np.minimum(light[places], 8 * step / (t + 0.05))
        far[places] = t + step
        places = places[(step > NEAR) & (t < FAR)]
        if not places.size:
            break
    return far, np.clip(light, 0, 1)


def _normal(distance: Distance, x: Map, y: Map, z: Map) -> Vector:
    """By four values at the corners of a tetrahedron."""
    step = np.float32(0.004)
    total = [np.zeros_like(x) for _ in range(3)]
    for a, b, c in ((1, -1, -1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1)):
        value = distance(x + a * step, y + b * step, z + c * step)
        for axis, sign in enumerate((a, b, c)):
            total[axis] += sign * value
    size = length(*total) + 1e-9
    return total[0] / size, total[1] / size, total[2] / size


def _rays(rng: Rng, height: int, width: int) -> tuple[Vector, Vector]:
    """From an eye 3 to 4.5 away, above the ground, that looks at the middle."""
    x, y = (part.ravel() for part in plane(height, width))
    turn, up, away = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.6), rng.uniform(3, 4.5)
    eye = np.array([np.sin(turn) * np.cos(up), np.sin(up), -np.cos(turn) * np.cos(up)]) * away
    ahead = -eye / away
    right = np.array([np.cos(turn), 0, np.sin(turn)])
    above = np.cross(right, ahead)
    above = above if above[1] > 0 else -above
    lens = rng.uniform(1.3, 2.2)
    way = [np.float32(lens * ahead[i]) + np.float32(right[i]) * x - np.float32(above[i]) * y for i in range(3)]
    size = length(*way)
    start = [np.full(x.size, np.float32(eye[i])) for i in range(3)]
    return (start[0], start[1], start[2]), (way[0] / size, way[1] / size, way[2] / size)


@smoothed
def solids(rng: Rng, height: int, width: int) -> Map:
    """One to four solids above a ground, or in the air."""
    bodies, ground = _scene(rng), np.float32(-rng.uniform(0.7, 1.3))
    floor = chance(rng, 0.8)

    def distance(x: Map, y: Map, z: Map) -> Map:
        nearest = y - ground if floor else np.full_like(x, FAR)
        for body in bodies:
            nearest = np.minimum(nearest, body.distance(x, y, z))
        return nearest

    start, way = _rays(rng, height, width)
    sky = coloured(np.clip(0.5 + 0.6 * way[1], 0, 1), palette(rng))
    far, _ = _march(distance, start, way, STEPS)
    seen = np.flatnonzero(far < FAR)
    if not seen.size:
        return sky.reshape(height, width, 3)
    x, y, z = (a[seen] + far[seen] * b[seen] for a, b in zip(start, way, strict=True))
    normal = _normal(distance, x, y, z)
    image = sky.copy()
    lit = _lit(rng, distance, (x, y, z), normal, (way[0][seen], way[1][seen], way[2][seen]))
    skin = _skin(rng, bodies, (x, y, z), ground if floor else None)
    haze = np.exp(-far[seen] * np.float32(rng.uniform(0, 0.12)))[..., None]
    image[seen] = (skin * lit[0][..., None] + lit[1][..., None]) * haze + sky[seen] * (1 - haze)
    return np.clip(image, 0, 1).reshape(height, width, 3)


def _lit(rng: Rng, distance: Distance, where: Vector, normal: Vector, way: Vector) -> tuple[Map, Map]:
    """How much light a surface gives back by its colour, and by its shine."""
    turn, up = rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 1.2)
    sun = [np.float32(v) for v in (np.cos(turn) * np.cos(up), np.sin(up), np.sin(turn) * np.cos(up))]
    facing = sum((n * s for n, s in zip(normal, sun, strict=True)), np.zeros_like(where[0]))
    rise = [place + np.float32(0.03) * n for place, n in zip(where, normal, strict=True)]
    to_sun = [np.full_like(where[0], s) for s in sun]
    _, shade = _march(distance, (rise[0], rise[1], rise[2]), (to_sun[0], to_sun[1], to_sun[2]), 14)
    direct = np.clip(facing, 0, 1) * shade
    ambient = np.float32(rng.uniform(0.15, 0.4)) * (0.7 + 0.3 * normal[1])
    half = [s - w for s, w in zip(sun, way, strict=True)]
    glance = sum((n * h for n, h in zip(normal, half, strict=True)), np.zeros_like(facing)) / length(*half)
    shine = np.clip(glance, 0, 1) ** np.float32(rng.uniform(8, 80)) * shade * np.float32(rng.uniform(0, 0.8))
    return (ambient + direct * np.float32(rng.uniform(0.7, 1))).astype(np.float32), shine.astype(np.float32)


def _skin(rng: Rng, bodies: list[Body], where: Vector, ground: np.float32 | None) -> Map:
    """Colours of the points of surfaces: of the body that is nearest."""
    x, y, z = where
    nearest, found = np.full_like(x, 0.02), np.zeros((x.size, 3), np.float32)
    if ground is not None:
        nearest = np.abs(y - ground)
        tiles = ((np.floor(x * 1.5) + np.floor(z * 1.5)).astype(np.int32) & 1).astype(np.float32)
        stains = octaves(gradient_noise(rng), x, z, 4)
        pattern = tiles if chance(rng, 0.4) else np.clip(0.5 + stains, 0, 1)
        found = coloured(np.clip(0.2 + 0.6 * pattern, 0, 1), palette(rng))
    for body in bodies:
        far = np.abs(body.distance(x, y, z))
        mine = far <= nearest
        band = (np.floor(y * body.bands).astype(np.int32) & 1)[..., None]
        found = np.where(mine[..., None], np.where(band == 1, body.second, body.first), found)
        nearest = np.minimum(nearest, far)
    return found.astype(np.float32)
