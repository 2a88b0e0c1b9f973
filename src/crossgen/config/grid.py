"""`vary:`: from one experiment as written to one for every point of its grid."""

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from crossgen.config.axes import Place
from crossgen.config.model import Config, Experiment
from crossgen.config.recipes import Recipe
from crossgen.config.subsets import Subset

Varied = TypeVar("Varied", Subset, Recipe)

#: A setting: (key as written, label in names, value).
Setting = tuple[str, str, Any]


def expand(config: Config) -> Config:
    """Replace experiments that vary by their grid points, with the subsets and recipes those need.

    A point is named `<experiment>+<key>=<label>...`, its subset and recipe by the settings that change them, so that
    two experiments that share a varied subset share its files. Raises ValueError: labels, doubled names, comparisons
    with an experiment that is not there, a value that does not fit its key.
    """
    subsets = {item.name: item for item in config.subsets}
    recipes = {item.name: item for item in config.recipes}
    experiments: list[Experiment] = []
    for item in config.experiments:
        for settings in _points(item):
            subset = _changed(subsets[item.subset], settings, "subset")
            recipe = _changed(recipes[item.recipe], settings, "recipe")
            _add(subsets, subset)
            _add(recipes, recipe)
            name = item.name + _suffix(settings)
            made = {
                "name": name,
                "subset": subset.name,
                "recipe": recipe.name,
                "vary": {},
                "at": _places(item, settings),
            }
            experiments.append(item.model_copy(update=made))
    result = config.model_copy(
        update={
            "subsets": tuple(subsets.values()),
            "recipes": tuple(recipes.values()),
            "experiments": tuple(experiments),
        }
    )
    _check_comparisons(result)
    return result


def _points(item: Experiment) -> Iterator[tuple[Setting, ...]]:
    axes = [[(key, *pair) for pair in _labelled(item, key, values)] for key, values in item.vary.items()]
    short = [key.rsplit(".", 1)[1] for key in item.vary]
    if len(set(short)) != len(short):
        raise ValueError(f"Experiment {item.name!r} varies two keys of one last name ({short}); vary one of them.")
    return itertools.product(*axes)


def _labelled(item: Experiment, key: str, values: object) -> list[tuple[str, Any]]:
    pairs = list(values.items()) if isinstance(values, Mapping) else [(_label(value), value) for value in values]  # type: ignore[attr-defined]
    for label, value in pairs:
        if label is None or not re.fullmatch(r"[a-z0-9_.-]+", label):
            raise ValueError(
                f"Experiment {item.name!r} varies {key!r} over {json.dumps(value)}, which cannot stand in a name: "
                f"write {{label: value}} with labels of a-z, 0-9, '_', '.', '-'."
            )
    labels = [label for label, _ in pairs]
    if not pairs or len(set(labels)) != len(labels):
        raise ValueError(f"Experiment {item.name!r} varies {key!r} over {labels}: expected different values.")
    return [(str(label), value) for label, value in pairs]


def _label(value: object) -> str | None:
    return None if isinstance(value, list | dict) or value is None else json.dumps(value).strip('"').lower()


def _suffix(settings: tuple[Setting, ...], kind: str = "") -> str:
    chosen = [item for item in settings if item[0].startswith(kind)]
    return "".join(f"+{key.rsplit('.', 1)[1]}={label}" for key, label, _ in chosen)


def _places(item: Experiment, settings: tuple[Setting, ...]) -> dict[str, Place]:
    """Where a grid point stands: at its values, or their labels where these are no plain ones."""
    told = {key.rsplit(".", 1)[1]: value if isinstance(value, Place) else label for key, label, value in settings}
    return {**item.at, **told}


def _changed(item: Varied, settings: tuple[Setting, ...], kind: str) -> Varied:
    mine = tuple(setting for setting in settings if setting[0].startswith(f"{kind}."))
    if not mine:
        return item
    content = item.model_dump(mode="json")
    for key, _, value in mine:
        *path, last = key.split(".")[1:]
        node = content
        for part in path:
            node[part] = {} if node.get(part) is None else node[part]
            node = node[part]
            if not isinstance(node, dict):
                raise ValueError(
                    f"Cannot vary {key!r} of {kind} {item.name!r}: {part} is {json.dumps(node)}, no mapping."
                )
        node[last] = value
    content["name"] = item.name + _suffix(mine)
    try:
        return type(item).model_validate_json(json.dumps(content))
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(str(part) for part in fault["loc"])
        raise ValueError(
            f"Cannot vary {kind} {item.name!r} as {_suffix(mine)!r}: {kind}.{place}: {fault['msg']}; "
            f"keys of a {kind}: {', '.join(type(item).model_fields)}."
        ) from error


def _add(known: dict[str, Varied], item: Varied) -> None:
    if known.setdefault(item.name, item) != item:
        raise ValueError(f"Two different grid points are named {item.name!r}: give their values different labels.")


def _check_comparisons(config: Config) -> None:
    names = [item.name for item in config.experiments]
    if len(set(names)) != len(names):
        raise ValueError(f"Doubled experiment name after `vary`: {sorted({n for n in names if names.count(n) > 1})}.")
    judged = [*names, *(item.name for item in config.ensembles)]
    for index, item in enumerate(config.comparisons):
        for name in (item.experiment, item.baseline):
            if name not in judged:
                choices = ", ".join(judged)
                raise ValueError(f"Unknown experiment {name!r} in comparisons[{index}]: expected one of {choices}.")
