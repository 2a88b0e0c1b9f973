"""What results are broken down by, and which images are shown as the hardest."""

from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, Field

from crossgen.config.steps import Model


def _rising(edges: tuple[float, ...]) -> tuple[float, ...]:
    if any(low >= high for low, high in pairwise(edges)):
        raise ValueError(f"expected edges that rise, found {', '.join(f'{edge:g}' for edge in edges)}")
    return edges


Edges = Annotated[tuple[float, ...], AfterValidator(_rising), Field(min_length=1)]


class Breakdowns(Model):
    """Rates by content class, JPEG quality and size; the hardest images."""

    quality_edges: Edges = Field(
        default=(75, 85, 90, 95, 96, 97),
        description="JPEG qualities at which a bin begins; below the first is a bin of its own.",
    )
    size_edges: Edges = Field(
        default=(64, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 1024),
        description="Short sides in pixels at which a bin begins.",
    )
    relative_edges: Edges = Field(
        default=(0.25, 0.5, 0.7, 0.9, 1.1, 1.4, 2.0, 3.0, 4.0),
        description="The same in multiples of S, the median short side of the fakes that a detector learned from.",
    )
    fewest: int = Field(
        default=30, ge=1, description="Images of a bin below which tables show the interval without its middle."
    )
    hardest: int = Field(
        default=50, ge=1, le=1000, description="Images listed as the hardest, of each experiment and matrix condition."
    )
    gallery: bool = Field(
        default=False,
        description="Put at most 24 small pictures of the hardest images into the report, where their files are at"
        " hand. Look first whether the licence of the images lets you show them.",
    )
