"""Our numbers beside published ones: cell by cell, with our interval, and what differs between the protocols."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from crossgen.config import Condition, PublishedComparison
from crossgen.config.beside import chosen
from crossgen.literature.reading import KEYS, table
from crossgen.report.data import MEAN, ReportData
from crossgen.report.estimates import Estimate
from crossgen.report.printing import Gaps, Table, minus, points
from crossgen.report.seeds import seeds_text

#: GenImage's Table 5 and the steps that are meant: resized to 112 or 64 and back, JPEG, blur.
DEGRADED: dict[str, dict[str, Any]] = {
    "lr112": {"step": "resize", "size": 112},
    "lr64": {"step": "resize", "size": 64},
    "jpeg65": {"step": "jpeg", "quality": 65},
    "jpeg30": {"step": "jpeg", "quality": 30},
    "blur3": {"step": "blur", "sigma": 3},
    "blur5": {"step": "blur", "sigma": 5},
}
#: Fakes alone are brought to JPEG (Dual Data Alignment's test of GenImage).
FAKES = {"fakes_jpeg96": {"step": "jpeg", "quality": 96}}
#: Training sets that are no generator's: ours is the experiment's only one, and its protocol says how it differs.
ELSEWHERE = {"official_weights", "ldm_recon"}
#: Their words for test images as they come; what their training was stands in the same column.
CLEAN = {"clean", "raw", "constrained", "constrained_minus_raw"}
#: Means over train sets, by how many.
MEANS = {"mean_of_8": 8, "mean_of_3": 3}
METRIC = "balanced_accuracy"
METRICS = {"accuracy", "balanced_accuracy", "accuracy_difference"}


@dataclass(frozen=True)
class Place:
    """Where one of their numbers stands among ours; `reason` where it does not."""

    train_set: str = ""
    test_set: str = ""
    condition: str = ""
    reason: str = ""


def cells(data: ReportData, item: PublishedComparison) -> pd.DataFrame:
    """A row for each published number: KEYS, published and ours (value, low, high) in percent or points, the difference
    with our interval, `within` (does our interval hold theirs?), and the reason where there is none of ours."""
    numbers = table(item.table).numbers
    numbers = numbers[numbers["detector"] == chosen(item)]
    rows = [_row(data, item, row, numbers) for row in numbers.to_dict("records")]
    return pd.DataFrame(rows)


def _row(data: ReportData, item: PublishedComparison, theirs: dict[Any, Any], numbers: pd.DataFrame) -> dict[str, Any]:
    place = _place(data, item, theirs, numbers)
    ours = Estimate(reason=place.reason) if place.reason else _ours(data, item, place)
    value, low, high = (100 * number for number in (ours.value, ours.low, ours.high))
    return {
        "compared": item.name,
        "experiment": item.experiment,
        **{key: theirs[key] for key in KEYS},
        "our_condition": place.condition,
        "published": theirs["value"],
        "is_difference": theirs["difference"],
        "value": value,
        "low": low,
        "high": high,
        "n_real": ours.n_real,
        "n_fake": ours.n_fake,
        "difference": value - theirs["value"],
        "difference_low": low - theirs["value"],
        "difference_high": high - theirs["value"],
        "within": low <= theirs["value"] <= high if ours.has_interval else None,
        "reason": "" if ours.defined else ours.reason,
    }


def _ours(data: ReportData, item: PublishedComparison, place: Place) -> Estimate:
    where = (place.train_set, place.test_set, place.condition, METRIC)
    if item.baseline is not None:
        return data.difference((item.experiment, item.baseline), *where)
    return data.cell(item.experiment, *where)


def _place(data: ReportData, item: PublishedComparison, theirs: dict[Any, Any], numbers: pd.DataFrame) -> Place:
    if theirs["metric"] not in METRICS:
        return Place(reason=f"{theirs['metric']} is not compared")
    if theirs["difference"] != (item.baseline is not None):
        return Place(reason="a difference, and no baseline" if theirs["difference"] else "no difference")
    trained, tested = _trained(data, item, theirs["train_generator"]), _tested(data, theirs, numbers)
    condition = _condition(data, item, theirs["condition"])
    if not trained:
        return Place(reason=f"no detector of {theirs['train_generator']} here")
    if not tested:
        return Place(reason="other test generators here" if theirs["test_generator"] == "mean" else "not tested here")
    if not condition:
        return Place(reason=f"no condition here is {theirs['condition']}")
    return Place(trained, tested, condition)


def _trained(data: ReportData, item: PublishedComparison, generator: str) -> str:
    """The train set that has learned one generator alone, the mean over as many, or the only one."""
    alone = {name: data.own_of(name) for name in data.train_sets_of(item.experiment)}
    if generator in MEANS:
        return MEAN if sum(len(own) == 1 for own in alone.values()) == len(alone) == MEANS[generator] else ""
    if generator in ELSEWHERE:
        return next(iter(alone)) if len(alone) == 1 else ""
    return next((name for name, own in alone.items() if own == (generator,)), "")


def _tested(data: ReportData, theirs: dict[Any, Any], numbers: pd.DataFrame) -> str:
    """The test set of a generator; their mean is ours where both run over the same generators."""
    name = str(theirs["test_generator"])
    if name != MEAN:
        return name if name in data.generators else ""
    return MEAN if set(numbers["test_generator"]) - {MEAN} == set(data.seen) else ""


def _condition(data: ReportData, item: PublishedComparison, word: str) -> str:
    if word in CLEAN:
        return item.condition or data.plain
    meant, to = (FAKES[word], "fake") if word in FAKES else (DEGRADED.get(word), "all")
    return next((one.name for one in data.conditions if meant and _is(one, meant, to)), "")


def _is(condition: Condition, meant: dict[str, Any], to: str) -> bool:
    if condition.to != to or condition.base is not None or len(condition.steps) != 1:
        return False
    step = condition.steps[0]
    return step.step == meant["step"] and step == type(step)(**meant)


def beside(data: ReportData) -> Table:
    """Every published table that the config names: a row a number, published, here, and here less published."""
    gaps = Gaps()
    parts = [cells(data, item) for item in data.compared]
    full = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["compared", *KEYS])
    rows = [_printed(gaps, row) for row in full.to_dict("records")]
    caption = (
        "Published numbers beside this run's, in percent; differences in points, with the"
        f" {round(100 * data.level)} % interval of ours (theirs have none). {seeds_text(data)}"
        + ("" if rows else " None.")
    )
    notes = tuple(note for item in data.compared for note in differing(item))
    return Table(caption, pd.DataFrame(rows), full, (*gaps.notes, *notes), blocks=1)


def differing(item: PublishedComparison) -> list[str]:
    """What was made otherwise here, a sentence an aspect."""
    return [
        f"{item.name}: {aspect.replace('_', ' ')} differs. Published: {theirs}; here: {ours}."
        for aspect, (theirs, ours) in item.differs.items()
    ]


def _printed(gaps: Gaps, row: dict[Any, Any]) -> dict[str, str]:
    sign = "+" if row["is_difference"] else ""
    shown = {
        "Compared": row["compared"],
        "Trained on": row["train_generator"],
        "Tested on": row["test_generator"],
        "Condition": row["condition"],
        "Published": minus(f"{row['published']:{sign}.1f}"),
    }
    if row["reason"]:
        return {**shown, "Here": gaps.mark(row["reason"]), "Here − published": "", "Theirs in our interval": ""}
    moved = Estimate(*(row[name] / 100 for name in ("difference", "difference_low", "difference_high")))
    return {
        **shown,
        "Here": minus(f"{row['value']:{sign}.1f}"),
        "Here − published": points(moved),
        "Theirs in our interval": {True: "yes", False: "no"}.get(row["within"], "no interval"),
    }
