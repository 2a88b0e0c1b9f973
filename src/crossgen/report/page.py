"""The report as one self-contained HTML page: data, charts and figures inside, no network."""

import base64
import gzip
import re
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from markupsafe import Markup
from plotly.offline import get_plotlyjs

import crossgen
from crossgen.report import facts, origins
from crossgen.report.citation import bibtex
from crossgen.report.data import ReportData
from crossgen.report.gallery import gallery
from crossgen.report.looked import shown
from crossgen.report.meaning import findings
from crossgen.report.payload import embedded, payload
from crossgen.report.printing import Table
from crossgen.report.seeds import seeds_text
from crossgen.report.short import in_short
from crossgen.report.summary import QUESTIONS
from crossgen.templates import template

FOLDER = Path(__file__).parent
TEMPLATE = "page.html.j2"
STYLES = ("page.css", "page.print.css")
SCRIPTS = (
    "page.core.js", "page.pairs.js", "page.matrix.js", "page.charts.js", "page.behind.js", "page.sections.js",
    "page.downloads.js", "page.start.js",
)  # fmt: skip
TITLES = {
    "run": "What was run",
    "bias": "Are the data biased?",
    "matrix": "The matrix",
    "degraded": "Degraded images",
    "controls": "Controls",
    "thresholds": "Thresholds and calibration",
    "spectra": "Spectra",
    "looking": "Looking into the detectors",
    "errors": "Where detectors err",
    "meaning": "What it means",
    "data": "Data and what is left out",
    "cite": "How to cite",
    "files": "Files",
}
#: The same in the navigation, where a phone has room for a word.
WORDS = (
    "Run",
    "Bias",
    "Matrix",
    "Degraded",
    "Controls",
    "Thresholds",
    "Spectra",
    "Looking",
    "Errors",
    "Meaning",
    "Data",
    "Cite",
    "Files",
)
#: Sentences of a topic that stand open; more are folded away.
MOST = 12
#: Characters of drawn figures that a page holds: those of some four experiments.
MOST_DRAWN = 5_000_000
#: Kinds of figures and tables of a section that folds them away, in words.
ERRORS = {
    "sizes": "Called fake by image size",
    "qualities": "Called fake by JPEG quality",
    "correlation": "Correlation of training rows",
    "breakdown_size": "By image size, as a table",
    "breakdown_quality": "By JPEG quality, as a table",
    "classes": "By content class: the extremes",
    "disagreement": "Disagreement of detectors",
    "hardest": "The hardest images",
}
#: Sections of what only some runs ask for, and the frame that is empty where they did not: left out, then.
ASKED = {"spectra": "spectra", "looking": "looked"}
#: Kinds of figures of the spectra, in words.
SPECTRAL = {
    "average": "Average spectra",
    "radial": "Power by frequency, against the reals",
    "blocks": "Blocks of 8 x 8",
    "combs": "Earlier saves as JPEG",
    "autocorrelation": "What repeats",
}
#: Where an SVG tells places in points.
PLACES = re.compile(r' (?:d|x|y|width|height)="[^"]*"|translate\([^)]*\)')
#: Section to the beginnings of its figures' names, and to its tables.
SECTIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "run": (("learning_",), ("detectors",)),
    "bias": (("probes_", "biases_"), ("biases", "attributes")),
    "matrix": (("matrix_",), ("matrix",)),
    "degraded": (("degradation_",), ("degraded",)),
    "controls": (("controls",), ("controls",)),
    "thresholds": (("reliability_",), ("operating_points", "calibration", "thresholds")),
    "spectra": (("spectra_",), ("spectra",)),
    "looking": ((), ("looking",)),
    "errors": (
        ("sizes_", "qualities_", "correlation_"),
        ("breakdown_size", "breakdown_quality", "classes", "correlation", "disagreement", "hardest"),
    ),
    "meaning": (("experiments",), ("comparisons",)),
    "ablations": (("ablation_",), ("ablation",)),
    "contents": (("contents",), ("class_matrix",)),
    "published": (("published_",), ("published",)),
    "data": ((), ("data", "losses", "duplicates", "waterfall")),
}


def render(data: ReportData, figures: Mapping[str, Path], tables: Mapping[str, Table], links: Mapping[str, str]) -> str:
    """The page. `figures`: name to SVG file; `tables`: name to table; `links`: text to relative address.

    Raises FileNotFoundError for a missing figure and ValueError for a link that leaves the report's folder.
    """
    for text, address in links.items():
        if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:|/", address):
            raise ValueError(f"Link {text!r} to {address!r}: expected an address relative to the report.")
    parts = {"links": links, "plotly": packed(get_plotlyjs()), "gallery": gallery(data), "looks": _looks(data)}
    return _filled(data, figures, tables, parts)


def packed(script: str) -> str:
    """A script as gzip in base64, which the page unpacks: a third of the bytes, the same bytes for the same script."""
    return base64.b64encode(gzip.compress(script.encode(), mtime=0)).decode()


