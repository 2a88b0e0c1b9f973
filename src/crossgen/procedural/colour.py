"""Colours: random palettes, and maps of numbers through them."""

from collections.abc import Callable

import numpy as np

from crossgen.procedural.canvas import Map, Rng, chance

#: Colours of a palette.
STEPS = 1024


def colour(rng: Rng) -> Map:
    """One colour, float32 [3] in [0, 1]: any hue, of moderate saturation more often than not."""
    grey, strength = rng.uniform(0.1, 0.95), rng.uniform(0, 1) ** 1.5
    found: Map = np.clip(grey + strength * (rng.random(3) - 0.5), 0, 1).astype(np.float32)
    return found


def palette(rng: Rng, cyclic: bool = False) -> Map:
    """Colours float32 [STEPS, 3] in [0, 1]; `cyclic`: the last goes on into the first."""
    kinds: list[Callable[[Rng, bool], Map]] = [_cosines, _stops, _ramp, _stops]
    return kinds[rng.integers(len(kinds))](rng, cyclic)


def _cosines(rng: Rng, cyclic: bool) -> Map:
    """A cosine for each channel (after Quilez)."""
    t = np.linspace(0, 1, STEPS, dtype=np.float32)[:, None]
    turns = rng.integers(1, 3, 3) if cyclic else rng.uniform(0.4, 1.6, 3)
    middle, width = rng.uniform(0.35, 0.65, 3), rng.uniform(0.15, 0.5, 3)
    found: Map = np.clip(middle + width * np.cos(2 * np.pi * (turns * t + rng.random(3))), 0, 1).astype(np.float32)
    return found


def _stops(rng: Rng, cyclic: bool) -> Map:
    """Straight between three to six colours at random places."""
    stops = np.array([colour(rng) for _ in range(rng.integers(3, 7))])
    if cyclic:
        stops = np.concatenate([stops, stops[:1]])
    places = np.sort(np.concatenate([[0, 1], rng.random(len(stops) - 2)]))
    t = np.linspace(0, 1, STEPS)
    return np.stack([np.interp(t, places, stops[:, channel]) for channel in range(3)], axis=1).astype(np.float32)


def _ramp(rng: Rng, cyclic: bool) -> Map:
    """From dark to light (and back): one tint, as of most photographs."""
    t = np.linspace(0, 1, STEPS)
    t = 1 - np.abs(2 * t - 1) if cyclic else (t if chance(rng, 0.5) else 1 - t)
    dark, light = rng.uniform(0, 0.25, 3), rng.uniform(0.7, 1, 3)
    middle = (dark + light) / 2 + rng.uniform(-0.2, 0.2, 3)
    lower, upper = dark + (middle - dark) * 2 * t[:, None], middle + (light - middle) * (2 * t[:, None] - 1)
    found: Map = np.clip(np.where(t[:, None] < 0.5, lower, upper), 0, 1).astype(np.float32)
    return found


def coloured(values: Map, colours: Map) -> Map:
    """Numbers in [0, 1] as colours: [...] to [..., 3]. What lies outside is clipped."""
    places = np.clip(values * np.float32(STEPS - 1) + np.float32(0.5), 0, STEPS - 1).astype(np.int32)
    found: Map = colours[places]
    return found


def cycled(values: Map, colours: Map) -> Map:
    """Numbers as colours of a cyclic palette: whole numbers begin anew."""
    return coloured(values - np.floor(values), colours)
