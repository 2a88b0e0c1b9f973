"""What training on pairs asks of a recipe and its subset together."""

from collections.abc import Iterator

from crossgen.config.model import Config


def faults(config: Config) -> Iterator[str]:
    """Recipes that train on pairs, of subsets that keep none; for a config whose grids are expanded."""
    subsets = {item.name: item for item in config.subsets}
    recipes = {item.name: item for item in config.recipes}
    for index, item in enumerate(config.experiments):
        if recipes[item.recipe].pairing == "name" and subsets[item.subset].pairing == "none":
            yield (
                f"recipes {item.recipe!r}.pairing is name, but subsets {item.subset!r}.pairing is none, in"
                f" experiments[{index}] {item.name!r}: training on pairs needs whole pairs; write pairing: name in both"
            )
