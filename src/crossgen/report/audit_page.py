"""The findings of `crossgen audit` as one self-contained HTML page: no scripts, no network; bars are inline SVG."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from markupsafe import Markup

import crossgen
from crossgen.data.findings import FEWEST, PROBES, VERDICT
from crossgen.data.hints import SIGNS
from crossgen.templates import template

FOLDER = Path(__file__).parent
TEMPLATE, STYLE = "audit_page.html.j2", "audit_page.css"
Json = dict[str, Any]

#: Drawn size of a distribution in pixels, and characters of a value's name that are shown.
WIDTH, HALF, SHOWN = 264, 26, 40
TITLES = {
    "told": "Biased",
    "between": "A little biased",
    "chance": "No bias found in the files",
    "unknown": "No verdict",
}
SEEN = {
    "header": "file header",
    "header_and_geometry": "file header and size",
    "with_content": "header, size and bytes a pixel",
}
MODELS = {"tree": "tree of depth 3", "boosting": "small boosted forest"}
RELATIONS = {"across_label": "real and fake", "across_split": "across splits", "within_split": "within a split"}


def render(found: Json) -> str:
    """The page. `found`: what `crossgen.data.findings` measured, with `verdict` and `given`. Every text is escaped."""
    page = template(FOLDER / TEMPLATE, {
        "percent": _percent, "count": "{:,}".format, "interval": interval, "bars": bars, "words": in_words,
        "short": _short, "plain": _plain, "line": _line,
    })  # fmt: skip
    return page.render(
        found=found,
        verdict=found["verdict"],
        title=TITLES[found["verdict"]["status"]],
        css=Markup((FOLDER / STYLE).read_text(encoding="utf-8")),  # noqa: S704 -- our file
        names={"seen": SEEN, "models": MODELS, "relations": RELATIONS, "signs": SIGNS, "labels": ("real", "fake")},
        probes={probe: [row for row in found["probes"] if row["probe"] == probe] for probe in PROBES},
        asked={"verdict": VERDICT, "fewest": FEWEST, "level": _whole(found["level"])},
        version=crossgen.__version__,
    )


def interval(row: Json, key: str) -> Markup:
    """A mark on a scale from 0.3 to 1, its interval, and a tick at 0.5; empty without a number."""
    if row[key] is None:
        return Markup("")

    def at(value: float) -> str:
        return f"{120 * (min(max(value, 0.3), 1) - 0.3) / 0.7 + 4:.1f}"

    low, high = (row[name] if row[name] is not None else row[key] for name in ("low", "high"))
    told = f"{_percent(row[key])}, interval {_percent(low)} to {_percent(high)}"
    return Markup(
        '<svg class="scale" width="128" height="16" role="img" aria-label="{}"><line class="chance" x1="{}" x2="{}" '
        'y1="1" y2="15"/><line class="range" x1="{}" x2="{}" y1="8" y2="8"/><circle cx="{}" cy="8" r="4"/></svg>'
    ).format(told, at(0.5), at(0.5), at(low), at(high), at(row[key]))


def bars(spread: Json | None) -> Markup:
    """A distribution: shares of the reals upwards, of the fakes downwards, along one axis."""
    if spread is None:
        return Markup("")
    counts, names = _axis(spread)
    top = max((share for pair in counts for share in pair), default=0) or 1
    step = WIDTH / len(counts)
    drawn = [
        _bar(at * step, step, pair, (top, name)) for at, (pair, name) in enumerate(zip(counts, names, strict=True))
    ]
    ends = _ends(spread, names, step)
    label = (
        f"reals upwards, fakes downwards: {', '.join(names)}" if len(names) < 9 else "reals upwards, fakes downwards"
    )
    return Markup('<svg class="bars" width="{}" height="{}" role="img" aria-label="{}">{}{}</svg>').format(
        WIDTH, 2 * HALF + 14, label, Markup("").join(drawn), ends
    )


def _bar(left: float, step: float, pair: Sequence[float], scaled: tuple[float, str]) -> Markup:
    top, name = scaled
    gap = min(3.0, step / 6)
    box = Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>')
    up, down = (HALF * share / top for share in pair)
    title = f"{name}: {_percent(pair[0])} of the reals, {_percent(pair[1])} of the fakes"
    width = max(1.0, min(step - gap, 60.0))
    return Markup("<g><title>{}</title>{}{}</g>").format(
        title,
        box.format("real", left, HALF - up, width, up),
        box.format("fake", left, HALF + 0.5, width, down),
    )


def _axis(spread: Json) -> tuple[list[tuple[float, float]], list[str]]:
    """Shares (real, fake) of each place of the axis, and the places' names."""
    counts = list(zip(spread["real"], spread["fake"], strict=True))
    if spread["kind"] == "values":
        names = [_short(name) for name in spread["values"]]
        rest = (spread["other"]["real"], spread["other"]["fake"])
        extra, word = rest, "others"
    else:
        edges = [_number(edge) for edge in spread["edges"]]
        names = [f"{low} to {high}" for low, high in pairwise(edges)]
        extra, word = (spread["missing"]["real"], spread["missing"]["fake"]), "missing"
    if any(extra):
        counts, names = [*counts, extra], [*names, word]
    totals = [max(1, sum(pair[label] for pair in counts)) for label in (0, 1)]
    return [(pair[0] / totals[0], pair[1] / totals[1]) for pair in counts] or [(0.0, 0.0)], names or ["none"]


