"""Families of tiles: Truchet's arcs, bricks and checkers in perspective, hexagons, weaves."""

import numpy as np

from crossgen.procedural.canvas import Map, Rng, chance, log_uniform, mixed, placed, plane, smoothed, smoothstep, turned
from crossgen.procedural.colour import colour, coloured, palette
from crossgen.procedural.noise import PERIOD, gradient_noise, octaves


def _numbers(rng: Rng, column: Map, row: Map) -> Map:
    """A number in [0, 1) for each tile."""
    table = rng.random(PERIOD * PERIOD).astype(np.float32)
    place = (row.astype(np.int32) & (PERIOD - 1)) * PERIOD + (column.astype(np.int32) & (PERIOD - 1))
    return table[place]


def _floor(rng: Rng, height: int, width: int, tiles: tuple[float, float]) -> tuple[Map, Map, Map]:
    """Coordinates in tiles of a plane that is seen at a slant, and how far it is (1: near)."""
    x, y = turned(*plane(height, width), rng.normal(0, 0.2))
    scale, slant = log_uniform(rng, *tiles), rng.uniform(0, 0.55)
    depth = 1 / np.maximum(1 + slant * y, 0.25)
    u, v = turned(x * depth, y * depth, rng.uniform(0, np.pi))
    return u * scale + rng.uniform(0, 9), v * scale + rng.uniform(0, 9), np.clip(1 / depth, 0, 1.4)


def _weathered(rng: Rng, image: Map, u: Map, v: Map, depth: Map) -> Map:
    """Stains, and light that falls off with the distance."""
    stains = octaves(gradient_noise(rng), u * 0.7, v * 0.7, 4, 0.6)
    found: Map = image * ((1 + rng.uniform(0.1, 0.5) * stains) * (0.5 + 0.5 * depth))[..., None]
    return found


@smoothed
def truchet(rng: Rng, height: int, width: int) -> Map:
    """Square tiles with two arcs (or a diagonal), each turned at random."""
    x, y = placed(rng, height, width, (2, 8))
    column, row = np.floor(x), np.floor(y)
    fx, fy, number = x - column, y - row, _numbers(rng, column, row)
    fx = np.where(number < 0.5, fx, 1 - fx)
    thick = np.float32(rng.uniform(0.06, 0.3))
    if chance(rng, 0.6):
        near = np.minimum(np.abs(np.hypot(fx, fy) - 0.5), np.abs(np.hypot(1 - fx, 1 - fy) - 0.5))
    else:
        near = np.minimum(np.abs(fx - fy), np.abs(np.abs(fx - fy) - 1)) * np.float32(0.7)
    band = smoothstep(float(thick), float(thick) * 0.8, near)
    ground = coloured(0.5 + 0.4 * octaves(gradient_noise(rng), x * 0.4, y * 0.4, 3), palette(rng))
    line = coloured(np.clip(near / thick, 0, 1), palette(rng)) if chance(rng, 0.5) else colour(rng)
    return mixed(ground, line, band)


@smoothed
def bricks(rng: Rng, height: int, width: int) -> Map:
    """A wall or floor of bricks at a slant: mortar, uneven colours, stains."""
    u, v, depth = _floor(rng, height, width, (2, 7))
    aspect, shift = rng.uniform(1, 3.2), rng.uniform(0, 0.5)
    row = np.floor(v)
    u = u / np.float32(aspect) + shift * row
    column = np.floor(u)
    number = _numbers(rng, column, row)
    edge = np.minimum(np.minimum(u - column, 1 - (u - column)) * np.float32(aspect), np.minimum(v - row, 1 - (v - row)))
    mortar = rng.uniform(0.02, 0.1)
    base, spread, colours = rng.random(), rng.uniform(0.1, 0.5), palette(rng)
    stone = coloured(np.clip(base + spread * (number - 0.5), 0, 1), colours)
    lit = smoothstep(mortar * 0.6, mortar * 2.2, edge)
    return _weathered(rng, mixed(np.broadcast_to(colour(rng), stone.shape), stone, lit), u * 3, v * 2, depth)


