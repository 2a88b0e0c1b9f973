"""Escape-time fractals, their orbits' traps, and Newton's method."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from crossgen.procedural.canvas import Map, Rng, chance, log_uniform, placed, scaled, smoothed
from crossgen.procedural.colour import colour, coloured, cycled, palette

Plane = npt.NDArray[np.complex64]
#: Escape radius: large, so that smooth counts are smooth.
ESCAPED = 32.0


def _escape(z: Plane, c: Plane, count: int, step: Callable[[Plane, Plane], Plane]) -> Map:
    """Smooth numbers of steps until |z| > ESCAPED; -1 where it does not within `count`."""
    found = np.full(z.size, -1, np.float32)
    z, c, places = z.ravel(), np.broadcast_to(c, z.shape).ravel(), np.arange(z.size)
    for number in range(count):
        z = step(z, c)
        size = z.real * z.real + z.imag * z.imag
        out = size > ESCAPED**2
        if out.any():
            found[places[out]] = number + 1 - np.log2(np.log(size[out]) / (2 * np.log(2)))
            inside = ~out
            z, c, places = z[inside], c[inside], places[inside]
            if not z.size:
                break
    return found


def _square(z: Plane, c: Plane) -> Plane:
    return z * z + c


def _ship(z: Plane, c: Plane) -> Plane:
    real, imaginary = np.abs(z.real), np.abs(z.imag)
    folded = np.empty_like(z)
    folded.real, folded.imag = real * real - imaginary * imaginary + c.real, 2 * real * imaginary + c.imag
    return folded


def _edge(rng: Rng) -> complex:
    """A point of the boundary of the Mandelbrot set: of its cardioid, or of the disc of period two."""
    angle = rng.uniform(0, 2 * np.pi)
    turn = complex(np.exp(1j * angle))
    return turn / 2 - turn * turn / 4 if chance(rng, 0.7) else -1 + turn / 4


def _shaded(rng: Rng, counts: Map, shape: tuple[int, int]) -> Map:
    """Counts as colours; what does not escape has one of its own."""
    inside = counts < 0
    told = np.sqrt(np.maximum(counts, 0)) if chance(rng, 0.6) else np.log1p(np.maximum(counts, 0)) * 2
    image = cycled(told * np.float32(rng.uniform(0.12, 0.5)) + np.float32(rng.random()), palette(rng, cyclic=True))
    image[inside] = colour(rng) * rng.uniform(0, 0.6)
    return image.reshape(*shape, 3)


def _busiest(counted: Callable[[Plane], Map], windows: list[tuple[complex, float]]) -> tuple[complex, float]:
    """The window with the most to see, by counts of 24 x 24 of its points."""
    side = np.linspace(-1, 1, 24)
    points = (side + 1j * side[:, None]).astype(np.complex64)

    def seen(window: tuple[complex, float]) -> float:
        counts = counted((window[0] + window[1] * points).astype(np.complex64)).reshape(24, 24)
        told = np.log1p(np.maximum(counts, 0)) * (counts >= 0)
        return float(np.minimum(np.abs(np.diff(told)), 0.7).mean() + np.minimum(np.abs(np.diff(told.T)), 0.7).mean())

    return max(windows, key=seen)


def _window(rng: Rng, height: int, width: int, middle: complex, radius: float) -> Plane:
    x, y = placed(rng, height, width, (radius, radius))
    points: Plane = ((x - x.mean()) + middle.real + 1j * ((y - y.mean()) + middle.imag)).astype(np.complex64)
    return points


@smoothed
def mandelbrot(rng: Rng, height: int, width: int) -> Map:
    """The Mandelbrot set around a point of its boundary, up to 250 times enlarged."""
    windows = [(_edge(rng), log_uniform(rng, 6e-3, 1.2)) for _ in range(4)]
    best = _busiest(lambda c: _escape(np.zeros_like(c), c, 60, _square), windows)
    c = _window(rng, height, width, *best)
    return _shaded(rng, _escape(np.zeros_like(c), c, int(rng.integers(60, 140)), _square), c.shape)


@smoothed
def julia(rng: Rng, height: int, width: int) -> Map:
    """The Julia set of a point just beyond that boundary."""
    z = _window(rng, height, width, complex(*rng.uniform(-0.3, 0.3, 2)), log_uniform(rng, 0.3, 1.5))
    constant = np.asarray(_edge(rng) * (1 + rng.uniform(0, 0.08)), np.complex64)
    return _shaded(rng, _escape(z, constant, int(rng.integers(60, 140)), _square), z.shape)


@smoothed
def burning_ship(rng: Rng, height: int, width: int) -> Map:
    """The burning ship, whole or along its mast."""
    windows = [
        (complex(rng.uniform(-1.8, -1.4), rng.uniform(-0.08, 0.02)), log_uniform(rng, 0.03, 0.5))
        if chance(rng, 0.6)
        else (complex(rng.uniform(-1.5, 0.5), rng.uniform(-1.2, 0)), log_uniform(rng, 0.1, 1.2))
        for _ in range(5)
    ]
    best = _busiest(lambda c: _escape(np.zeros_like(c), c, 50, _ship), windows)
    c = _window(rng, height, width, *best)
    return _shaded(rng, _escape(np.zeros_like(c), c, int(rng.integers(50, 110)), _ship), c.shape)


@smoothed
def newton(rng: Rng, height: int, width: int) -> Map:
    """Newton's method for z^n = 1, over- or under-relaxed: a colour for each root, darker the longer it takes."""
    degree, ease = int(rng.integers(3, 7)), rng.uniform(0.75, 1.35)
    z = _window(rng, height, width, complex(*rng.uniform(-0.6, 0.6, 2)), log_uniform(rng, 0.2, 1.6))
    speed, last = np.zeros(z.shape, np.float32), z
    for _ in range(int(rng.integers(14, 24))):
        power = z.copy()
        for _ in range(degree - 2):
            power *= z
        last, z = z, z - np.float32(ease) * (power * z - 1) / (np.float32(degree) * power + np.complex64(1e-6))
        speed += np.exp(-np.minimum(np.abs(z - last) * 8, 30))
    root = np.round(np.nan_to_num(np.angle(z)) * degree / (2 * np.pi)).astype(np.int64) % degree
    tints = np.array([colour(rng) for _ in range(degree)], np.float32)
    shade = scaled(np.nan_to_num(speed)) ** np.float32(rng.uniform(0.6, 1.6))
    found: Map = tints[root] * (0.15 + 0.85 * shade)[..., None]
    return found


