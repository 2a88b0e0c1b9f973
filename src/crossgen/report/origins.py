"""Which files of a run each table, figure and chart of the report is made of.

The names are roles of run.json (see `crossgen.provenance.roles` for what those rest on).
"""

import re
from collections.abc import Mapping, Sequence

CELLS = ("metrics", "seed_means")
PAIRED = ("differences", "seed_means")
MEANS = (*CELLS, "differences")
PICKED = ("manifests", "selections", "indexes")

#: Table to roles.
TABLES: dict[str, tuple[str, ...]] = {
    "summary": CELLS,
    "matrix": CELLS,
    "degraded": CELLS,
    "comparisons": PAIRED,
    "ablation": CELLS,
    "published": MEANS,
    "detectors": ("detectors", "histories"),
    "controls": CELLS,
    "biases": ("probes",),
    "attributes": ("biases",),
    "data": ("manifests", "losses"),
    "losses": ("losses",),
    "waterfall": ("waterfalls",),
    "duplicates": ("duplicates",),
    "breakdown_quality": ("breakdowns",),
    "breakdown_size": ("breakdowns",),
    "classes": ("breakdowns",),
    "class_matrix": ("contents",),
    "correlation": ("correlations",),
    "disagreement": ("disagreements",),
    "hardest": ("hardest",),
    "thresholds": ("thresholds",),
    "operating_points": ("operating_points",),
    "calibration": ("operating_points",),
    "spectra": ("spectra",),
    "looking": ("looked",),
}
#: Kind of figure (its name up to the first `_`) to roles.
FIGURES: dict[str, tuple[str, ...]] = {
    "matrix": MEANS,
    "degradation": CELLS,
    "experiments": CELLS,
    "ablation": CELLS,
    "published": MEANS,
    "biases": PICKED,
    "probes": ("probes",),
    "contents": ("contents",),
    "controls": CELLS,
    "learning": ("histories", "watched"),
    "sizes": ("breakdowns",),
    "qualities": ("breakdowns",),
    "correlation": ("correlations",),
    "reliability": ("reliability",),
    "spectra": ("spectra", "spectral"),
}
#: What the page draws itself, by the beginning of its id, to roles.
DRAWN: dict[str, tuple[str, ...]] = {
    "bias-probes": ("probes",),
    "bias-rules": ("probes",),
    "bias-attributes": ("biases",),
    "bias-sizes": PICKED,
    "matrix": MEANS,
    "behind": ("curves",),
    "behind-classes": ("misjudged",),
    "degraded": CELLS,
    "controls": CELLS,
    "experiments": CELLS,
}
#: What is said in sentences.
SAID = (*MEANS, "probes")
#: Images that are used nowhere; cells that rest on fewer images than there are, or on none.
QUARANTINED, UNDEFINED = ("manifests",), ("metrics",)
#: Roles with a section of their own on the card; all others have a line each.
SECTIONS = {"scores": "numbers", "detectors": "numbers", "manifests": "data"}
Link = tuple[str, str]


def of_figure(name: str) -> tuple[str, ...]:
    """Roles of a figure by its name."""
    return FIGURES[name.split("_")[0]]


def of_drawn(name: str) -> tuple[str, ...]:
    """Roles of a chart or table that the page draws itself, by its id."""
    return DRAWN[re.sub("-(charts|table|legend)$", "", name)]


def links(files: Mapping[str, Sequence[str]], roles: Sequence[str]) -> list[Link]:
    """(text, address) of what a run has of some roles: the file itself where it is one, and its place on the card."""
    found: list[Link] = []
    known = [role for role in roles if files.get(role)]
    for role in known:
        paths = files[role]
        found.append((paths[0], paths[0]) if len(paths) == 1 else (f"{len(paths)} {words(role)}", place(role)))
    return [*found, ("card", place(known[0]))] if known else []


def place(role: str) -> str:
    """Where the card tells of a role, seen from the page."""
    return f"card.html#{anchor_of(role)}"


def anchor_of(role: str) -> str:
    """The same on the card itself."""
    return SECTIONS.get(role, f"of-{role}")


def words(role: str) -> str:
    """A role as it is printed."""
    return role.replace("_", " ")
