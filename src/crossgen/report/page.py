"""The report as one self-contained HTML page: no script, no network, figures inside."""

import re
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from crossgen.report.data import ReportData
from crossgen.report.printing import Table
from crossgen.report.summary import QUESTIONS, seeds_text

TEMPLATE = "page.html.j2"
#: Section to the beginning of its figures' names, and to its tables.
SECTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "Trained on one, tested on all": ("matrix_", ("matrix",)),
    "Degraded images": ("degradation_", ("degraded",)),
    "What file facts alone reveal": ("probes_", ("biases", "attributes")),
    "Files before and after selection": ("biases_", ()),
    "Controls": ("controls", ("controls",)),
    "Data and quarantine": ("data_", ("data",)),
}


def render(data: ReportData, figures: Mapping[str, Path], tables: Mapping[str, Table], links: Mapping[str, str]) -> str:
    """The page. `figures`: name to SVG file; `tables`: name to table; `links`: text to relative address.

    Raises FileNotFoundError for a missing figure and ValueError for a link that leaves the report's folder.
    """
    for text, address in links.items():
        if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:|/", address):
            raise ValueError(f"Link {text!r} to {address!r}: expected an address relative to the report.")
    sections = [_section(title, figures, tables) for title in SECTIONS]
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template(TEMPLATE).render(
        data=data,
        facts=_facts(data),
        questions=QUESTIONS,
        summary=tables["summary"],
        seeds=seeds_text(data),
        sections=[section for section in sections if section["figures"] or section["tables"]],
        links=links,
        level=round(100 * data.level),
    )


def _section(title: str, figures: Mapping[str, Path], tables: Mapping[str, Table]) -> dict[str, object]:
    start, names = SECTIONS[title]
    return {
        "title": title,
        "figures": {name: inline(name, path) for name, path in figures.items() if name.startswith(start)},
        "tables": {name: tables[name] for name in names if name in tables},
    }


def _facts(data: ReportData) -> dict[str, str]:
    """What was run, in numbers."""
    runs = data.metrics[~data.metrics.train_set.isin(["mean"])]
    detectors = len(runs[["experiment", "train_set", "seed"]].drop_duplicates())
    return {
        "Images": f"{len(data.facts):,} in {data.facts['pool'].nunique()} pools,"
        f" {int(data.facts['quarantine'].notna().sum()):,} quarantined",
        "Experiments": ", ".join(data.experiments),
        "Detectors": f"{detectors}, of {len(data.train_sets)} train sets",
        "Test sets": ", ".join(data.generators),
        "Controls": ", ".join(data.controls) or "none",
        "Conditions": ", ".join(condition.name for condition in data.conditions),
        "Seeds": ", ".join(map(str, data.seeds)),
    }


def inline(name: str, path: Path) -> Markup:
    """An SVG file as an element of the page: ids made unique, as wide as drawn but never wider than the page."""
    text = path.read_text(encoding="utf-8")
    head, _, body = text[text.index("<svg") :].partition(">")
    width, box = (re.search(rf'{key}="([^"]*)"', head) for key in ("width", "viewBox"))
    if not width or not box:
        raise ValueError(f"{path}: the <svg> element has no width or viewBox; draw the figure again.")
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL).replace("xlink:href", "href")
    body = re.sub(r'(\sid="|href="#|url\(#)', rf"\g<1>{name}-", body)
    start = f'<svg role="img" aria-label="{name}" viewBox="{box[1]}" style="width:{width[1]}">'
    return Markup(start + body)  # noqa: S704 -- drawn by us, from names that hold no markup
