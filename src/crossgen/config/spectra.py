"""Average spectra of each pool's images: which images, what part of them, and what is taken away first."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from crossgen.config.steps import Model
from crossgen.config.values import Name

#: Crops begin at multiples of so many pixels, so that an image's own grid of JPEG blocks keeps its place.
GRID = 16
Residual = Literal["median_5", "median_3", "gaussian_1", "laplacian", "none"]
Split = Literal["train", "val", "test"]


def _on_grid(side: int) -> int:
    if side % GRID:
        raise ValueError(f"expected a multiple of {GRID}, as JPEG blocks ask for, found {side}")
    return side


class Spectra(Model):
    """Average Fourier spectra of residuals, 8x8 blocks and autocorrelation, pool by pool (GenImage, Fig. 2)."""

    images: int = Field(default=1000, ge=2, le=100_000, description="Images of each pool, at most.")
    seed: int = Field(default=0, ge=0, description="Seed of their choice, which does not depend on the order of files.")
    side: Annotated[int, Field(ge=80, le=1024), AfterValidator(_on_grid)] = Field(
        default=128,
        description="Side in pixels of the square that is cut from each image, a multiple of 16. No image is resized;"
        " one with a shorter side is left out and counted.",
    )
    crop: Literal["centre", "random"] = Field(
        default="centre",
        description="Where it is cut: in the middle, or at random by seed and image; at a multiple of 16 either way.",
    )
    residual: Residual = Field(
        default="median_5",
        description="What is taken from the grey values first: their median of 5 x 5 or 3 x 3, a Gaussian of sigma 1;"
        " laplacian: each pixel less the mean of its eight neighbours; none: their mean alone.",
    )
    splits: tuple[Split, ...] = Field(default=("test",), min_length=1, description="Splits that images come from.")
    pools: tuple[Name, ...] | None = Field(default=None, min_length=1, description="Pools; null: all.")
    fewest: int = Field(
        default=30,
        ge=2,
        description="Every pool gives as many images as the pool that has the fewest, because what is left of noise in"
        " a mean depends on their number. A pool with fewer than this gives all it has and holds up no other.",
    )
