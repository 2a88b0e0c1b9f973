"""Families of land: relief from above, and mountains behind each other."""

import numpy as np

from crossgen.procedural.canvas import Map, Rng, chance, mixed, placed, plane, scaled, smoothed, smoothstep
from crossgen.procedural.colour import colour, coloured, palette
from crossgen.procedural.noise import gradient_noise, octaves


def relief(rng: Rng, height: int, width: int) -> Map:
    """Land from above: heights of noise, lit from the side; water where it is low."""
    x, y = placed(rng, height, width, (0.8, 3))
    noise, power = gradient_noise(rng), rng.uniform(0.8, 2)
    land = octaves(noise, x, y, 7, rng.uniform(0.42, 0.6))
    if chance(rng, 0.5):
        land = land + 0.6 * octaves(noise, x + 9, y + 3, 5, 0.5, lambda value: np.clip(1 - np.abs(value) * 1.6, 0, 1))
    land = scaled(land) ** np.float32(power)
    size = min(height, width) / 2
    down, along = np.gradient(land)
    sun, steep = rng.uniform(0, 2 * np.pi), rng.uniform(0.05, 0.2) * size
    light = 0.7 + steep * (np.cos(sun) * along + np.sin(sun) * down)
    shaded = light / np.sqrt(1 + (along**2 + down**2) * steep**2)
    image: Map = coloured(land, palette(rng)) * np.clip(shaded, 0.05, 1.4).astype(np.float32)[..., None]
    sea = rng.uniform(0.1, 0.45)
    if chance(rng, 0.5):
        shore = smoothstep(sea + 0.004, sea - 0.004, land)
        image = mixed(image, colour(rng) * (0.4 + 0.6 * land / np.float32(sea))[..., None], shore)
    return image


@smoothed
def mountains(rng: Rng, height: int, width: int) -> Map:
    """Ridges behind each other that pale with the distance, below a sky with a sun."""
    x, y = plane(height, width)
    image = coloured(scaled(y + 0.25 * octaves(gradient_noise(rng), x * 1.2, y * 4, 5, 0.55)), palette(rng))
    sun = np.hypot(x - rng.uniform(-1, 1), y + rng.uniform(0.2, 0.9))
    image = mixed(image, colour(rng) * 0.3 + 0.7, np.exp(-sun * np.float32(rng.uniform(2, 9))))
    near, far, count = colour(rng) * rng.uniform(0.1, 0.6), image.mean((0, 1)), int(rng.integers(3, 8))
    line_x, flat = x[:1], np.zeros_like(x[:1])
    trees = octaves(gradient_noise(rng), x * 9, y * 9, 3, 0.7)
    for number in range(count):
        depth = (number + 1) / count
        noise = gradient_noise(rng)
        crest = octaves(noise, line_x * (1 + 2 * (1 - depth)) + 7 * number, flat, 7, rng.uniform(0.4, 0.6))
        line = np.float32(-0.3 + 1.1 * depth) - np.float32(rng.uniform(0.25, 0.7)) * crest
        trees = np.roll(trees, tuple(rng.integers(0, 99, 2)), (0, 1))
        tone = far + (near - far) * np.float32(depth**1.3)
        face = tone * (1 + np.float32(0.5 * depth) * trees + 0.25 * (y - line))[..., None]
        image = mixed(image, face.astype(np.float32), smoothstep(-0.004, 0.004, y - line))
    return np.clip(image, 0, 1)
