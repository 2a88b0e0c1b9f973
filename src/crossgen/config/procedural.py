"""Procedural images: reals that programs draw from a seed."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from crossgen.config.steps import Model, Text

#: As in `crossgen.procedural.registry`, which imports NumPy and is not imported here; a test holds both equal.
ShaderFamily = Literal[
    "attractor", "automaton", "blotches", "bricks", "brushed", "burning_ship", "caustics", "checker", "clouds",
    "collage", "discs", "flame", "gratings", "hexagons", "julia", "kaleidoscope", "mandelbrot", "marble", "metaballs",
    "mosaic", "mountains", "newton", "orbit_traps", "plasma", "reaction_diffusion", "relief", "ribbons", "ridges",
    "ripples", "rosettes", "smoke", "solids", "spirals", "truchet", "turing", "voronoi", "weave",
]  # fmt: skip


def _once(families: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(families)) < len(families):
        raise ValueError(f"each family once, not {list(families)}")
    return families


Families = Annotated[tuple[ShaderFamily, ...], Field(min_length=1), AfterValidator(_once)]
Side = Annotated[int, Field(ge=8, le=8192)]


class ProceduralSource(Model):
    """Reals drawn by our own programs (noise, fractals, solids, tilings ...): no photograph is needed.

    An image depends on seed, index, family and size alone. Its class is its family; its split goes by hash of its id.
    """

    fetched: ClassVar[tuple[str, ...]] = ()
    made: ClassVar[bool] = True

    kind: Literal["procedural"] = Field(description="Images that programs draw from a seed.")
    root: Text = Field(description="Folder that the images are written in (lossless PNG); no other pool's.")
    n: int = Field(ge=1, le=10_000_000, description="How many; a larger pool begins with the images of a smaller one.")
    size: tuple[Side, Side] = Field(default=(256, 256), description="Width and height in pixels.")
    seed: int = Field(default=0, ge=0, description="Seed of all images.")
    families: Families | None = Field(
        default=None, description="Programs that take turns, in this order; null: all, by name."
    )
