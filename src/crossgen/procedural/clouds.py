"""Families of noise: clouds, blotches, warped smoke, ridges, marble and wood, plasma."""

import numpy as np

from crossgen.procedural.canvas import Map, Rng, chance, log_uniform, placed, scaled
from crossgen.procedural.colour import coloured, cycled, palette
from crossgen.procedural.noise import gradient_noise, octaves, value_noise


def clouds(rng: Rng, height: int, width: int) -> Map:
    """Fractal sum of gradient noise."""
    x, y = placed(rng, height, width, (0.8, 5))
    stretch = log_uniform(rng, 1, 4) if chance(rng, 0.3) else 1.0
    values = octaves(gradient_noise(rng), x, y * stretch, int(rng.integers(4, 8)), rng.uniform(0.4, 0.75))
    return coloured(0.5 + values * rng.uniform(0.7, 1.3), palette(rng))


def blotches(rng: Rng, height: int, width: int) -> Map:
    """Value noise, cut into levels as often as not."""
    x, y = placed(rng, height, width, (1, 6))
    values = scaled(octaves(value_noise(rng), x, y, int(rng.integers(1, 6)), rng.uniform(0.3, 0.6)))
    if chance(rng, 0.5):
        levels = int(rng.integers(3, 9))
        steep = np.float32(rng.uniform(4, 25))
        whole = np.floor(values * levels)
        rest = values * levels - whole - 0.5
        values = (whole + 0.5 + np.tanh(steep * rest) / 2) / levels
    return coloured(values, palette(rng))


def smoke(rng: Rng, height: int, width: int) -> Map:
    """Noise at places that noise has moved, twice; colour by the sum and by the way (after Quilez)."""
    x, y = placed(rng, height, width, (0.5, 2))
    noise, count, strength = gradient_noise(rng), int(rng.integers(3, 6)), rng.uniform(0.6, 2.2)
    qx, qy = octaves(noise, x, y, 3), octaves(noise, x + 5.2, y + 1.3, 3)
    px, py = x + strength * qx, y + strength * qy
    rx, ry = octaves(noise, px + 1.7, py + 9.2, 2), octaves(noise, px + 8.3, py + 2.8, 2)
    values = octaves(noise, x + strength * rx, y + strength * ry, count)
    image = coloured(0.5 + values, palette(rng))
    tint = coloured(np.clip(np.hypot(rx, ry), 0, 1), palette(rng))
    found: Map = image * (0.45 + 0.8 * tint)
    return found


def ridges(rng: Rng, height: int, width: int) -> Map:
    """Sharp ridges where the noise changes its sign: veins, lightning, mountains from above."""
    x, y = placed(rng, height, width, (0.8, 3))
    power = rng.uniform(1, 3)
    values = octaves(
        gradient_noise(rng), x, y, int(rng.integers(3, 7)), rng.uniform(0.4, 0.65),
        lambda value: np.clip(1 - np.abs(value) * 1.6, 0, 1) ** np.float32(power),
    )  # fmt: skip
    return coloured(scaled(values), palette(rng))


def marble(rng: Rng, height: int, width: int) -> Map:
    """Stripes or rings that noise disturbs: marble and wood."""
    x, y = placed(rng, height, width, (0.6, 1.6))
    wobble = octaves(gradient_noise(rng), x * 1.5, y * 1.5, int(rng.integers(3, 6)), 0.55)
    along = np.hypot(x, y * rng.uniform(0.15, 1)) if chance(rng, 0.4) else x
    phase = along * rng.uniform(2, 9) + wobble * rng.uniform(0.8, 4)
    if chance(rng, 0.5):
        return cycled(phase * np.float32(0.5), palette(rng, cyclic=True))
    lines = (0.5 + 0.5 * np.sin(np.pi * phase)) ** np.float32(rng.uniform(0.4, 2.5))
    fibres = octaves(gradient_noise(rng), x * 4, y * 40, 2)
    return coloured(np.clip(lines + 0.12 * fibres, 0, 1), palette(rng))


def plasma(rng: Rng, height: int, width: int) -> Map:
    """A sum of sines of places, radii and of each other, through a palette that repeats."""
    x, y = placed(rng, height, width, (0.7, 2))
    total = np.zeros_like(x)
    for _ in range(int(rng.integers(3, 7))):
        kx, ky, phase = rng.normal(0, 3), rng.normal(0, 3), rng.uniform(0, 2 * np.pi)
        if chance(rng, 0.4):
            total += np.sin(4 * np.hypot(x - rng.uniform(-1, 1), y - rng.uniform(-1, 1)) * rng.uniform(0.5, 2) + phase)
        else:
            total += np.sin(kx * x + ky * y + phase + rng.uniform(0, 0.8) * total)
    return cycled(total * np.float32(rng.uniform(0.1, 0.4)), palette(rng, cyclic=True))
