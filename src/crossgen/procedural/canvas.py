"""What families draw on: coordinates, supersampling, and what is done to a picture in the end."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

#: float32 throughout; mypy is told less, for whom a number of Python may widen it.
Map = npt.NDArray[np.floating[Any]]
Rng = np.random.Generator
#: (generator, height, width) to float32 [height, width, 3] in [0, 1].
Family = Callable[[Rng, int, int], Map]

#: Least spread of a picture: below it contrast is raised.
DIM = 0.06


def plane(height: int, width: int) -> tuple[Map, Map]:
    """x and y, float32 [height, width], of the pixels' centres: the shorter side spans [-1, 1]."""
    half = min(height, width) / 2
    x = (np.arange(width, dtype=np.float32) + 0.5 - width / 2) / half
    y = (np.arange(height, dtype=np.float32) + 0.5 - height / 2) / half
    across, down = np.meshgrid(x, y)
    return across.astype(np.float32), down.astype(np.float32)


def turned(x: Map, y: Map, angle: float) -> tuple[Map, Map]:
    """Coordinates after a turn by `angle` in radians."""
    cosine, sine = float(np.cos(angle)), float(np.sin(angle))
    return cosine * x - sine * y, sine * x + cosine * y


def placed(rng: Rng, height: int, width: int, zoom: tuple[float, float] = (0.7, 1.6)) -> tuple[Map, Map]:
    """The plane, moved by up to 0.5, turned by any angle, and scaled by a factor out of `zoom` (log-uniform)."""
    x, y = turned(*plane(height, width), rng.uniform(0, 2 * np.pi))
    scale = log_uniform(rng, *zoom)
    return scale * x + rng.uniform(-0.5, 0.5), scale * y + rng.uniform(-0.5, 0.5)


def log_uniform(rng: Rng, low: float, high: float) -> float:
    """A number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def chance(rng: Rng, probability: float) -> bool:
    """True with a probability."""
    return bool(rng.random() < probability)


def smoothstep(low: float, high: float, values: Map) -> Map:
    """0 below `low`, 1 above `high`, a cubic between; `low` may be the larger one."""
    t = np.clip((values - low) / (high - low), 0, 1)
    found: Map = t * t * (3 - 2 * t)
    return found


def scaled(values: npt.NDArray[np.floating]) -> Map:
    """Values brought to [0, 1] linearly; zeros where all are equal."""
    low, high = float(values.min()), float(values.max())
    return ((values - low) / max(high - low, 1e-12)).astype(np.float32)


def spread(image: Map) -> float:
    """Standard deviation over the places of an image [h, w, 3], the mean of its channels."""
    return float(image.std(axis=(0, 1)).mean())


def mixed(first: Map, second: Map | float, share: Map) -> Map:
    """Images [h, w, 3] (or a grey) mixed by a map [h, w] of the second's share."""
    found: Map = first + (second - first) * share[..., None]
    return found


def smoothed(family: Family) -> Family:
    """The family drawn at twice the size and averaged over 2 x 2: edges that would alias."""

    def drawn(rng: Rng, height: int, width: int) -> Map:
        large = family(rng, 2 * height, 2 * width)
        found: Map = (large[::2, ::2] + large[1::2, ::2] + large[::2, 1::2] + large[1::2, 1::2]) / 4
        return found

    drawn.__doc__, drawn.__name__ = family.__doc__, getattr(family, "__name__", "drawn")
    return drawn


def developed(rng: Rng, image: Map) -> Map:
    """What a camera and a darkroom do: tone, saturation, vignette, softness, grain; float32 in [0, 1].

    Contrast is raised where the spread of the picture is below DIM.
    """
    image = np.clip(image, 0, 1).astype(np.float32)
    found = spread(image)
    if 0 < found < DIM:
        image = np.clip(0.5 + (image - image.mean()) * np.float32(1.5 * DIM / found), 0, 1)
    grey = image.mean(axis=2, keepdims=True)
    image = grey + (image - grey) * rng.uniform(0.5, 1.1)
    image = np.clip(image, 0, 1) ** np.float32(log_uniform(rng, 0.7, 1.4))
    if chance(rng, 0.4):
        x, y = plane(*image.shape[:2])
        image *= 1 / (1 + rng.uniform(0.05, 0.35) * (x * x + y * y))[..., None]
    if chance(rng, 0.4):
        sigma = rng.uniform(0.3, 0.9)
        image = gaussian_filter(image, (sigma, sigma, 0), mode="nearest")
    if chance(rng, 0.6):
        image = image + rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(0.002, 0.03))
    developed: Map = np.clip(image, 0, 1).astype(np.float32)
    return developed