def overview(data: ReportData, tables: Mapping[str, Table]) -> str:
    """The page without charts, drawn figures and links to files, where the tables stand for them.

    For `snakemake --report`, which shows pages as data: addresses: Chromium opens none of more than 2 MB.
    """
    bare = replace(data, curves=data.curves.iloc[:0], misjudged=data.misjudged.iloc[:0])
    return _filled(bare, {}, tables, {"links": {}, "plotly": "", "gallery": {}, "looks": {}})


def _filled(
    data: ReportData, figures: Mapping[str, Path], tables: Mapping[str, Table], parts: Mapping[str, object]
) -> str:
    return template(FOLDER / TEMPLATE).render(
        **_texts(data),
        **_code(data),
        **parts,
        summary=tables["summary"],
        sections=_sections(figures, tables),
    )


def _texts(data: ReportData) -> dict[str, object]:
    """Everything that is said in words."""
    titles = {key: text for key, text in TITLES.items() if key not in ASKED or len(getattr(data, ASKED[key]))}
    return {
        "data": data,
        "titles": titles,
        "words": dict(zip(TITLES, WORDS, strict=True)),
        "loop_of": {key: number for number, key in enumerate(titles, 1)},
        "errors": ERRORS,
        "spectral": SPECTRAL,
        "questions": QUESTIONS,
        "short": in_short(data),
        "facts": facts.run(data),
        "conditions": facts.conditions(data),
        "limits": facts.limits(data),
        "findings": findings(data),
        "most": MOST,
        "left_out": facts.left_out(data),
        "apart": [name for name in data.train_sets if not data.own_of(name)],
        "seeds": seeds_text(data),
        "level": round(100 * data.level),
        "bibtex": bibtex(),
        "version": crossgen.__version__,
        "origins": origins,
    }


def _code(data: ReportData) -> dict[str, Markup]:
    """Our styles and scripts, and the scripts' data."""
    return {
        "css": _inlined(STYLES),
        "script": _inlined(SCRIPTS),
        "payload": Markup(embedded(payload(data))),  # noqa: S704 -- `embedded` leaves no sign that HTML reads
    }


def _inlined(names: tuple[str, ...]) -> Markup:
    return Markup("\n".join((FOLDER / name).read_text(encoding="utf-8") for name in names))  # noqa: S704 -- our files


def _looks(data: ReportData) -> dict[str, dict[str, object]]:
    """Drawings of the detectors that were looked into."""
    return {
        name: {"maps": told["maps"], **{kind: inline(f"{kind} of {name}", told[kind]) for kind in ("plane", "drift")}}
        for name, told in shown(data).items()
    }


def _sections(figures: Mapping[str, Path], tables: Mapping[str, Table]) -> dict[str, dict[str, object]]:
    """Figures and tables of each section. Figures after the first MOST_DRAWN characters are links to their files."""
    found: dict[str, dict[str, object]] = {}
    drawn = 0
    for key, (starts, names) in SECTIONS.items():
        mine: dict[str, object] = {}
        for name, path in figures.items():
            if starts and name.startswith(starts):
                svg = inline(name, path)
                drawn += len(svg)
                mine[name] = svg if drawn <= MOST_DRAWN else _linked(name, path)
        found[key] = {"figures": mine, "tables": {name: tables[name] for name in names if name in tables}}
    return found


def _linked(name: str, path: Path) -> Markup:
    """A figure's file in place of the figure: beside the page, in `figures/`."""
    return Markup('<a href="figures/{}">{}</a>').format(path.name, name.replace("_", " "))


def _short(name: str) -> str:
    """A few letters in place of a figure's name, which stands before thousands of ids."""
    return f"f{zlib.crc32(name.encode()):x}"


def inline(name: str, path: Path) -> Markup:
    """An SVG file as an element of the page: ids made unique, as wide as drawn but never wider than the page."""
    text = path.read_text(encoding="utf-8")
    head, _, body = text[text.index("<svg") :].partition(">")
    width, box = (re.search(rf'{key}="([^"]*)"', head) for key in ("width", "viewBox"))
    if not width or not box:
        raise ValueError(f"{path}: the <svg> element has no width or viewBox; draw the figure again.")
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL).replace("xlink:href", "href")
    body = re.sub(r'(\sid="|href="#|url\(#)', rf"\g<1>{_short(name)}-", body)
    # drawn to 2 digits of a point, and without line breaks: a third less to send, and nobody sees it
    body = re.sub(r"> *\n *<", "><", PLACES.sub(lambda found: re.sub(r"(\.\d\d)\d+", r"\1", found[0]), body))
    start = f'<svg role="img" aria-label="{name}" viewBox="{box[1]}" style="width:{width[1]}">'
    return Markup(start + body)  # noqa: S704 -- drawn by us, from names that hold no markup
