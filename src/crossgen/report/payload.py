"""What the page's script shows, as JSON: the estimates that the tables print, rounded as the tables round them.

Numbers are whole tenths of a percent (or of a point): the script only puts the decimal point in, so it cannot print
another number than the tables do. A cell is `[value, low, high, about, separated, sd]` with null where nothing is
known, or 0 where nobody computed it; `about` is the place of `[reals, fakes, coverage, reason, seeds]` in one shared
list. `separated` is 1 for a difference whose interval excludes 0: rounded bounds cannot tell. `sd` is over seeds; it is
left out with one, and so is `separated` where it is 0 then.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from math import ceil, isnan
from typing import Any

from matplotlib import colormaps
from matplotlib.colors import to_hex
from pydantic import BaseModel

from crossgen.config import Condition
from crossgen.report.audit import histograms, probed
from crossgen.report.behind import behind
from crossgen.report.data import MEAN, MEAN_UNSEEN, OFF_DIAGONAL, OWN, OWN_MINUS_OFF, ReportData
from crossgen.report.estimates import Estimate
from crossgen.report.seeds import experiment_text, pair_text

SHADES = 33  # colours sampled of a scale
#: Scale to matplotlib's colour map: those of the heat maps.
SCALES = {"share": "viridis", "signed": "PuOr_r"}

Json = dict[str, Any]


class Cells:
    """Packs estimates, and keeps what they have in common once."""

    def __init__(self) -> None:
        self._about: dict[tuple[object, ...], int] = {}

    @property
    def about(self) -> list[tuple[object, ...]]:
        """`(reals, fakes, coverage, reason, seeds)` of the cells that name its place."""
        return list(self._about)

    def pack(self, estimate: Estimate, signed: bool = False) -> list[int | None] | int:
        """One cell; `signed`: of a difference."""
        if not estimate.defined and estimate.reason == Estimate().reason:
            return 0
        covered = None if isnan(estimate.coverage) else round(estimate.coverage, 4)
        about = (estimate.n_real, estimate.n_fake, covered, estimate.reason, len(estimate.by_seed))
        place = self._about.setdefault(about, len(self._about))
        bounds = (estimate.low, estimate.high) if estimate.has_interval else (float("nan"),) * 2
        packed = [tenths(estimate.value), *map(tenths, bounds), place]
        separated = int(signed and estimate.separated)
        if estimate.has_sd:
            return [*packed, separated, tenths(estimate.sd)]
        return [*packed, 1] if separated else packed


def tenths(share: float) -> int | None:
    """A share in tenths of a percent, rounded as the tables print it; None for NaN."""
    return None if isnan(share) else round(10 * float(f"{100 * share:.1f}"))


def payload(data: ReportData) -> Json:
    """Everything that the page's controls can show."""
    cells = Cells()
    views = _views(data)
    told: Json = {
        "name": data.name,
        "level": round(100 * data.level),
        "plain": data.plain,
        "conditions": [{"name": c.name, "family": c.degradation, "about": described(c)} for c in data.conditions],
        "families": {"": data.undegraded, **data.families},
        "generators": data.generators,
        "unseen": data.unseen,
        "own": {name: data.own_of(name) for name in data.train_sets},
        "controls": data.controls,
        "experiments": data.experiments,
        "titles": {name: data.title(name) for name in (*_metrics(data), *columns(data), MEAN)},
        "columns": columns(data),
        "views": [{key: item for key, item in view.items() if key != "value"} for view in views],
        "cells": {view["name"]: _packed(data, view, cells) for view in views},
        "called": _called(data, cells),
        "audit": {
            subset: {"tables": probed(data, subset, cells.pack), "sizes": histograms(data, subset)}
            for subset in dict.fromkeys(data.probes["subset"])
        },
        "detectors": _detectors(data),
        "sources": _sources(data),
        "behind": behind(data),
        "scales": {name: shades(SCALES[name]) for name in SCALES},
    }
    return {**told, "about": cells.about}


