"""Pages from Jinja templates: every text is escaped, and a name that nobody gave is an error."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template


def template(path: Path, filters: Mapping[str, Callable[..., Any]] | None = None) -> Template:
    """The template of a file, with filters by name. Lines that hold nothing but a block leave no line."""
    environment = Environment(
        loader=FileSystemLoader(path.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters or {}
    return environment.get_template(path.name)
