"""The families by name, and an image by (family, seed, index)."""

from zlib import crc32

import numpy as np
import numpy.typing as npt

from crossgen.procedural import cells, chaos, clouds, flows, fractals, growth, solids, terrain, tilings, waves
from crossgen.procedural.canvas import Family, Map, Rng, developed, mixed, plane, smoothstep, spread
from crossgen.procedural.noise import gradient_noise, octaves

Pixels = npt.NDArray[np.uint8]

SINGLE: dict[str, Family] = {
    "attractor": chaos.attractor,
    "automaton": growth.automaton,
    "blotches": clouds.blotches,
    "bricks": tilings.bricks,
    "brushed": flows.brushed,
    "burning_ship": fractals.burning_ship,
    "caustics": waves.caustics,
    "checker": tilings.checker,
    "clouds": clouds.clouds,
    "discs": cells.discs,
    "flame": chaos.flame,
    "gratings": waves.gratings,
    "hexagons": tilings.hexagons,
    "julia": fractals.julia,
    "kaleidoscope": waves.kaleidoscope,
    "mandelbrot": fractals.mandelbrot,
    "marble": clouds.marble,
    "metaballs": flows.metaballs,
    "mosaic": cells.mosaic,
    "mountains": terrain.mountains,
    "newton": fractals.newton,
    "orbit_traps": fractals.orbit_traps,
    "plasma": clouds.plasma,
    "reaction_diffusion": growth.reaction_diffusion,
    "relief": terrain.relief,
    "ribbons": flows.ribbons,
    "ridges": clouds.ridges,
    "ripples": waves.ripples,
    "rosettes": waves.rosettes,
    "smoke": clouds.smoke,
    "solids": solids.solids,
    "spirals": growth.spirals,
    "truchet": tilings.truchet,
    "turing": growth.turing,
    "voronoi": cells.voronoi,
    "weave": tilings.weave,
}


def collage(rng: Rng, height: int, width: int) -> Map:
    """Two of the other families, one through holes in the other."""
    first, second = rng.choice(sorted(SINGLE), 2, replace=False)
    below, above = SINGLE[first](rng, height, width), SINGLE[second](rng, height, width)
    x, y = plane(height, width)
    field = octaves(gradient_noise(rng), x * rng.uniform(0.5, 2), y * rng.uniform(0.5, 2), int(rng.integers(1, 5)))
    soft = rng.uniform(0.01, 0.4)
    return mixed(below, above, smoothstep(-soft, soft, field))


FAMILIES: dict[str, Family] = {**SINGLE, "collage": collage}
#: In the order in which images take turns.
NAMES = tuple(sorted(FAMILIES))

#: Least spread of a picture, of 1, before it is developed: a flatter one is drawn anew.
FLAT = 0.025
TRIES = 8


def family_of(index: int, families: tuple[str, ...] = NAMES) -> str:
    """The family of an image: all take turns."""
    return families[index % len(families)]


def draw(name: str | None, seed: int, index: int, size: tuple[int, int]) -> Pixels:
    """An image, uint8 [height, width, 3]: a function of all four arguments and of nothing else.

    `name`: a family; None: that of `family_of`. `seed`, `index`: at least 0. `size`: (width, height) in pixels, each at
    least 8. A picture of almost one value (FLAT) is drawn again, by the next try's numbers; the last of TRIES is taken
    as it is. Raises ValueError for an unknown family, a negative number, a smaller size.
    """
    chosen = family_of(index) if name is None else name
    width, height = size
    if chosen not in FAMILIES:
        raise ValueError(f"Unknown family {chosen!r}: expected one of {', '.join(NAMES)}.")
    if min(seed, index) < 0:
        raise ValueError(f"Seed and index of at least 0, not {seed} and {index}.")
    if min(size) < 8:
        raise ValueError(f"An image of {width} x {height} pixels cannot be drawn: expected sides of at least 8.")
    for attempt in range(TRIES):
        key = [seed, index, crc32(chosen.encode()), attempt]
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))
        with np.errstate(all="ignore"):
            image = np.nan_to_num(FAMILIES[chosen](rng, height, width), posinf=1, neginf=0)
        if spread(np.clip(image, 0, 1)) >= FLAT:
            break
    found: Pixels = np.floor(developed(rng, image) * np.float32(255.999)).astype(np.uint8)
    return found
