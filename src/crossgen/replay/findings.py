"""What a comparison finds: the claims it held against the numbers made again, and those that do not hold."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

#: Numbers nearer than this, absolutely or relative to the larger, are the same: other processors sum in other orders.
TOLERANCE = 1e-9
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
#: A word of a line, of markup too.
WORD = re.compile(r"[^\s<>]+")
#: Characters of a claim that are shown.
SHOWN = 60


@dataclass(frozen=True)
class Finding:
    """A claim that does not hold: where in its file, what is claimed, what was found instead."""

    where: str
    claimed: str
    recomputed: str

    def __str__(self) -> str:
        return f"{self.where}: claimed {_short(self.claimed)}, recomputed {_short(self.recomputed)}"


@dataclass(frozen=True)
class Compared:
    """How many numbers of a file were compared, and which of its claims do not hold."""

    numbers: int
    findings: tuple[Finding, ...] = ()


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def same(claimed: float, recomputed: float) -> bool:
    """Whether two numbers are the same but for the order of sums; undefined is the same as undefined."""
    both = math.isnan(claimed) and math.isnan(recomputed)
    return both or math.isclose(claimed, recomputed, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def number(text: str) -> float | None:
    """A text as a number, or None."""
    try:
        return float(text)
    except ValueError:
        return None


def same_text(claimed: str, recomputed: str) -> bool:
    """Whether two cells are the same text, or the same number."""
    if claimed == recomputed:
        return True
    pair = number(claimed), number(recomputed)
    return pair[0] is not None and pair[1] is not None and same(pair[0], pair[1])


def numbers_in(text: str) -> int:
    """How many numbers a text holds."""
    return sum(1 for _ in NUMBER.finditer(text))


def words_apart(claimed: str, recomputed: str) -> Iterator[tuple[str, str]]:
    """Words of two lines that differ, paired; whole lines where they have another number of words."""
    first, second = WORD.findall(claimed), WORD.findall(recomputed)
    pairs = list(zip(first, second, strict=True)) if len(first) == len(second) else [(claimed, recomputed)]
    yield from (pair for pair in pairs if pair[0] != pair[1])
