"""Families of cells: Voronoi, mosaics of rectangles, discs out of focus."""

import numpy as np

from crossgen.procedural.canvas import Map, Rng, chance, log_uniform, mixed, placed, plane, scaled, smoothed, smoothstep
from crossgen.procedural.colour import colour, coloured, palette
from crossgen.procedural.noise import PERIOD, gradient_noise, octaves


def nearest_two(rng: Rng, x: Map, y: Map, norm: int = 2, order: float = 1.0) -> tuple[Map, Map, Map]:
    """Distances to the nearest two points, one in each unit square, and a number in [0, 1) of the nearest (Worley).

    `norm` 1, 2 or 0 (the larger of both differences); `order` 0 leaves the points on a grid.
    """
    points = (0.5 + order * (rng.random((2, PERIOD * PERIOD)) - 0.5)).astype(np.float32)
    marks = rng.random(PERIOD * PERIOD).astype(np.float32)
    floor_x, floor_y = np.floor(x), np.floor(y)
    fx, fy, column, row = x - floor_x, y - floor_y, floor_x.astype(np.int32), floor_y.astype(np.int32)
    first, second, mark = np.full_like(x, 9), np.full_like(x, 9), np.zeros_like(x)
    for down in (-1, 0, 1):
        for along in (-1, 0, 1):
            place = ((row + down) & (PERIOD - 1)) * PERIOD + ((column + along) & (PERIOD - 1))
            dx, dy = points[0][place] + (along - fx), points[1][place] + (down - fy)
            far = _length(dx, dy, norm)
            closer = far < first
            second = np.minimum(second, np.maximum(first, far))
            mark = np.where(closer, marks[place], mark)
            first = np.minimum(first, far)
    return first, second, mark


def _length(dx: Map, dy: Map, norm: int) -> Map:
    if norm == 2:
        return np.sqrt(dx * dx + dy * dy)
    far: Map = np.abs(dx) + np.abs(dy) if norm == 1 else np.maximum(np.abs(dx), np.abs(dy))
    return far


@smoothed
def voronoi(rng: Rng, height: int, width: int) -> Map:
    """Worley's cells: flat as stained glass, by distance, or as pebbles."""
    x, y = placed(rng, height, width, (2, 9))
    if chance(rng, 0.4):
        noise, strength = gradient_noise(rng), rng.uniform(0.2, 1)
        x, y = x + strength * noise(x * 0.5, y * 0.5), y + strength * noise(x * 0.5 + 7, y * 0.5)
    norm = int(rng.choice([2, 2, 1, 0]))
    first, second, mark = nearest_two(rng, x, y, norm, rng.uniform(0.6, 1))
    edge, kind = second - first, int(rng.integers(4))
    if kind == 0:
        return coloured(scaled(first), palette(rng))
    if kind == 1:
        return coloured(scaled(edge) ** np.float32(rng.uniform(0.4, 1.2)), palette(rng))
    flat = coloured(mark, palette(rng))
    if kind == 2:
        return mixed(flat, rng.uniform(0, 1), smoothstep(rng.uniform(0.05, 0.2), 0.02, edge))
    round_off = np.clip(edge * rng.uniform(1.5, 4), 0, 1)
    found: Map = flat * (0.15 + 0.85 * round_off * (1 - 0.5 * first))[..., None]
    return found


def _rectangles(rng: Rng, height: int, width: int) -> list[tuple[int, int, int, int]]:
    """(top, bottom, left, right) of a random partition."""
    waiting, done = [(0, height, 0, width)], []
    least = log_uniform(rng, 0.06, 0.25) * min(height, width)
    while waiting:
        top, bottom, left, right = waiting.pop()
        tall = bottom - top > right - left
        side = bottom - top if tall else right - left
        if side < 2 * least or (side < 6 * least and chance(rng, 0.12)):
            done.append((top, bottom, left, right))
            continue
        cut = round(side * rng.uniform(0.3, 0.7))
        if tall:
            waiting += [(top, top + cut, left, right), (top + cut, bottom, left, right)]
        else:
            waiting += [(top, bottom, left, left + cut), (top, bottom, left + cut, right)]
    return done


@smoothed
def mosaic(rng: Rng, height: int, width: int) -> Map:
    """Rectangles cut again and again, each of one colour or a slope of two; leads between as often as not."""
    colours, image = palette(rng), np.zeros((height, width, 3), np.float32)
    lead = round(rng.uniform(0.004, 0.02) * min(height, width)) if chance(rng, 0.6) else 0
    ground = colour(rng) * rng.uniform(0, 0.5)
    sloped = chance(rng, 0.6)
    for top, bottom, left, right in _rectangles(rng, height, width):
        image[top:bottom, left:right] = ground
        inner = (slice(top + lead, bottom), slice(left + lead, right))
        here = image[inner]
        down, along = np.indices(here.shape[:2], np.float32) / max(*here.shape[:2], 1)
        slope = (down * rng.normal() + along * rng.normal()) * (0.35 if sloped else 0)
        image[inner] = coloured(np.clip(rng.random() + slope, 0, 1).astype(np.float32), colours)
    x, y = plane(height, width)
    grain = octaves(gradient_noise(rng), x * 5, y * 5, 3)
    return np.clip(image * (1 + rng.uniform(0, 0.2) * grain)[..., None], 0, 1)


def discs(rng: Rng, height: int, width: int) -> Map:
    """Lights out of focus: soft discs with a bright edge over a slope of colours."""
    x, y = plane(height, width)
    angle = rng.uniform(0, 2 * np.pi)
    image = coloured(scaled(x * np.cos(angle) + y * np.sin(angle)), palette(rng)) * np.float32(rng.uniform(0.2, 0.8))
    far, soft = float(np.hypot(x[0, -1], y[0, -1])), rng.uniform(0.01, 0.08)
    size = log_uniform(rng, 0.06, 0.3)
    opaque = chance(rng, 0.4)
    for _ in range(int(rng.integers(15, 60))):
        radius, cx, cy = size * log_uniform(rng, 0.4, 2), rng.uniform(-far, far), rng.uniform(-far, far)
        rows = np.flatnonzero(np.abs(y[:, 0] - cy) < radius + soft)
        columns = np.flatnonzero(np.abs(x[0] - cx) < radius + soft)
        if not rows.size or not columns.size:
            continue
        part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        distance = np.hypot(x[part] - np.float32(cx), y[part] - np.float32(cy))
        share = smoothstep(radius + soft, radius - soft, distance) * (0.6 + 0.4 * distance / np.float32(radius))
        tint, strength = colour(rng), rng.uniform(0.2, 0.8)
        here = image[part]
        image[part] = mixed(here, tint, np.minimum(share, 1)) if opaque else here + tint * (share * strength)[..., None]
    found: Map = np.clip(image, 0, 1)
    return found
