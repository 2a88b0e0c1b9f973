"""What breakdowns, agreement and the hardest images say, as estimates that tables and figures share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import nan
from typing import Any

import pandas as pd

from crossgen.report.data import ReportData
from crossgen.report.estimates import Estimate, pool_seeds
from crossgen.report.printing import Gaps, minus

POOLED = "pooled"
#: Metric of a breakdown to what is shown of it. Of reals that is the share called fake, the other side of TNR.
SHARES = {"tnr": "Reals called fake (FPR)", "tpr": "Fakes found (TPR)"}
NO_SCORES = "not broken down"


@dataclass(frozen=True)
class Broken:
    """One experiment by bins: cells by (metric, bin, train set), bins in order, S in pixels by train set."""

    cells: Mapping[tuple[str, str, str], Estimate]
    bins: tuple[str, ...]
    lower: tuple[float, ...]  # where the bins begin; NaN: the first, or no number
    upper: tuple[float, ...]
    sides: Mapping[str, float]
    train_sets: tuple[str, ...]

    def cell(self, metric: str, name: str, train_set: str) -> Estimate:
        """One share called fake."""
        return self.cells.get((metric, name, train_set), Estimate(reason="no image in this bin"))

    def images(self, metric: str, name: str) -> tuple[int, int]:
        """Fewest and most images of a bin, over train sets."""
        found = [count(self.cell(metric, name, train_set)) for train_set in self.train_sets]
        return min(found, default=0), max(found, default=0)


def count(cell: Estimate) -> int:
    """Images that a share rests on."""
    return cell.n_real + cell.n_fake


def shown_condition(data: ReportData) -> str:
    """The condition that breakdowns are shown under: the plain one, where it has a matrix."""
    return data.plain if data.plain in data.matrix_conditions else data.matrix_conditions[0]


def rows_of(data: ReportData, experiment: str, by: str) -> pd.DataFrame:
    """Rows of the breakdown that are shown: of all seen test sets together, under one condition."""
    frame = data.breakdowns
    here = (frame["experiment"] == experiment) & (frame["by"] == by) & (frame["test_generator"] == POOLED)
    return frame[here & (frame["condition"] == shown_condition(data))]


def broken(data: ReportData, experiment: str, by: str) -> Broken:
    """One experiment by bins, seeds pooled."""
    rows = rows_of(data, experiment, by)
    grouped: dict[tuple[str, str, str], list[Mapping[Any, Any]]] = {}
    for row in rows.to_dict("records"):
        grouped.setdefault((row["metric"], row["bin"], row["train_set"]), []).append(_called_fake(row))
    places = rows.drop_duplicates("bin").sort_values("position")
    sides = rows.drop_duplicates("train_set").set_index("train_set")["side"]
    return Broken(
        cells={key: pool_seeds(seeds, data.level) for key, seeds in grouped.items()},
        bins=tuple(map(str, places["bin"])),
        lower=tuple(map(float, places["lower"])),
        upper=tuple(map(float, places["upper"])),
        sides={str(name): float(side) for name, side in sides.items()},
        train_sets=tuple(name for name in data.train_sets if name in set(rows["train_set"])),
    )


def _called_fake(row: Mapping[Any, Any]) -> dict[Any, Any]:
    counted = {"n_real": row["n"], "n_fake": 0} if row["metric"] == "tnr" else {"n_real": 0, "n_fake": row["n"]}
    if row["metric"] == "tnr":
        return {**row, **counted, "value": 1 - row["value"], "low": 1 - row["high"], "high": 1 - row["low"]}
    return {**row, **counted}


def text(data: ReportData, gaps: Gaps, cell: Estimate) -> str:
    """As `Gaps.percent`, but of few images the interval alone: its middle would be read as a finding."""
    if cell.defined and cell.has_interval and count(cell) < data.minimum:
        return f"[{minus(f'{100 * cell.low:.1f}')}, {minus(f'{100 * cell.high:.1f}')}]"
    return gaps.percent(cell)


def correlations(data: ReportData, experiment: str, metric: str) -> Callable[[str, str], Estimate]:
    """Correlation of two train sets' rows, the mean over seeds; of a row with itself 1."""
    frame = data.correlations
    here = (frame["experiment"] == experiment) & (frame["metric"] == metric)
    rows: dict[frozenset[str], list[Mapping[Any, Any]]] = {}
    for row in frame[here & (frame["condition"] == shown_condition(data))].to_dict("records"):
        rows.setdefault(frozenset((row["train_set"], row["other"])), []).append(row)
    cells = {key: pool_seeds(seeds, data.level, (-1.0, 1.0)) for key, seeds in rows.items()}
    itself = Estimate(1.0, nan, nan, reason="")
    return lambda first, second: itself if first == second else cells.get(frozenset((first, second)), Estimate())
