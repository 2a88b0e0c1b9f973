"""Optimisers by timm: what decays, and layer-wise rates."""

from collections.abc import Callable, Mapping
from typing import Any

from timm.optim import create_optimizer_v2
from torch import nn
from torch.optim import Optimizer

from crossgen.config import Optimiser, Recipe

#: Kind -> timm's name and the keyword arguments that go with it.
KINDS: dict[str, Callable[[Optimiser], tuple[str, dict[str, Any]]]] = {
    "adam": lambda told: ("adam", {"betas": (told.momentum, told.beta2)}),
    "adamw": lambda told: ("adamw", {"betas": (told.momentum, told.beta2)}),
    # unclipped unless the recipe says so: timm's own limit is 1
    "lamb": lambda told: ("lamb", {"betas": (told.momentum, told.beta2), "max_grad_norm": None}),
    "rmsprop": lambda told: ("rmsprop", {"momentum": told.momentum}),
    # timm's "sgd" is with Nesterov's momentum, its "momentum" without
    "sgd": lambda told: (
        "sgd" if told.nesterov else "momentum",
        {"momentum": told.momentum, "dampening": told.dampening},
    ),
}


def optimiser_of(recipe: Recipe, network: nn.Module) -> Optimizer:
    """The recipe's optimiser of what is to be trained (`requires_grad`), every group at its own rate.

    Raises ValueError where nothing is left to train, and for layer-wise rates of a network without layers.
    """
    told = recipe.optimiser
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise ValueError(f"Recipe {recipe.name!r} freezes every layer ({recipe.freeze!r}): name an earlier one.")
    name, options = KINDS[told.kind](told)
    made: Optimizer = create_optimizer_v2(
        _grouped(recipe, network),
        name,
        lr=told.lr,
        weight_decay=told.weight_decay,
        filter_bias_and_bn=told.decay == "weights",
        layer_decay=told.layer_decay,
        **options,
    )
    for group in made.param_groups:
        group["initial_lr"] = told.lr  # what timm's schedules start from; they apply lr_scale themselves
        group["lr"] = told.lr * group.get("lr_scale", 1.0)
    return made


def _grouped(recipe: Recipe, network: nn.Module) -> nn.Module | list[nn.Parameter]:
    """What timm makes its groups of: parameters where all are alike, else a module that knows its layers."""
    told = recipe.optimiser
    if told.layer_decay is None and told.decay == "all":
        return [parameter for parameter in network.parameters() if parameter.requires_grad]
    count = len(list(network.parameters()))
    for part in network.modules():
        if hasattr(part, "group_matcher") and len(list(part.parameters())) == count:
            return part
    return network if told.layer_decay is None else _Layered(network, _layers(recipe, network))


class _Layered(nn.Module):
    """A network without layers that timm knows, under the layers that its own parts make."""

    def __init__(self, network: nn.Module, layers: Mapping[str, int]) -> None:
        super().__init__()
        self.network, self.layers = network, layers

    def group_matcher(self, coarse: bool = False) -> Callable[[str], int]:
        """Name of a parameter -> its layer."""
        return lambda name: self.layers[name.removeprefix("network.")]


def _layers(recipe: Recipe, network: nn.Module) -> dict[str, int]:
    """Parameters by the part of the network that they lie in, parts counted as they were built; wrappers are opened."""
    prefix, part = "", network
    while len(holders := [name for name, child in part.named_children() if any(True for _ in child.parameters())]) == 1:
        prefix, part = f"{prefix}{holders[0]}.", part.get_submodule(holders[0])
    if len(holders) < 2:
        raise ValueError(
            f"optimiser.layer_decay in recipe {recipe.name!r}: {type(network).__name__} has no layers to tell apart;"
            " leave it out, or give the network a group_matcher as timm's networks have it."
        )
    places = {holder: place for place, holder in enumerate(holders)}
    return {name: places.get(name.removeprefix(prefix).split(".")[0], 0) for name, _ in network.named_parameters()}
