"""A run's card as a page: where each number came from, what made it, and what that took. No scripts, no network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crossgen.report.origins import anchor_of, words
from crossgen.templates import template

FOLDER, TEMPLATE = Path(__file__).parent, "card_page.html.j2"
#: Files of a role that the page names; card.json names all.
MOST = 2


def render(card: Mapping[str, Any]) -> str:
    """The page. Every text of the card is escaped; addresses are relative to the report's folder."""
    page = template(
        FOLDER / TEMPLATE, {"hours": _hours, "short": _short, "kwh": _kwh, "spaced": words, "place": anchor_of}
    )
    return page.render(card=card, rows=_rows(card), total=_total(card), most=MOST)


def anchor(experiment: str, train_set: str, seed: int | str) -> str:
    """The place of a detector's numbers on the page."""
    return f"from-{experiment}-{train_set}-seed{seed}"


def _rows(card: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row of scores: its anchor, its file, and the detector that made it (None: an ensemble's average)."""
    made = {(str(each["experiment"]), str(each["train_set"]), str(each["seed"])): each for each in card["detectors"]}
    found = []
    for told in card["scores"]:
        experiment, train_set, seed = *Path(told["path"]).parts[-3:-1], Path(told["path"]).stem.removeprefix("seed")
        key = (experiment, train_set, seed)
        found.append({"anchor": anchor(*key), "key": key, "scores": told, "detector": made.get(key)})
    return found


def _total(card: Mapping[str, Any]) -> dict[str, float]:
    names = ("jobs", "wall_seconds", "processor_seconds")
    return {name: sum(row[name] for row in card["spent"]) for name in names}


def _hours(seconds: float) -> str:
    """`0:42`, `1:03:20`: minutes and seconds, hours before them where there are any."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _kwh(joules: float | None) -> str:
    """`0.0123 kWh`; a dash where nothing is known."""
    return "–" if joules is None else f"{joules / 3.6e6:.3g} kWh"


def _short(commit: str) -> str:
    """Twelve digits of a commit, and `+` where files differed from it."""
    digits = commit.removesuffix("+")
    return commit if len(digits) < 40 else digits[:12] + commit[40:]
