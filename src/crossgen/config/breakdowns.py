"""What results are broken down by, and which images are shown as the hardest."""

from itertools import combinations, pairwise
from typing import Annotated, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from crossgen.config.steps import Model, Text
from crossgen.config.values import Name


def _rising(edges: tuple[float, ...]) -> tuple[float, ...]:
    if any(low >= high for low, high in pairwise(edges)):
        raise ValueError(f"expected edges that rise, found {', '.join(f'{edge:g}' for edge in edges)}")
    return edges


Edges = Annotated[tuple[float, ...], AfterValidator(_rising), Field(min_length=1)]


class ClassRange(Model):
    """Consecutive class indices, both ends included: ImageNet's dogs are 151 to 268."""

    first: int = Field(ge=0, description="The first class index.")
    last: int = Field(ge=0, description="The last class index.")

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.last < self.first:
            raise ValueError(f"a `last` of at least `first` ({self.first}), found {self.last}")
        return self


def _kind(given: object) -> str:
    return "name" if isinstance(given, str) else "index" if isinstance(given, int) else "range"


ClassOrRange = Annotated[
    Annotated[int, Field(ge=0), Tag("index")] | Annotated[Text, Tag("name")] | Annotated[ClassRange, Tag("range")],
    Discriminator(_kind),
]


def _apart(groups: dict[str, tuple[ClassOrRange, ...]]) -> dict[str, tuple[ClassOrRange, ...]]:
    """No class in two groups, as far as what is written tells."""
    for (first, ones), (second, others) in combinations(groups.items(), 2):
        shared = {entry for entry in ones if isinstance(entry, str)} & {e for e in others if isinstance(e, str)}
        shared |= {str(i) for low, high in _spans(ones) for a, b in _spans(others) for i in _meet(low, high, a, b)}
        if shared:
            raise ValueError(f"a class in one group alone; {min(shared)!r} is in {first} and in {second}")
    return groups


def _spans(entries: tuple[ClassOrRange, ...]) -> list[tuple[int, int]]:
    whole = [entry for entry in entries if not isinstance(entry, str)]
    return [(entry, entry) if isinstance(entry, int) else (entry.first, entry.last) for entry in whole]


def _meet(low: int, high: int, other_low: int, other_high: int) -> list[int]:
    start = max(low, other_low)
    return [start] if start <= min(high, other_high) else []


ClassGroups = Annotated[dict[Name, Annotated[tuple[ClassOrRange, ...], Field(min_length=1)]], AfterValidator(_apart)]


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
    class_groups: ClassGroups = Field(
        default={},
        description="Content classes under a name, for the matrix of contents: numbers are class indices, {first, last}"
        " a range of them, texts synsets or names. Classes in no group are left out. Empty: no such matrix.",
    )
    hardest: int = Field(
        default=50, ge=1, le=1000, description="Images listed as the hardest, of each experiment and matrix condition."
    )
    gallery: bool = Field(
        default=False,
        description="Put at most 24 small pictures of the hardest images into the report, where their files are at"
        " hand. Look first whether the licence of the images lets you show them.",
    )