def embedded(told: Json) -> str:
    """JSON for a <script> element: nothing in it can end the element or open another."""
    text = json.dumps(told, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def described(condition: Condition) -> str:
    """A condition in words: `jpeg quality 96, to fakes only`."""
    steps = [_step(step) for step in condition.steps]
    after = [f"after {condition.base}"] if condition.base else []
    whom = [] if condition.to == "all" or not steps else [f"to {condition.to}s only"]
    return ", ".join([*after, *(steps or ([] if after else ["the files as they are"])), *whom])


def _step(step: BaseModel) -> str:
    """A step's kind, and what is not left at its default."""
    told = step.model_dump(mode="json", exclude_defaults=True)
    kind = str(told.pop("step"))
    values = {name: f"{value:g}" if isinstance(value, float) else value for name, value in told.items()}
    return " ".join([kind, *(f"{name.replace('_', ' ')} {value}" for name, value in values.items())])


def columns(data: ReportData) -> tuple[str, ...]:
    """Test sets, seen ones first; then the aggregates that the metrics hold."""
    held = set(data.metrics["test_generator"])
    means = [name for name in (MEAN, OFF_DIAGONAL, MEAN_UNSEEN, OWN, OWN_MINUS_OFF) if name in held]
    return (*data.seen, *data.unseen, *means)


def _views(data: ReportData) -> list[Json]:
    """Each experiment, then each paired difference."""
    shown: list[Json] = [
        {"name": name, "of": name, "signed": False, "metrics": _metrics(data), "value": _share(data, name)}
        | {"seeds": experiment_text(data, name)}
        for name in data.experiments
    ]
    held = set(data.differences["metric"])
    paired: list[Json] = [
        {
            "name": f"{pair[0]} − {pair[1]}",
            "of": pair[0],
            "less": pair[1],
            "signed": True,
            "metrics": [name for name in _metrics(data) if name in held],
            "value": _difference(data, pair),
            "seeds": pair_text(data, pair),
        }
        for pair in data.comparisons
    ]
    return [{**view, "rows": (*data.train_sets_of(view["of"]), MEAN)} for view in (*shown, *paired) if view["metrics"]]


def _detectors(data: ReportData) -> dict[str, list[str]]:
    """Architecture to the experiments that trained it; ensembles are one of their own."""
    found: dict[str, list[str]] = {}
    for name, rows in data.detectors.groupby("experiment", sort=False) if len(data.detectors) else ():
        found.setdefault(" and ".join(sorted(set(rows["architecture"]))), []).append(str(name))
    return found | ({"ensemble": list(data.ensembles)} if data.ensembles else {})


def _sources(data: ReportData) -> dict[str, dict[str, list[str]]]:
    """Experiment to train set to the files of its scores."""
    found: dict[str, dict[str, list[str]]] = {}
    for (experiment, train_set), paths in data.sources.items():
        found.setdefault(experiment, {})[train_set] = list(paths)
    return found


def _share(data: ReportData, experiment: str) -> Callable[..., Estimate]:
    return lambda *key: data.cell(experiment, *key)


def _difference(data: ReportData, pair: tuple[str, str]) -> Callable[..., Estimate]:
    return lambda *key: data.difference(pair, *key)


def _metrics(data: ReportData) -> list[str]:
    """The shown metrics first, then whatever else was computed for test sets of both labels."""
    of_pairs = data.metrics[data.metrics["test_generator"].isin(data.generators)]
    found = list(dict.fromkeys(of_pairs["metric"]))
    first = [name for name in ("balanced_accuracy", "roc_auc") if name in found]
    return [*first, *(name for name in found if name not in first)]


def _packed(data: ReportData, view: Json, cells: Cells) -> Json:
    """Metric to condition to cells, row after row; and each metric's reach of colours, the same for all conditions."""
    names, value = columns(data), view["value"]
    shown: Json = {}
    for metric in view["metrics"]:
        by_condition = {
            condition.name: [value(row, column, condition.name, metric) for row in view["rows"] for column in names]
            for condition in data.conditions
        }
        signs = [view["signed"] or column == OWN_MINUS_OFF for _ in view["rows"] for column in names]
        packed = {name: list(map(cells.pack, found, signs)) for name, found in by_condition.items()}
        shown[metric] = {"conditions": packed, "limit": _limit(by_condition.values()) if view["signed"] else 100}
    return shown


def _limit(found: Iterable[Sequence[Estimate]]) -> int:
    """Points at the ends of a scale of differences, in steps of 5."""
    return 5 * ceil(20 * max([0.05, *(abs(cell.value) for cells in found for cell in cells if cell.defined)]))


def _called(data: ReportData, cells: Cells) -> Json:
    """Experiment to condition to cells: rows are train sets and their mean, columns controls."""
    return {
        experiment: {
            condition.name: [
                cells.pack(data.called_fake(experiment, train_set, control, condition.name))
                for train_set in (*data.train_sets_of(experiment), MEAN)
                for control in data.controls
            ]
            for condition in data.conditions
        }
        for experiment in data.experiments
    }


def shades(name: str) -> list[str]:
    """A colour map as hexadecimal colours at equal steps."""
    return [to_hex(colormaps[name](index / (SHADES - 1))) for index in range(SHADES)]
