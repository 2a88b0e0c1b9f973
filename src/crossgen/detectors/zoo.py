"""The zoo of architectures, and any class of your own by `package.module:Builder`."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from crossgen.config import Recipe
from crossgen.detectors import cnnspot, f3net, gramnet, npr, res50nodown, residual_network, spec, timm_network

Builder = Callable[..., nn.Module]

#: Name in the config -> builder: keyword arguments -> module from images [n, 3, size, size] to logits [n, 1].
ZOO: dict[str, Builder] = {
    "cnnspot": cnnspot.build,
    "f3net": f3net.build,
    "gramnet": gramnet.build,
    "npr": npr.build,
    "res50nodown": res50nodown.build,
    "residual": residual_network.build,
    "spec": spec.build,
    "timm": timm_network.build,
}


def build(recipe: Recipe) -> nn.Module:
    """The recipe's network with fresh weights. Raises ValueError for an architecture or options that do not exist."""
    return network(recipe.architecture, recipe.options, f" in {recipe.name!r}")


def network(architecture: str, options: Mapping[str, Any], where: str = "") -> nn.Module:
    """The same without the rest of a recipe; `where` is told in the message about options."""
    try:
        return _builder(architecture)(**options)
    except TypeError as error:
        raise ValueError(f"Options {dict(options)} do not fit {architecture!r}{where}: {error}.") from error


def _builder(architecture: str) -> Builder:
    if architecture in ZOO:
        return ZOO[architecture]
    module, colon, name = architecture.partition(":")
    if not colon:
        raise ValueError(
            f"Unknown architecture {architecture!r}: expected one of {', '.join(ZOO)}, or 'package.module:Builder'."
        )
    try:
        builder: Builder = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"Cannot load architecture {architecture!r}: {error}; is its package on PYTHONPATH?"
        ) from error
    return builder