def _ends(spread: Json, names: list[str], step: float) -> Markup:
    """Names below the bars where there is room, else the ends of the axis."""
    text = Markup('<text x="{:.1f}" y="{}" text-anchor="{}">{}</text>')
    down = 2 * HALF + 12
    if spread["kind"] == "values":
        room = max(3, int(step / 6.2))
        if len(names) > 8:
            return text.format(0, down, "start", names[0][:12]) + text.format(WIDTH, down, "end", names[-1][:12])
        return Markup("").join(
            text.format(at * step, down, "start", name if len(name) <= room else f"{name[: room - 1]}…")
            for at, name in enumerate(names)
        )
    ends = (_number(spread["edges"][0]), _number(spread["edges"][-1]))
    bins = step * (len(spread["edges"]) - 1)
    return text.format(0, down, "start", ends[0]) + text.format(bins, down, "end", ends[1])


def in_words(spread: Json | None, label: str) -> str:
    """The distribution of one label in a few words: its commonest values, or median and range of nine in ten."""
    if spread is None or not (total := sum(spread[label]) + sum(_rest(spread, label))):
        return "none"
    if spread["kind"] == "values":
        pairs = sorted(zip(spread[label], spread["values"], strict=True), key=lambda pair: -pair[0])
        told = [f"{_short(name)} ({_percent(count / total)})" for count, name in pairs[:3] if count]
        rest = total - sum(count for count, _ in pairs[:3])
        return ", ".join([*told, f"others ({_percent(rest / total)})"] if rest else told)
    at = spread["quantiles"][label]
    missing = spread["missing"][label]
    lost = [f"missing ({_percent(missing / total)})"] if missing else []
    known = [f"median {_number(at['median'])}, 90 % in {_number(at['q05'])} to {_number(at['q95'])}"] if at else []
    return "; ".join([*known, *lost])


def _rest(spread: Json, label: str) -> tuple[int, ...]:
    return (spread["other"][label],) if spread["kind"] == "values" else (spread["missing"][label],)


def _percent(share: float | None) -> str:
    """With a space that no line breaks at."""
    if share is None:
        return "–"
    number = f"{100 * share:.1f}"
    return f"{number.removesuffix('.0')}\u00a0%"


def _whole(share: float) -> str:
    return f"{100 * share:g}" if share in (0, 1) else f"{100 * share:.0f}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or float(value).is_integer() else f"{value:.3g}"


def _short(text: object) -> str:
    """A text of a file, on one line and not too long: what it holds is not ours."""
    line = _line(text)
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"


def _line(text: object) -> str:
    return repr(str(text))[1:-1]


def _plain(name: str) -> str:
    return name.replace("_", " ")
