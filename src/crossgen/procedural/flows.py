"""Families of flows: noise smeared along a field, ribbons, metaballs."""

import numpy as np
from scipy.ndimage import map_coordinates

from crossgen.procedural.canvas import Map, Rng, chance, log_uniform, mixed, placed, plane, scaled, smoothed, smoothstep
from crossgen.procedural.colour import colour, coloured, palette
from crossgen.procedural.noise import gradient_noise, octaves


def brushed(rng: Rng, height: int, width: int) -> Map:
    """Line integral convolution (Cabral and Leedom 1993): noise averaged along the lines of a swirling field."""
    x, y = placed(rng, height, width, (0.6, 2))
    field = octaves(gradient_noise(rng), x, y, int(rng.integers(1, 4))) * np.float32(rng.uniform(2, 7))
    if chance(rng, 0.3):
        field = field * np.float32(0.3) + np.arctan2(y, x) + np.float32(rng.uniform(0, np.pi / 2))
    vx, vy = np.cos(field), np.sin(field)
    coarse = log_uniform(rng, 1, 3)
    seed = rng.random((int(height / coarse) + 2, int(width / coarse) + 2)).astype(np.float32)
    down, along = np.indices((height, width), np.float32)
    total = np.zeros_like(x)
    length = int(rng.integers(8, 22))
    for way in (-1, 1):
        py, px = down.copy(), along.copy()
        for _ in range(length):
            iy, ix = np.clip(py, 0, height - 1).astype(np.int32), np.clip(px, 0, width - 1).astype(np.int32)
            total += seed[(iy / coarse).astype(np.int32), (ix / coarse).astype(np.int32)]
            py, px = py + way * vy[iy, ix], px + way * vx[iy, ix]
    streaks = scaled((total - total.mean()) / (total.std() + 1e-6))
    ground = coloured(np.clip(0.5 + field * np.float32(0.12), 0, 1), palette(rng))
    found: Map = ground * (0.3 + 1.2 * streaks)[..., None]
    return found


@smoothed
def ribbons(rng: Rng, height: int, width: int) -> Map:
    """Bands along waves, one over the other, each with a shade across and a shadow below."""
    x, y = placed(rng, height, width, (0.8, 1.3))
    image = coloured(scaled(y + 0.4 * octaves(gradient_noise(rng), x, y, 3)), palette(rng))
    colours, thick = palette(rng), log_uniform(rng, 0.04, 0.25)
    for _ in range(int(rng.integers(4, 12))):
        line = np.float32(rng.uniform(-1.4, 1.4)) + np.zeros_like(x)
        for number in range(1, 4):
            line += np.float32(rng.normal(0, 0.3 / number)) * np.sin(
                x * rng.uniform(0.6, 1.6) * number + rng.uniform(0, 6)
            )
        across = (y - line) / np.float32(thick * log_uniform(rng, 0.5, 1.8))
        shadow = np.exp(-np.maximum(across, 0) * 2.5) * (across > 0)
        image = image * (1 - 0.5 * shadow)[..., None]
        tone = coloured(np.clip(rng.random() + 0.2 * across, 0, 1), colours)
        round_off = np.sqrt(np.clip(1 - across * across * 0.8, 0, 1)) if chance(rng, 0.7) else np.ones_like(across)
        image = mixed(image, tone * round_off[..., None], smoothstep(1.02, 0.97, np.abs(across)))
    return image


def metaballs(rng: Rng, height: int, width: int) -> Map:
    """Drops that flow into each other, lit from the side, over a slope of colours."""
    x, y = plane(height, width)
    far = float(max(x[0, -1], y[-1, 0]))
    field, tone = np.zeros_like(x), np.zeros((height, width, 3), np.float32)
    for _ in range(int(rng.integers(5, 16))):
        radius, cx, cy = log_uniform(rng, 0.12, 0.5), rng.uniform(-far, far), rng.uniform(-far, far)
        part = np.float32(radius**2) / ((x - cx) ** 2 + (y - cy) ** 2 + np.float32(0.02 * radius))
        field += part
        tone += part[..., None] * colour(rng)
    tone /= field[..., None]
    level = rng.uniform(0.9, 2.2)
    high = np.sqrt(np.clip(1 - level / np.maximum(field, 1e-6), 0, 1))
    down, along = np.gradient(high * np.float32(0.5), y[1, 0] - y[0, 0], x[0, 1] - x[0, 0])
    sun = rng.uniform(0, 2 * np.pi)
    facing = (0.5 - np.cos(sun) * along - np.sin(sun) * down) / np.sqrt(1 + along**2 + down**2)
    light = np.clip(facing, 0.0, 1.5).astype(np.float32)
    shine = np.clip(light - 0.6, 0, 1) ** 2 * np.float32(rng.uniform(0, 4))
    body = tone * (0.35 + light)[..., None] + shine[..., None]
    angle = rng.uniform(0, 6)
    ground = coloured(scaled(x * np.cos(angle) + y * np.sin(angle)), palette(rng))
    if chance(rng, 0.5):
        ground = ground * (0.6 + 0.4 * np.cos(field * np.float32(rng.uniform(3, 12))))[..., None]
    return mixed(ground, body, smoothstep(level * 0.97, level * 1.04, field)).astype(np.float32)


def enlarged(values: Map, height: int, width: int, order: int = 3) -> Map:
    """A coarse map that repeats at its edges, [h, w] to [height, width], by splines of an order."""
    rows = (np.arange(height, dtype=np.float32) + 0.5) * (values.shape[0] / height) - 0.5
    columns = (np.arange(width, dtype=np.float32) + 0.5) * (values.shape[1] / width) - 0.5
    where = np.meshgrid(rows, columns, indexing="ij")
    found: Map = map_coordinates(values, where, order=order, mode="grid-wrap").astype(np.float32)
    return found
