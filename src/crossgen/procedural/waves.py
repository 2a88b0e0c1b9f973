"""Families of waves: gratings and their moire, ripples of point sources, caustics, kaleidoscopes, rosettes."""

import numpy as np

from crossgen.procedural.canvas import Map, Rng, chance, log_uniform, mixed, placed, plane, scaled, smoothed, smoothstep
from crossgen.procedural.colour import colour, coloured, cycled, palette
from crossgen.procedural.noise import gradient_noise, octaves


@smoothed
def gratings(rng: Rng, height: int, width: int) -> Map:
    """Two or three gratings of lines or rings over each other: moire."""
    total, base = np.ones((height, width), np.float32), log_uniform(rng, 5, 30)
    for _ in range(int(rng.integers(2, 4))):
        x, y = placed(rng, height, width, (0.95, 1.05))
        along = np.hypot(x, y) if chance(rng, 0.4) else x + rng.uniform(0, 0.15) * y * y
        wave = np.sin(along * np.float32(base * rng.uniform(0.85, 1.18)) + rng.uniform(0, 6))
        sharp = rng.uniform(0.8, 5)
        total = total * (0.5 + 0.5 * np.tanh(sharp * wave) / np.tanh(sharp))
    return coloured(total.astype(np.float32), palette(rng))


def ripples(rng: Rng, height: int, width: int) -> Map:
    """Waves of several sources, as heights with light on them or as colours."""
    x, y = plane(height, width)
    total, number = np.zeros_like(x), log_uniform(rng, 6, 28)
    for _ in range(int(rng.integers(2, 7))):
        far = np.hypot(x - rng.uniform(-1.5, 1.5), y - rng.uniform(-1.5, 1.5))
        total += np.sin(far * np.float32(number * rng.uniform(0.8, 1.25)) + rng.uniform(0, 6)) / (0.4 + far)
    if chance(rng, 0.4):
        return cycled(total * np.float32(0.25), palette(rng, cyclic=True))
    down, along = np.gradient(total, y[1, 0] - y[0, 0], x[0, 1] - x[0, 0])
    steep = rng.uniform(0.03, 0.15)
    sun = rng.uniform(0, 2 * np.pi)
    slope = (np.cos(sun) * along + np.sin(sun) * down).astype(np.float32) * np.float32(steep)
    light = (0.6 + slope) / np.sqrt(1 + (along * along + down * down) * np.float32(steep**2))
    water = coloured(scaled(total), palette(rng))
    glint = np.clip(light - 0.75, 0, 1) ** 2 * np.float32(rng.uniform(1, 6))
    found: Map = water * np.clip(light, 0, 1.3)[..., None] + glint[..., None]
    return found.astype(np.float32)


def caustics(rng: Rng, height: int, width: int) -> Map:
    """Light on the ground of a pool: a point that waves have moved again and again."""
    x, y = placed(rng, height, width, (2, 5))
    time, count = rng.uniform(0, 60), int(rng.integers(3, 6))
    ix, iy, total = x.copy(), y.copy(), np.zeros_like(x)
    for number in range(count):
        t = time * (1 - 3.5 / (number + 2))
        ix, iy = x + np.cos(t - ix) + np.sin(t + iy), y + np.sin(t - iy) + np.cos(t + ix)
        size = np.hypot(x / (np.sin(ix + t) + 1e-3) * 200, y / (np.cos(iy + t) + 1e-3) * 200)
        total += np.clip(1 / np.maximum(size, 1e-3) * 200, 0, 5)
    light = np.clip(total / count, 0, 3) ** np.float32(rng.uniform(0.3, 0.7))
    ground = coloured(0.5 + 0.4 * octaves(gradient_noise(rng), x * 0.6, y * 0.6, 4), palette(rng))
    found: Map = ground * 0.6 + 0.45 * light[..., None] * (0.4 + 0.6 * colour(rng))
    return found.astype(np.float32)


@smoothed
def kaleidoscope(rng: Rng, height: int, width: int) -> Map:
    """Noise and waves folded into sectors, perhaps into squares before."""
    x, y = placed(rng, height, width, (0.8, 1.8))
    if chance(rng, 0.3):
        x, y = np.abs(x - 2 * np.round(x / 2)), np.abs(y - 2 * np.round(y / 2))
    radius, sector = np.hypot(x, y), np.pi / int(rng.integers(3, 10))
    angle = np.abs(np.mod(np.arctan2(y, x) + rng.uniform(0, 6), np.float32(2 * sector)) - np.float32(sector))
    u, v = radius * np.cos(angle), radius * np.sin(angle)
    noise, zoom = gradient_noise(rng), rng.uniform(2, 5)
    warp = octaves(noise, u * zoom, v * zoom, int(rng.integers(2, 5)))
    wave = np.sin(u * rng.uniform(3, 14) + 3 * warp) * np.cos(v * rng.uniform(3, 14) + 2 * warp)
    return cycled(0.35 * wave + warp * np.float32(rng.uniform(0.2, 0.9)), palette(rng, cyclic=True))


@smoothed
def rosettes(rng: Rng, height: int, width: int) -> Map:
    """Spirals and petals over each other."""
    image = np.broadcast_to(colour(rng), (height, width, 3)).astype(np.float32)
    for _ in range(int(rng.integers(2, 5))):
        x, y = placed(rng, height, width, (0.6, 1.8))
        radius, angle = np.hypot(x, y), np.arctan2(y, x)
        arms, twist = int(rng.integers(2, 13)), rng.uniform(-12, 12)
        bend = np.log(radius + 0.05) if chance(rng, 0.5) else radius
        wave = np.sin(arms * angle + twist * bend + rng.uniform(0, 6))
        petals = coloured(scaled(radius * (1 + 0.4 * wave)), palette(rng))
        sharp = rng.uniform(0.05, 0.6)
        share = smoothstep(-sharp, sharp, wave) * smoothstep(1.6, 1.1, radius * (1 + 0.2 * wave))
        image = mixed(image, petals, share * np.float32(rng.uniform(0.6, 1)))
    return image
