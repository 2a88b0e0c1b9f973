"""What the page shows of the bias audit: probes and attributes test set by test set, and histograms of file facts."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from crossgen.report.data import ReportData
from crossgen.report.dots import PROBED
from crossgen.report.estimates import Estimate
from crossgen.report.histograms import FACTS, LABELS, edges_of, stages_of
from crossgen.report.tables import estimates

Json = dict[str, Any]
Pack = Callable[[Estimate], Any]


def probed(data: ReportData, subset: str, pack: Pack) -> Json:
    """Both tables of one subset: kind to `[stage, test set, what, cell, rules]`."""
    kinds = {"probes": (data.probes, "group", "balanced_accuracy"), "attributes": (data.biases, "attribute", "auc")}
    return {
        kind: [
            [_words(row["stage"]), row["test_generator"], _named(row[what]), pack(cell), _rules(row)]
            for row, cell in estimates(frame[frame["subset"] == subset], column)
        ]
        for kind, (frame, what, column) in kinds.items()
    }


def _words(stage: str) -> str:
    return stage.replace("_", " ")


def _named(what: str) -> str:
    return PROBED.get(what, what.replace("_", " "))


def _rules(row: dict[Any, Any]) -> str:
    rules = row.get("rules")
    return "; ".join(rules.splitlines()) if isinstance(rules, str) else ""


def histograms(data: ReportData, subset: str) -> Json:
    """Fact to its axis and its stages' shares in percent of the images of each label, as the figures count them."""
    stages = stages_of(data, subset)
    return {FACTS[fact]: _fact(fact, stages) for fact in FACTS}


def _fact(fact: str, stages: dict[str, pd.DataFrame]) -> Json:
    every = pd.concat([frame[fact] for frame in stages.values()])
    axis = sorted(every.dropna().unique()) if fact == "format" else _edges(every, fact)
    shares = {
        stage: {LABELS[label][0]: _shares(frame[frame["label"] == label][fact], axis) for label in LABELS}
        for stage, frame in stages.items()
    }
    return {"axis": axis, "numbers": fact != "format", "none": bool(every.isna().any()), "stages": shares}


def _edges(every: "pd.Series[float]", fact: str) -> list[float]:
    return [float(edge) for edge in edges_of(every.dropna().to_numpy(dtype=float), 1 if fact == "jpeg_quality" else 0)]


def _shares(values: "pd.Series[Any]", axis: list[Any]) -> Json:
    """Images, share without the fact, and shares along the axis."""
    n = max(1, len(values))
    if axis and isinstance(axis[0], str):
        counts = [int((values == name).sum()) for name in axis]
    else:
        known = np.clip(values.dropna().to_numpy(dtype=float), axis[0], axis[-1]) if axis else np.array([])
        counts = np.histogram(known, axis)[0].tolist() if axis else []
    return {"n": len(values), "none": _percent(int(values.isna().sum()), n), "bins": [_percent(k, n) for k in counts]}


def _percent(count: int, n: int) -> float:
    return round(100 * count / n, 2)
