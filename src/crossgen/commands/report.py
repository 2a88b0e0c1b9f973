"""Write the report page and run.json."""

import argparse
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from crossgen.report import arguments

#: It may be replayed, and reads this of the manifests (see `crossgen.replay.steps`).
REPLAYED = "all"
EXAMPLE = (
    "crossgen report --page report.html --overview overview.html --summary summary.txt --run run.json"
    " --figures figures/*.svg (and the inputs)"
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    arguments.configure(parser)
    arguments.configure_detectors(parser)
    parser.add_argument("--figures", required=True, type=Path, nargs="+", help="figures to show (SVG)")
    parser.add_argument("--files", required=True, help="JSON: role to the path(s) that run.json tells of")
    parser.add_argument(
        "--replay", default="{}", help="JSON: commands before this one to their options, recorded for `crossgen verify`"
    )
    parser.add_argument("--config", default="{}", help="JSON of the whole config")
    parser.add_argument("--config-file", type=Path, help="config to write (JSON)")
    parser.add_argument("--page", required=True, type=Path, help="page to write (HTML, self-contained)")
    parser.add_argument("--overview", required=True, type=Path, help="the page without charts, for snakemake --report")
    parser.add_argument("--summary", required=True, type=Path, help="summary to write (text)")
    parser.add_argument("--run", dest="run_file", required=True, type=Path, help="run.json to write")


def run(options: argparse.Namespace) -> None:
    """Write page, overview, summary and run.json."""
    from crossgen.files import write_text
    from crossgen.replay.steps import made_with, recorded
    from crossgen.report import inputs
    from crossgen.report.page import overview, render
    from crossgen.report.summary import summary_text
    from crossgen.report.tables import TABLES
    from crossgen.report.trained import headers

    folder = options.page.parent
    files = json.loads(options.files)
    roles = {role: _listed(told, folder) for role, told in files.items()}
    read = replace(inputs.read(options), detectors=headers(options.detectors), files=_paths(roles))
    data = inputs.behind(read, options)
    tables = {name: build(data) for name, build in TABLES.items()}
    links = {role: told["path"] for role, told in roles.items() if isinstance(told, dict)}
    links |= {"card": "card.html"}  # made after this page, of run.json
    page = render(data, {path.stem: path for path in options.figures}, tables, links)
    text = summary_text(data)
    write_text(options.page, page)
    write_text(options.overview, overview(data, tables))
    write_text(options.summary, text)
    own = {name: _told(getattr(options, name), folder) for name in ("page", "overview", "summary")}
    if options.config_file:
        write_text(options.config_file, json.dumps(json.loads(options.config), indent=1, sort_keys=True) + "\n")
        own["config"] = _told(options.config_file, folder)
    steps = recorded(options.given[1:], json.loads(options.replay), files)
    told = {
        "run_version": 2,
        "report": data.name,
        "folder": folder.as_posix(),
        "files": {**roles, **own},
        "replay": [{"command": step.command, "words": step.words} for step in steps],
        "made_with": made_with(),
    }
    write_text(options.run_file, json.dumps(told, indent=1, sort_keys=True) + "\n")
    print(f"{options.page} {options.overview} {options.summary} {options.run_file}")


def _paths(roles: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Role to its paths, seen from the page."""
    return {
        role: tuple(each["path"] for each in (told if isinstance(told, list) else [told]))
        for role, told in roles.items()
    }


def _listed(told: str | list[str], folder: Path) -> dict[str, str] | list[dict[str, str]]:
    return _told(Path(told), folder) if isinstance(told, str) else [_told(Path(path), folder) for path in told]


def _told(path: Path, folder: Path) -> dict[str, str]:
    """Path relative to run.json, and what the file held."""
    from blake3 import blake3

    relative = Path(os.path.relpath(path, folder)).as_posix()
    return {"path": relative, "blake3": blake3(path.read_bytes()).hexdigest()}