@smoothed
def checker(rng: Rng, height: int, width: int) -> Map:
    """A floor of squares in two colours, seen at a slant, with a gloss."""
    u, v, depth = _floor(rng, height, width, (1.5, 6))
    column, row = np.floor(u), np.floor(v)
    odd = (column.astype(np.int32) + row.astype(np.int32)) & 1
    tints = np.stack([colour(rng), colour(rng)])
    if float(np.abs(tints[0] - tints[1]).sum()) < 0.6:
        tints[1] = 1 - tints[0] * np.float32(0.6)
    image = tints[odd] * (0.85 + 0.3 * _numbers(rng, column, row) * rng.uniform(0, 1))[..., None]
    x, y = plane(height, width)
    gloss = np.exp(-((x - rng.uniform(-1, 1)) ** 2 + (y - rng.uniform(-1, 1)) ** 2) * rng.uniform(1, 5))
    return mixed(_weathered(rng, image, u, v, depth), 1.0, gloss * rng.uniform(0, 0.6))


@smoothed
def hexagons(rng: Rng, height: int, width: int) -> Map:
    """A comb: a colour for each cell, walls, a dome of light in each."""
    x, y = placed(rng, height, width, (2, 9))
    root = np.float32(np.sqrt(3))
    ax, ay = x - np.floor(x) - 0.5, y / root - np.floor(y / root) - 0.5
    bx, by = x - 0.5 - np.floor(x - 0.5) - 0.5, y / root - 0.5 - np.floor(y / root - 0.5) - 0.5
    nearer = ax * ax + 3 * ay * ay < bx * bx + 3 * by * by
    dx, dy = np.where(nearer, ax, bx), np.where(nearer, ay, by) * root
    column, row = np.rint((x - dx) * 2), np.rint((y - dy) / root * 2)
    wall = 0.5 - np.maximum(np.abs(dx), np.abs(dx) * 0.5 + np.abs(dy) * (root / 2))
    drift = octaves(gradient_noise(rng), x * 0.3, y * 0.3, 3) * rng.uniform(0, 0.8)
    tone = np.clip(_numbers(rng, column, row) * rng.uniform(0.3, 1) + drift, 0, 1)
    dome = 1 - rng.uniform(0, 2) * (dx * dx + dy * dy)
    image = coloured(tone.astype(np.float32), palette(rng)) * dome[..., None].astype(np.float32)
    gap = rng.uniform(0.02, 0.12)
    return mixed(image, colour(rng) * rng.uniform(0, 1), smoothstep(gap, gap * 0.6, wall))


@smoothed
def weave(rng: Rng, height: int, width: int) -> Map:
    """Cloth: warp and weft that go over and under each other by a rule, each thread round and of its own colour."""
    x, y = placed(rng, height, width, (4, 16))
    noise = gradient_noise(rng)
    x, y = x + 0.25 * noise(x * 0.2, y * 0.2), y + 0.25 * noise(x * 0.2 + 9, y * 0.2)
    column, row = np.floor(x), np.floor(y)
    fx, fy = x - column - 0.5, y - row - 0.5
    step, over = int(rng.integers(1, 4)), int(rng.integers(1, 3))
    above = (column.astype(np.int32) + step * row.astype(np.int32)) % (over + 1) < over
    threads = [coloured(_numbers(rng, line, np.zeros_like(line)), palette(rng)) for line in (column, row)]
    across, along = np.where(above, fx, fy), np.where(above, fy, fx)
    shade = np.sqrt(np.clip(1 - (across * 2.1) ** 2, 0, 1)) * (1 - 0.6 * (along * 2) ** 2 * rng.uniform(0.3, 1))
    image = np.where(above[..., None], threads[0], threads[1])
    found: Map = image * (0.1 + 0.9 * shade)[..., None]
    return found.astype(np.float32)
