"""Noise that is the same on a crop as on the whole image."""

from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray


@dataclass(frozen=True)
class Place:
    """Where the pixels given to a step lie: image, step number in the chain, top left corner in the whole image."""

    image_id: str
    step: int = 0
    x: int = 0
    y: int = 0


def standard_noise(place: Place, height: int, width: int) -> NDArray[np.float32]:
    """Standard normal noise [height, width, 3]: a function of image, step, absolute position and channel only.

    Counter-based: splitmix64 (Steele et al. 2014) of the position, keyed by the image; 16 of its bits a channel pick
    one of 65,536 quantiles. A table, not Box-Muller: no rounding depends on where in an array a pixel stands.
    """
    seed = int.from_bytes(blake3(f"{place.step}|{place.image_id}".encode()).digest()[:8], "little")
    rows = np.arange(place.y, place.y + height, dtype=np.uint64)[:, None]
    columns = np.arange(place.x, place.x + width, dtype=np.uint64)
    bits = (rows << 32 | columns) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)
    bits = (bits ^ (bits >> 30)) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> 27)) * np.uint64(0x94D049BB133111EB)
    bits ^= bits >> 31
    return _quantiles()[np.stack([bits >> 48, (bits >> 32) & 0xFFFF, (bits >> 16) & 0xFFFF], axis=-1)]


@cache
def _quantiles() -> NDArray[np.float32]:
    """The normal distribution cut into 65,536 equal parts: the middle of each, from -4.3 to 4.3."""
    normal = NormalDist()
    return np.array([normal.inv_cdf((i + 0.5) / 65536) for i in range(65536)], np.float32)