@smoothed
def orbit_traps(rng: Rng, height: int, width: int) -> Map:
    """How near the orbits of a Julia set come to a point, a cross or a circle."""
    z = _window(rng, height, width, complex(*rng.uniform(-0.4, 0.4, 2)), log_uniform(rng, 0.4, 1.6))
    constant = np.complex64(_edge(rng) * (1 + rng.uniform(-0.05, 0.1)))
    trap, radius, kind = complex(*rng.uniform(-0.7, 0.7, 2)), rng.uniform(0.2, 0.9), int(rng.integers(3))
    nearest, when = np.full(z.shape, 1e3, np.float32), np.zeros(z.shape, np.float32)
    for number in range(int(rng.integers(10, 26))):
        z = z * z + constant
        z.real, z.imag = np.clip(z.real, -1e4, 1e4), np.clip(z.imag, -1e4, 1e4)
        dx, dy = z.real - np.float32(trap.real), z.imag - np.float32(trap.imag)
        far = np.minimum(np.abs(dx), np.abs(dy)) if kind == 0 else np.hypot(dx, dy)
        far = np.abs(far - np.float32(radius)) if kind == 2 else far
        closer = far < nearest
        nearest, when = np.where(closer, far, nearest), np.where(closer, np.float32(number), when)
    near = np.exp(-nearest * np.float32(rng.uniform(2, 10)))
    image = coloured(near, palette(rng)) * (0.5 + 0.5 * cycled(when * np.float32(0.17), palette(rng, cyclic=True)))
    return image.astype(np.float32)
