"""From files to a checked `Config`: `extends:`, overrides, one-line messages that name key, value and remedy."""

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from crossgen.config import ensembles, looking, pairs, protocols
from crossgen.config.checks import check
from crossgen.config.derive import detectors, tested_pools, with_folders, with_seen, with_unseen
from crossgen.config.grid import expand
from crossgen.config.model import SCHEMA_VERSION, Config
from crossgen.config.presets import applied
from crossgen.config.references import check_references
from crossgen.config.values import merged


class ConfigError(ValueError):
    """A configuration that cannot be used; the message has one line for every fault."""


class _Loader(yaml.SafeLoader):
    """YAML that refuses doubled keys and reads 1e-4 as a number (plain YAML 1.1 makes it a text)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        for key in keys:
            if keys.count(key) > 1:
                line = node.start_mark.line + 1
                raise ConfigError(f"Doubled key {key!r} in the mapping that starts in line {line} ({self.name}).")
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def load(files: Sequence[str | Path], overrides: Mapping[str, Any] | None = None) -> Config:
    """Read, merge, check and expand.

    Later files win over earlier ones, a file over what it extends, `overrides` (the `--config` of a command line) over
    all. Mappings merge, lists replace. Raises ConfigError.
    """
    content: dict[str, Any] = {}
    for file in files:
        content = merged(content, read(Path(file)))
    content = merged(content, cast(dict[str, Any], _parsed(dict(overrides or {}))))
    where = ", ".join(str(file) for file in files)
    config = with_folders(_validated(content, where))
    _refuse(check(config), where)
    try:
        expanded = expand(with_seen(with_unseen(config)))
    except ValueError as error:
        raise ConfigError(f"{error} ({where})") from error
    _refuse([*check_references(expanded), *ensembles.check(expanded), *pairs.faults(expanded)], where)
    _refuse([*protocols.faults(expanded)], where)
    if expanded.looking is not None:
        keys = [detector.key for detector in detectors(expanded)]
        _refuse([*looking.faults(expanded.looking, keys, tested_pools(expanded))], where)
    return ensembles.with_degradations(protocols.with_differences(expanded))


def _refuse(faults: Sequence[str], where: str) -> None:
    if faults:
        raise ConfigError("\n".join(f"{fault} ({where})" for fault in faults))


def read(path: Path, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """One file with what it extends, as plain data; recipes given as paths are read, and what they extend."""
    if path.resolve() in seen:
        chain = " -> ".join(str(part) for part in (*seen, path.resolve()))
        raise ConfigError(f"'extends' goes in a circle: {chain}.")
    content = _yaml(path)
    parent = content.pop("extends", None)
    recipes = content.get("recipes")
    if isinstance(recipes, list):
        content["recipes"] = [
            read(path.parent / item, (*seen, path.resolve())) if isinstance(item, str) else item for item in recipes
        ]
    if parent is None:
        return content
    return merged(read(path.parent / str(parent), (*seen, path.resolve())), content)


def _yaml(path: Path) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            content = yaml.load(file, _Loader)  # noqa: S506 (a SafeLoader)
    except OSError as error:
        raise ConfigError(f"Cannot read the config file {path}: {error.strerror}.") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"Not YAML: {path}: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"The config file {path} holds {type(content).__name__}, expected a mapping of keys.")
    return content


def _parsed(value: object) -> object:
    """Texts of a command line as YAML: Snakemake hands on the scalars inside a mapping as texts."""
    if isinstance(value, Mapping):
        return {str(key): _parsed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_parsed(item) for item in value]
    if isinstance(value, str):
        return yaml.load(value, _Loader)  # noqa: S506 (a SafeLoader)
    return value


def _validated(content: Mapping[str, Any], where: str) -> Config:
    version = content.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        known = f"newer than this crossgen knows ({SCHEMA_VERSION})"
        raise ConfigError(f"schema_version {version} is {known}: update crossgen ({where}).")
    content = _with_presets(content, where)
    try:
        return Config.model_validate_json(json.dumps(content))
    except (TypeError, ValueError) as error:
        if isinstance(error, ValidationError):
            raise ConfigError(_messages(error, content, where)) from error
        raise ConfigError(f"Cannot use a value of the config: {error} ({where}).") from error


def _with_presets(content: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """The content with the values of presets beside what its subsets say."""
    subsets = content.get("subsets")
    if not isinstance(subsets, list):
        return content
    told = []
    for index, item in enumerate(subsets):
        try:
            told.append(applied(item) if isinstance(item, Mapping) else item)
        except ValueError as error:
            raise ConfigError(f"{error} ({where}, subsets[{index}]).") from error
    return {**content, "subsets": told}


def _messages(error: ValidationError, content: Mapping[str, Any], where: str) -> str:
    faults = error.errors()
    # A list whose items were refused also counts as too short: an echo of the faults inside, not another one.
    inside = {fault["loc"][:depth] for fault in faults for depth in range(len(fault["loc"]))}
    told = [fault for fault in faults if not (fault["type"] == "too_short" and fault["loc"] in inside)]
    return "\n".join(f"{_message(fault, content)} ({where}, {_place(fault, content)})" for fault in told)


def _path(fault: ErrorDetails, content: object) -> list[str | int]:
    """The keys as written: pydantic adds the names of union members, which are no keys of the file."""
    path: list[str | int] = []
    for index, part in enumerate(fault["loc"]):
        if isinstance(part, int):
            inside = isinstance(content, list) and part < len(content)
        else:
            inside = isinstance(content, dict) and part in content
        last = index == len(fault["loc"]) - 1
        if inside:
            content = cast(Any, content)[part]
            path.append(part)
        elif last and fault["type"] == "missing":
            path.append(part)
    return path


def _place(fault: ErrorDetails, content: object) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in _path(fault, content))
    return text.lstrip(".") or "top level"


def _key(path: list[str | int]) -> str:
    """The last key; an item of a list is named by its list: 'jpeg_quality[0]'."""
    names = [place for place, part in enumerate(path) if isinstance(part, str)]
    if not names:
        return "the config"
    return "".join([str(path[names[-1]]), *(f"[{part}]" for part in path[names[-1] + 1 :])])


def _owner(fault: ErrorDetails, content: object) -> str:
    """The name of the nearest enclosing list item, for people: ' in 'jpeg_q65''."""
    name = ""
    for part in _path(fault, content)[:-1]:
        content = cast(Any, content)[part]
        if isinstance(content, dict) and isinstance(content.get("name"), str):
            name = f" in {content['name']!r}"
    return name


def _message(fault: ErrorDetails, content: object) -> str:
    key = _key(_path(fault, content))
    owner, given = _owner(fault, content), json.dumps(fault["input"], default=str)
    context = fault.get("ctx", {})
    if fault["type"] == "extra_forbidden":
        choices = _known_keys(fault)
        close = difflib.get_close_matches(str(key), choices, 1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        return f"Unknown key {key!r}{owner}: {hint}expected one of {', '.join(choices)}"
    if fault["type"] == "missing":
        return f"Missing key {key!r}{owner}"
    if fault["type"] == "too_short":
        return f"Wrong value {given[:80]} of {key!r}{owner}: expected at least {context['min_length']} item(s)"
    if fault["type"] == "union_tag_invalid":
        tag = context.get("discriminator", "").strip("'")
        noun = {"step": "step", "kind": "source kind"}.get(tag, tag)
        expected = str(context.get("expected_tags", "")).replace("'", "")
        return f"Unknown {noun} {context.get('tag')!r}{owner}: expected one of {expected}"
    reason = fault["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return f"Wrong value {given[:80]} of {key!r}{owner}: expected {reason}"


def _known_keys(fault: ErrorDetails) -> list[str]:
    """Field names of the class that refused the key, found by walking the JSON schema along the location."""
    schema = Config.model_json_schema()
    node: Any = schema
    for part in fault["loc"][:-1]:
        node = _inside(node, part, schema)
    return sorted(_resolved(node, schema).get("properties", {}))


def _resolved(node: Any, schema: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 (JSON)
    while isinstance(node, dict) and "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
    return node if isinstance(node, dict) else {}


def _inside(node: Any, part: str | int, schema: dict[str, Any]) -> Any:  # noqa: ANN401 (JSON)
    node = _resolved(node, schema)
    if isinstance(part, int):
        return node.get("items", node)
    if part in node.get("properties", {}):
        return node["properties"][part]
    if "discriminator" in node:
        return (
            {"$ref": node["discriminator"]["mapping"].get(part, "")}
            if part in node["discriminator"]["mapping"]
            else node
        )
    choices = [inner for option in node.get("anyOf", []) for inner in option.get("oneOf", [option])]
    options = [option for option in choices if _resolved(option, schema).get("title") == part]
    return options[0] if options else node
