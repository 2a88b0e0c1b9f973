"""Layers that keep their weights and statistics."""

from difflib import get_close_matches

from torch import nn


def frozen(network: nn.Module, name: str | None) -> tuple[nn.Module, ...]:
    """Freeze all up to the module `name`, it included, in the order in which modules were built.

    Returns the modules that must stay in evaluation mode. A name may leave out what only wraps the network
    (`network.`). Raises ValueError for a name that no module has.
    """
    if name is None:
        return ()
    modules = dict(network.named_modules())
    full = next((prefix + name for prefix in ("", "network.", "network.network.") if prefix + name in modules), None)
    if full is None:
        close = get_close_matches(f"network.{name}", modules, 5, 0.3) or list(modules)[1:6]
        raise ValueError(f"freeze names the module {name!r}, which the network has not: expected e.g. {close}.")
    order = list(modules)
    last = max(place for place, other in enumerate(order) if other == full or other.startswith(f"{full}."))
    for each in order[: last + 1]:
        for parameter in modules[each].parameters(recurse=False):
            parameter.requires_grad_(False)
    within = [each for each in order[: last + 1] if each and not full.startswith(f"{each}.")]
    return tuple(modules[each] for each in within)
