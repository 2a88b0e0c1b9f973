"""What one image costs a network, in multiply-adds forward: tabled for the networks of our recipes, without torch."""

import csv
from functools import cache
from importlib.resources import files

from crossgen.config import RandomCrop, RandomResizedCrop, Recipe

#: Forward and backward, in units of forward.
TRAINED = 3
#: Taken for a network that the table does not know.
INSTEAD = "resnet50"


@cache
def _rows() -> list[dict[str, str]]:
    lines = files("crossgen.plan").joinpath("networks.csv").read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(lines))


@cache
def _table() -> dict[str, tuple[float, float]]:
    return {row["network"]: (float(row["size"]), float(row["gigamacs"])) for row in _rows()}


def weights_bytes(network: str) -> float | None:
    """Size of a network's weights (float32); None if the table does not know it."""
    return next((float(row["megaparameters"]) * 4e6 for row in _rows() if row["network"] == network), None)


def stored_bytes(recipe: Recipe) -> float:
    """Size of a detector's file."""
    return weights_bytes(name(recipe)) or weights_bytes(INSTEAD) or 0.0


def name(recipe: Recipe) -> str:
    """The network of a recipe as the table and notes call it."""
    model = recipe.options.get("model")
    return str(model) if model and recipe.architecture in ("timm", "residual") else recipe.architecture


def is_known(recipe: Recipe) -> bool:
    """Whether the table has it."""
    return name(recipe) in _table()


def gigamacs(recipe: Recipe, megapixels: float | None, training: bool = False) -> float:
    """Billions of multiply-adds of one image, forward: they grow with its pixels. `megapixels`: of whole images."""
    size, known = _table().get(name(recipe), _table()[INSTEAD])
    if recipe.frame.kind == "whole" and not training and megapixels:
        return known * megapixels * 1e6 / size**2
    return known * (side(recipe, training) / size) ** 2


def side(recipe: Recipe, training: bool) -> int:
    """Side of what the network sees, in pixels."""
    if training:
        cropped = [step.size for step in recipe.augment if isinstance(step, RandomCrop | RandomResizedCrop)]
        return cropped[-1] if cropped else recipe.packed_frame.size
    return recipe.frame.size
