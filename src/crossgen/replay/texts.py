"""Texts, drawings and pages of two files held against each other: line by line, number by number."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from crossgen.replay.findings import NUMBER, Compared, Finding, numbers_in, same, words_apart

PAYLOAD = re.compile(r'<script type="application/json" id="payload">(.*?)</script>', re.DOTALL)
CODE = re.compile(r"<(script|style)\b.*?</\1>", re.DOTALL)
SVG = re.compile(r"<svg\b.*?</svg>", re.DOTALL)
#: A text that matplotlib draws as outlines.
LABEL = re.compile(r"<!-- (.+?) -->")
#: What names the place of a line of markup: ids, headings and the texts that matplotlib draws as outlines.
MARKS = re.compile(r'<!-- (.+?) -->|\sid="([^"]+)"|<h[1-6][^>]*>(.+?)</h')
#: Words of a line that say where it is.
HEAD = 40


def plain(claimed: Path, recomputed: Path) -> Compared:
    """Markdown, LaTeX or plain text: every line must be the same."""
    return _lines(_text(claimed), _text(recomputed), marked=False)


def labels(claimed: Path, recomputed: Path) -> Compared:
    """An SVG file of another version of matplotlib, which outlines letters otherwise: its texts alone."""
    old, new = ("\n".join(LABEL.findall(_text(path))) for path in (claimed, recomputed))
    return _lines(old, new, marked=False)


def drawing(claimed: Path, recomputed: Path) -> Compared:
    """An SVG file: every text and coordinate."""
    return _lines(_text(claimed), _text(recomputed), marked=True)


def page(claimed: Path, recomputed: Path, drawn: bool = True) -> Compared:
    """An HTML page: the values that its scripts show, and everything that stands in it; not its scripts themselves,
    nor, unless `drawn`, its drawings."""
    old, new = _text(claimed), _text(recomputed)
    if not drawn:
        old, new = (SVG.sub(_emptied, text) for text in (old, new))
    told = [match[1] if (match := PAYLOAD.search(text)) else "null" for text in (old, new)]
    values = _values(json.loads(told[0]), json.loads(told[1]), "payload")
    markup = _lines(CODE.sub(_emptied, old), CODE.sub(_emptied, new), marked=True)
    return Compared(markup.numbers + numbers_in(told[1]), (*values, *markup.findings))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _emptied(code: re.Match[str]) -> str:
    """Nothing, on as many lines."""
    return "\n" * code[0].count("\n")


def _values(old: Any, new: Any, where: str) -> Iterator[Finding]:  # noqa: ANN401 -- JSON
    """Values of two JSON documents that differ, each by its path."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*new, *(name for name in old if name not in new)]:
            yield from _values(old.get(name), new.get(name), f"{where}.{name}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for place, pair in enumerate(zip(old, new, strict=True)):
            yield from _values(pair[0], pair[1], f"{where}[{place}]")
    elif old != new and not (isinstance(old, float) and isinstance(new, float) and same(old, new)):
        yield Finding(where, json.dumps(old), json.dumps(new))


def _lines(claimed: str, recomputed: str, marked: bool) -> Compared:
    if claimed == recomputed:
        return Compared(numbers_in(recomputed))
    old, new = claimed.splitlines(), recomputed.splitlines()
    findings, mark = [], ""
    for number, (was, is_now) in enumerate(zip(old, new, strict=False), 1):
        if marked and (found := MARKS.search(is_now)):
            mark = f" after {next(filter(None, found.groups()))!r}"
        if was != is_now and not (marked and _same_drawn(was, is_now)):
            where = f"line {number}{mark}" if marked else f"line {number} ({is_now.strip()[:HEAD]})"
            findings += [Finding(where, *pair) for pair in words_apart(was, is_now)]
    if len(old) != len(new):
        findings.append(Finding("lines", str(len(old)), str(len(new))))
    return Compared(numbers_in(recomputed), tuple(findings))


def _same_drawn(was: str, is_now: str) -> bool:
    """Whether two lines of markup differ in nothing but the last digits of their numbers."""
    if NUMBER.sub("#", was) != NUMBER.sub("#", is_now):
        return False
    pairs = zip(NUMBER.findall(was), NUMBER.findall(is_now), strict=True)
    return all(same(float(first), float(second)) for first, second in pairs)


def picture(claimed: Path, recomputed: Path) -> Compared:
    """A PNG file: every pixel."""
    with Image.open(claimed) as first, Image.open(recomputed) as second:
        old, new = (np.asarray(image.convert("RGBA")) for image in (first, second))
    if old.shape != new.shape:
        return Compared(1, (Finding("size", f"{old.shape[1]} x {old.shape[0]}", f"{new.shape[1]} x {new.shape[0]}"),))
    apart = (old != new).any(axis=2)
    if not apart.any():
        return Compared(1)
    row, column = np.argwhere(apart)[0]
    where = f"{int(apart.sum())} pixels, the first at column {column}, row {row}"
    return Compared(1, (Finding(where, str(old[row, column].tolist()), str(new[row, column].tolist())),))
