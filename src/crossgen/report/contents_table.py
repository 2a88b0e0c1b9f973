"""Numbers by group of content classes, and whether a detector knows those that it did not learn."""

import pandas as pd

from crossgen.report.data import MEAN, SHOWN_METRICS, ReportData
from crossgen.report.estimates import Estimate, pool
from crossgen.report.printing import Gaps, Table
from crossgen.report.seeds import seeds_text

LEARNED, NOT, GAP = "learned", "not_learned", "learned_minus_not"
KINDS = {LEARNED: "learned", NOT: "not learned"}
#: Places in words.
PLACES = {"own": "own generators", "others": "other generators"}


def cell(data: ReportData, experiment: str, place: str, group: str, metric: str = "balanced_accuracy") -> Estimate:
    """The mean over train sets under the plain condition; over several seeds without an interval."""
    rows = data.contents
    wanted = {"experiment": experiment, "train_set": MEAN, "condition": data.plain, "place": place}
    wanted |= {"class_group": group, "metric": metric}
    found = rows[(rows[list(wanted)] == pd.Series(wanted)).all(axis=1)].to_dict("records")
    return pool(found) if found else Estimate()


def learned_of(data: ReportData, experiment: str) -> dict[str, int]:
    """Groups that an experiment's train sets learned from, with their training images (summed over train sets)."""
    rows = data.contents
    of = (rows["experiment"] == experiment) & (rows["train_set"] == MEAN) & rows["class_group"].isin(data.class_groups)
    counts = rows[of & (rows["learned"] > 0)].groupby("class_group", sort=False)["learned"].max()
    return {str(name): int(count) for name, count in counts.items()}


def table(data: ReportData) -> Table:
    """A row an experiment, place and metric; a column a group of content classes, then learned against not learned."""
    gaps = Gaps()
    known = {name: learned_of(data, name) for name in data.experiments}
    rows = [
        {"Place": title, "Metric": data.title(metric), "Experiment": name, "Learned": ", ".join(known[name])}
        | {group: gaps.percent(cell(data, name, place, group, metric)) for group in data.class_groups}
        | {title: _part(data, gaps, (name, place, kind, metric)) for kind, title in KINDS.items()}
        | {"Learned − not": _gap(data, gaps, (name, place, GAP, metric))}
        for place, title in PLACES.items()
        for metric in SHOWN_METRICS
        for name in data.experiments
        if known[name]
    ]
    caption = (
        "Trained on some content classes, tested on others: means over train sets by group of classes"
        f" ({data.plain}). Percent, differences in points, with {round(100 * data.level)} % intervals in brackets."
        f" {seeds_text(data)}{'' if rows else ' None: breakdowns.class_groups names no groups.'}"
    )
    return Table(caption, pd.DataFrame(rows), data.contents, gaps.notes, blocks=2)


def _part(data: ReportData, gaps: Gaps, what: tuple[str, str, str, str]) -> str:
    found = cell(data, *what)
    return gaps.percent(found) if found.defined or found.reason != "not computed" else gaps.mark(EVERY)


def _gap(data: ReportData, gaps: Gaps, what: tuple[str, str, str, str]) -> str:
    found = cell(data, *what)
    return gaps.points(found) if found.defined or found.reason != "not computed" else gaps.mark(EVERY)


EVERY = "learned every group"
