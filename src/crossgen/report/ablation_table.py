"""The table of ablations: means of experiments along the axes that they differ in."""

from collections.abc import Iterator

import pandas as pd

from crossgen.config.axes import Ablation, Place
from crossgen.report.data import MEAN, OWN, SHOWN_METRICS, ReportData
from crossgen.report.printing import Gaps, Table
from crossgen.report.seeds import seeds_text, with_seeds


def table(data: ReportData) -> Table:
    """Every ablation, matrix condition and metric: a row an experiment, its places on the axes first."""
    gaps = Gaps()
    kinds = (OWN, *data.means)
    rows = [
        {"Ablation": title(ablation), "Condition": condition, "Metric": data.title(metric), "Varied": told}
        | {"Experiment": experiment}
        | {data.title(kind): gaps.percent(data.cell(experiment, MEAN, kind, condition, metric)) for kind in kinds}
        for ablation in data.ablations
        for condition in data.matrix_conditions
        for metric in SHOWN_METRICS
        for told, experiment in ordered(ablation)
    ]
    caption = (
        "Means over train sets along the axes of each ablation. Percent, with"
        f" {round(100 * data.level)} % intervals in brackets. {seeds_text(data)}" + ("" if rows else " None.")
    )
    return Table(caption, pd.DataFrame(rows), _full(data, kinds), gaps.notes, blocks=3)


def _full(data: ReportData, kinds: tuple[str, ...]) -> pd.DataFrame:
    """Means of `metrics` with a column for the ablation and one for each of its axes."""
    metrics = data.metrics
    chosen = (metrics.train_set == MEAN) & metrics.test_generator.isin(kinds) & metrics.metric.isin(SHOWN_METRICS)
    rows = with_seeds(metrics[chosen & metrics.condition.isin(data.matrix_conditions)])
    parts = []
    for ablation in data.ablations:
        places = pd.DataFrame([*ablation.points.values()], [*ablation.points], [*ablation.axes], dtype=object)
        named = places.add_prefix("at_").rename_axis("experiment").reset_index()
        parts.append(named.assign(ablation=ablation.name).merge(rows, on="experiment"))
    return pd.concat(parts, ignore_index=True) if parts else rows.iloc[:0].assign(ablation=[])


def ordered(ablation: Ablation) -> Iterator[tuple[str, str]]:
    """(`images per class 15`, experiment) along the first axis, then the others."""
    orders = [{place: rank for rank, place in enumerate(ablation.places(axis))} for axis in range(len(ablation.axes))]

    def rank(item: tuple[str, tuple[Place, ...]]) -> list[int]:
        return [order[place] for order, place in zip(orders, item[1], strict=True)]

    for experiment, point in sorted(ablation.points.items(), key=rank):
        yield said(ablation.axes, point), experiment


def said(axes: tuple[str, ...], point: tuple[Place, ...]) -> str:
    """`images per class 15, aligned on`."""
    return ", ".join(f"{plain(axis)} {word(place)}" for axis, place in zip(axes, point, strict=True))


def plain(axis: str) -> str:
    """An axis in words."""
    return axis.replace("_", " ")


def word(place: Place) -> str:
    """`on` and `off` for switches; numbers as short as they are."""
    if isinstance(place, bool):
        return "on" if place else "off"
    return f"{place:g}" if isinstance(place, float) else str(place)


def title(ablation: Ablation) -> str:
    """`images per class by aligned`."""
    return " by ".join(map(plain, ablation.axes))
