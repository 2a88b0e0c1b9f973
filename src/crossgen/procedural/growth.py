"""Families that grow: reaction and diffusion, Swift and Hohenberg's patterns, cellular automata."""

import numpy as np
from scipy import fft

from crossgen.procedural.canvas import Map, Rng, chance, plane, scaled, smoothed
from crossgen.procedural.colour import coloured, palette
from crossgen.procedural.flows import enlarged
from crossgen.procedural.noise import gradient_noise, octaves

#: Feed and kill rates of Gray and Scott's reaction of worms, mazes, spots and holes (Pearson 1993) that never die out.
REACTIONS = (
    (0.037, 0.06), (0.03, 0.0565), (0.039, 0.058), (0.055, 0.062), (0.034, 0.056), (0.078, 0.061), (0.046, 0.063),
    (0.042, 0.061),
)  # fmt: skip
#: Cells of the coarse grid along the shorter side.
COARSE = 88


def _sides(height: int, width: int, short: int) -> tuple[int, int]:
    least = min(height, width)
    return max(8, round(short * height / least)), max(8, round(short * width / least))


def _relief(rng: Rng, values: Map) -> Map:
    """Heights in [0, 1] as colours, with light from the side as often as not."""
    image = coloured(values, palette(rng))
    if chance(rng, 0.4):
        return image
    x, y = plane(*values.shape)
    down, along = np.gradient(values, y[1, 0] - y[0, 0], x[0, 1] - x[0, 0])
    sun, steep = rng.uniform(0, 2 * np.pi), rng.uniform(0.05, 0.2)
    light = 0.75 + steep * (np.cos(sun) * along + np.sin(sun) * down)
    found: Map = image * np.clip(light, 0.1, 1.6).astype(np.float32)[..., None]
    return found


def reaction_diffusion(rng: Rng, height: int, width: int) -> Map:
    """Gray and Scott's reaction on a coarse grid, enlarged by cubic splines."""
    rows, columns = _sides(height, width, COARSE)
    feed, kill = REACTIONS[rng.integers(len(REACTIONS))]
    u, v = np.ones((rows + 2, columns + 2), np.float32), np.zeros((rows + 2, columns + 2), np.float32)
    spots = np.kron(rng.random((-(-rows // 5), -(-columns // 5))) < rng.uniform(0.15, 0.5), np.ones((5, 5), bool))
    spots = spots[:rows, :columns]
    u[1:-1, 1:-1][spots], v[1:-1, 1:-1][spots] = 0.5, 0.25 + 0.1 * rng.random(int(spots.sum())).astype(np.float32)
    for _ in range(int(rng.integers(500, 900))):
        for field in (u, v):
            field[0], field[-1], field[:, 0], field[:, -1] = field[-2], field[1], field[:, -2], field[:, 1]
        a, b = u[1:-1, 1:-1], v[1:-1, 1:-1]
        reacted = a * b * b
        grown = 0.19 * _spread(u) - reacted + np.float32(feed) * (1 - a)
        b += 0.09 * _spread(v) + reacted - np.float32(feed + kill) * b
        a += grown
    return _relief(rng, scaled(enlarged(v[1:-1, 1:-1], height, width)))


def _spread(field: Map) -> Map:
    """The Laplacian of what lies within a frame of one cell."""
    found: Map = field[:-2, 1:-1] + field[2:, 1:-1] + field[1:-1, :-2] + field[1:-1, 2:] - 4 * field[1:-1, 1:-1]
    return found


def turing(rng: Rng, height: int, width: int) -> Map:
    """Stripes and spots of Swift and Hohenberg's equation, by steps in the space of frequencies."""
    rows, columns = _sides(height, width, 160)
    wavelength, bias = rng.uniform(6, 18), rng.uniform(0, 1.4) if chance(rng, 0.6) else 0.0
    ky, kx = np.meshgrid(fft.fftfreq(rows), fft.rfftfreq(columns), indexing="ij")
    stretch = rng.uniform(0.7, 1.3)
    square = (kx * kx * stretch + ky * ky / stretch) * wavelength**2
    step, growth = 1.0, rng.uniform(0.2, 0.6)
    damping = (1 / (1 + step * ((1 - square) ** 2 - growth))).clip(0, 3).astype(np.float32)
    u = rng.standard_normal((rows, columns), np.float32) * np.float32(0.3)
    for _ in range(int(rng.integers(25, 70))):
        u = fft.irfft2(fft.rfft2(u + np.float32(step) * (np.float32(bias) * u * u - u * u * u)) * damping, s=u.shape)
        u = np.clip(u, -3, 3)
    steep = rng.uniform(0.8, 4)
    return _relief(rng, scaled(np.tanh(steep * enlarged(u, height, width) / (float(u.std()) + 1e-6))))


def spirals(rng: Rng, height: int, width: int) -> Map:
    """A cyclic cellular automaton: each cell is overtaken by its successor, until spirals turn."""
    rows, columns = _sides(height, width, int(rng.integers(70, 170)))
    states, reach = int(rng.integers(5, 15)), int(rng.integers(1, 3))
    cells = rng.integers(0, states, (rows, columns)).astype(np.int8)
    moves = [(down, along) for down in range(-reach, reach + 1) for along in range(-reach, reach + 1) if down or along]
    if chance(rng, 0.5):
        moves = [(down, along) for down, along in moves if abs(down) + abs(along) <= reach]
    least = 1 if len(moves) < 9 else 2
    for _ in range(int(rng.integers(30, 90))):
        successor = (cells + 1) % states
        around = np.zeros(cells.shape, np.int8)
        for move in moves:
            around += np.roll(cells, move, (0, 1)) == successor
        cells = np.where(around >= least, successor, cells).astype(np.int8)
    image = coloured((np.arange(states) / states).astype(np.float32), palette(rng, cyclic=True))[cells]
    order = 1 if chance(rng, 0.5) else 0
    layers = [enlarged(image[..., channel], height, width, order) for channel in range(3)]
    return np.clip(np.stack(layers, axis=2), 0, 1)


@smoothed
def automaton(rng: Rng, height: int, width: int) -> Map:
    """A line of cells by one of Wolfram's rules with three colours or two, row below row."""
    colours = int(rng.integers(2, 4))
    cell = max(1, round(min(height, width) / int(rng.integers(60, 160))))
    rows, columns = -(-height // cell), -(-width // cell)
    rule = rng.integers(0, colours, 3 * (colours - 1) + 1)
    rule[:2] = (0, 1)
    line = rng.integers(0, colours, columns)
    grid = np.empty((rows, columns), np.int64)
    for row in range(rows):
        grid[row] = line
        line = rule[np.roll(line, 1) + line + np.roll(line, -1)]
    if not np.any(grid[rows // 2 :] != grid[rows // 2, 0]):
        grid = np.bitwise_xor(grid, rng.integers(0, 2, grid.shape))
    large = np.kron(grid, np.ones((cell, cell), np.int64))[:height, :width]
    if chance(rng, 0.5):
        large = large[::-1]
    x, y = plane(height, width)
    drift = octaves(gradient_noise(rng), x, y, 3) * np.float32(rng.uniform(0, 0.35))
    return coloured(np.clip((large + 0.5) / colours + drift, 0, 1).astype(np.float32), palette(rng))
