"""Looking into detectors: which of them, at which images, and how."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from pydantic import Field

from crossgen.config.steps import Model, Text
from crossgen.config.values import Name, unknown


class Looking(Model):
    """Maps of what detectors look at, their features in a plane, and their drift under JPEG, in the report."""

    detectors: tuple[Text, ...] = Field(
        min_length=1, description="Detectors looked into: `experiment/train_set/seed0`; each adds to the report's size."
    )
    pools: tuple[Name, ...] | None = Field(
        default=None, min_length=1, description="Tested pools whose images are looked at; null: all of them."
    )
    images: int = Field(default=100, ge=10, le=10_000, description="Test images of each pool, for the features.")
    maps: int = Field(default=2, ge=1, le=50, description="Images of each pool that get a map.")
    method: Literal["auto", "grad_cam", "occlusion"] = Field(
        default="auto",
        description="How maps are made. auto: Grad-CAM for convolutional networks that see the picture as it lies,"
        " occlusion for every other.",
    )
    pictures: bool = Field(
        default=False,
        description="Show each picture beside its map. Look first whether the licence of the images lets you show"
        " them.",
    )
    plane: Literal["tsne", "pca"] = Field(default="tsne", description="How features are laid out in a plane.")
    qualities: tuple[Annotated[int, Field(ge=1, le=100)], ...] = Field(
        default=(95, 75, 50, 30), min_length=1, description="JPEG qualities of the drift."
    )
    seed: int = Field(default=0, ge=0, description="Draws images, layout and intervals.")


def faults(looking: Looking, detectors: Iterable[str], tested: Iterable[str]) -> Iterator[str]:
    """References to nothing, and what is named twice. `detectors`: their keys; `tested`: pools of test sets."""
    known, pools = list(detectors), list(tested)
    for name in looking.detectors:
        if name not in known:
            shown = [*known[:8], "..."] if len(known) > 8 else known
            yield unknown("detector", name, "looking.detectors", shown)
    for name in looking.pools or ():
        if name not in pools:
            yield unknown("tested pool", name, "looking.pools", pools)
    qualities = tuple(map(str, looking.qualities))
    for what, names in (("detector", looking.detectors), ("pool", looking.pools or ()), ("quality", qualities)):
        for twice in dict.fromkeys(name for name in names if names.count(name) > 1):
            yield f"Doubled {what} {twice!r} in looking: name it once"
