"""What the numbers mean: sentences made by rule from intervals, never from a value alone."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from crossgen.config import Condition
from crossgen.report.changes import change, control_excess
from crossgen.report.comparisons import verdict as comparison_verdict
from crossgen.report.comparisons import with_means_over_seeds
from crossgen.report.data import MEAN, MEAN_UNSEEN, OFF_DIAGONAL, OWN, OWN_MINUS_OFF, ReportData
from crossgen.report.dots import PROBED
from crossgen.report.estimates import Estimate, pool
from crossgen.report.payload import described
from crossgen.report.printing import percent, points
from crossgen.report.summary import METRIC, verdict
from crossgen.report.tables import estimates

#: Verdict on "is it above 0 (or above chance)?" to how a finding is marked.
MARKS = {"yes": "above", "no": "below", "not separated": "not separated", "unknown": "no interval"}
#: The mark of a finding about several test sets that are not all alike.
MIXED = "mixed"


@dataclass(frozen=True)
class Finding:
    """A question, what the numbers say, and the mark of its verdict."""

    about: str
    text: str
    mark: str


def share(estimate: Estimate) -> str:
    """`92.2 % [85.0, 99.4]`; why there is none where there is none."""
    value, _, bounds = percent(estimate).partition(" ")
    return f"{value} % {bounds}".strip() if estimate.defined else f"unknown ({estimate.reason})"


def gap(estimate: Estimate) -> str:
    """`+25.6 points [13.3, 37.8]`."""
    value, _, bounds = points(estimate).partition(" ")
    return f"{value} points {bounds}".strip() if estimate.defined else f"unknown ({estimate.reason})"


def against(estimate: Estimate, level: float) -> Estimate:
    """The estimate less a fixed level, so that 0 is that level."""
    return Estimate(estimate.value - level, estimate.low - level, estimate.high - level, reason=estimate.reason)


def findings(data: ReportData) -> dict[str, list[Finding]]:
    """Every sentence, by topic; topics without a number are left out."""
    topics = {
        "Generators they were not trained on": _generators(data),
        "Fakes, or files?": _files(data),
        "One experiment against another": _comparisons(data),
        "Beside what papers found": list(published(data)),
        "Degraded images": _degradations(data),
        "File facts alone": _probes(data),
        "Controls": _controls(data),
    }
    listed = {topic: list(found) for topic, found in topics.items()}
    return {topic: found for topic, found in listed.items() if found}


def mean(data: ReportData, experiment: str, kind: str, condition: str = "") -> Estimate:
    """An aggregate of balanced accuracy over the train sets; no `condition`: the plain one."""
    return data.cell(experiment, MEAN, kind, condition or data.plain, METRIC)


def _generators(data: ReportData) -> Iterator[Finding]:
    for experiment in data.experiments:
        own, off, between = (mean(data, experiment, kind) for kind in (OWN, OFF_DIAGONAL, OWN_MINUS_OFF))
        says = {
            "yes": "They recognise their own generator better",
            "no": "They recognise other generators better than their own",
            "not separated": "The interval includes 0: whether they know their own generator better is not separated",
            "unknown": "Without an interval nothing can be said",
        }
        text = f"{share(own)} on the own generator, {share(off)} on the others ({data.plain}). "
        held = verdict(between)
        yield Finding(f"{experiment}: own against others", f"{text}{says[held]}: {gap(between)}.", MARKS[held])
        for kind, whom in ((OFF_DIAGONAL, "other generators"), (MEAN_UNSEEN, "unseen generators")):
            cell = mean(data, experiment, kind)
            if kind == OFF_DIAGONAL or cell.defined:
                yield _chance(f"{experiment}: {whom} against chance", cell)


def _chance(about: str, cell: Estimate) -> Finding:
    """Balanced accuracy against 50 %."""
    held = verdict(against(cell, 0.5))
    says = {
        "yes": "better than guessing",
        "no": "worse than guessing",
        "not separated": "not separated from guessing (50 %)",
        "unknown": "no interval, so not told from guessing (50 %)",
    }
    return Finding(about, f"{share(cell)} balanced accuracy: {says[held]}.", MARKS[held])


def _files(data: ReportData) -> Iterator[Finding]:
    """Every undegraded condition against the plain one."""
    for condition in (c for c in data.conditions if c.name in data.undegraded[1:]):
        for experiment in data.experiments:
            yield _fall(data, experiment, condition)


def _fall(data: ReportData, experiment: str, condition: Condition) -> Finding:
    before, after = (mean(data, experiment, OWN, name) for name in (data.plain, condition.name))
    moved = change(data, (experiment, OWN, METRIC), condition.name)
    held = verdict(moved)
    kept = {"fake": "The reals are the same files. ", "real": "The fakes are the same files. "}.get(condition.to, "")
    says = {
        "yes": "The score rises",
        "no": "The score falls: a part of it rested on what this step takes away",
        "not separated": "No change is separated from 0",
        "unknown": "Without an interval nothing can be said",
    }
    text = (
        f"Own generator, from {share(before)} ({data.plain}) to {share(after)} ({described(condition)}). {kept}"
        f"{says[held]}: {gap(moved)}, paired over the train sets."
    )
    return Finding(f"{experiment}: {condition.name}", text, MARKS[held])


def _comparisons(data: ReportData) -> Iterator[Finding]:
    for pair in data.comparisons:
        for condition in data.undegraded:
            parts = {kind: data.difference(pair, MEAN, kind, condition, METRIC) for kind in (OWN, OFF_DIAGONAL)}
            told = [f"{data.title(kind)} {gap(cell)}, {_sided(cell)}" for kind, cell in parts.items()]
            marks = {MARKS[verdict(cell)] for cell in parts.values()}
            mark = marks.pop() if len(marks) == 1 else MIXED
            yield Finding(f"{pair[0]} − {pair[1]}: {condition}", f"{'; '.join(told)}.", mark)


def _sided(cell: Estimate) -> str:
    return {"yes": "higher", "no": "lower"}.get(verdict(cell), MARKS[verdict(cell)])


def published(data: ReportData) -> Iterator[Finding]:
    """Whether this run agrees with each published finding: by the test of its difference, corrected after Holm."""
    kinds = {"own": OWN, "others": OFF_DIAGONAL, "unseen": MEAN_UNSEEN}
    tested = with_means_over_seeds(data) if data.published else data.differences
    for item in data.published:
        kind, condition = kinds[item.mean], item.condition or data.plain
        sole = data.sole((item.experiment, item.baseline)) if kind == OWN else None
        train_set, test_set = sole or (MEAN, kind)
        sides = {"experiment": item.experiment, "baseline": item.baseline, "metric": METRIC}
        place = sides | {"train_set": train_set, "test_generator": test_set}
        place |= {"condition": condition, "baseline_condition": condition}
        rows = tested[(tested[list(place)] == pd.Series(place)).all(axis=1)].to_dict("records")
        cell = pool([{name: value for name, value in row.items() if name != "seed"} for row in rows])
        held = _held(item.says, cell, {comparison_verdict(row) for row in rows})
        text = (
            f"Published: {item.says} ({item.source}). Here: {gap(cell)}, {data.title(kind)}, {condition}. {SAYS[held]}."
        )
        yield Finding(f"{item.experiment} − {item.baseline}: {item.says} on {data.title(kind)}", text, held)


#: Mark of a finding beside a published one, and its sentence.
SAYS = {
    "agrees": "This run agrees: the difference is separated from 0, after Holm's correction",
    "contradicts": "This run contradicts it: the difference is separated from 0 the other way, after Holm's correction",
    "not separated": "This run neither confirms nor contradicts it: the difference is not separated from 0 after Holm's"
    " correction",
    "no interval": "This run cannot tell: nothing was tested",
}


def _held(says: str, cell: Estimate, verdicts: set[str]) -> str:
    """`verdicts`: of each seed, or of their mean; they must all be the same."""
    if verdicts == {"separated"} and cell.defined:
        return "agrees" if (cell.value > 0) == (says == "higher") else "contradicts"
    return "not separated" if "not separated" in verdicts else "no interval"


def _degradations(data: ReportData) -> Iterator[Finding]:
    names = [name for family in data.families.values() for name in family]
    for experiment in data.experiments:
        held: dict[str, list[str]] = {}
        for name in names:
            held.setdefault(verdict(against(mean(data, experiment, OWN, name), 0.5)), []).append(name)
        says = {"yes": "better than guessing under", "not separated": "not separated from guessing (50 %) under",
                "no": "worse than guessing under", "unknown": "unknown under"}  # fmt: skip
        told = [f"{words} {', '.join(held[key])}" for key, words in says.items() if key in held]
        if told:
            mark = MARKS[next(iter(held))] if len(held) == 1 else MIXED
            text = f"On their own generator: {'; '.join(told)}."
            yield Finding(f"{experiment}: degraded images", text, mark)


def _probes(data: ReportData) -> Iterator[Finding]:
    """A small tree on file facts: in how many test sets it beats chance, stage by stage."""
    for (subset, stage), rows in data.probes.groupby(["subset", "stage"], sort=False):
        groups = {str(group): separable(frame) for group, frame in rows.groupby("group", sort=False)}
        told = {PROBED.get(group, group): held for group, held in groups.items() if held}
        marks = {held.mark for held in told.values()}
        if told:
            text = "; ".join(f"{group} {held.text()}" for group, held in told.items())
            about = f"subset {subset}, {str(stage).replace('_', ' ')}"
            yield Finding(about, f"Without a picture: {text}.", marks.pop() if len(marks) == 1 else MIXED)


@dataclass(frozen=True)
class Separable:
    """How well file facts tell real from fake, over the test sets of one stage."""

    low: float
    high: float
    above: int
    sets: int

    @property
    def mark(self) -> str:
        """Above chance everywhere, nowhere, or in some."""
        return {self.sets: "above", 0: "not separated"}.get(self.above, MIXED)

    def text(self) -> str:
        """Range of values, and how many intervals lie above chance."""
        reach = (
            f"{100 * self.low:.1f} to {100 * self.high:.1f} %" if self.low < self.high else f"{100 * self.low:.1f} %"
        )
        return f"{reach} balanced accuracy, above chance in {self.above} of {self.sets} test sets"


def separable(frame: pd.DataFrame) -> Separable | None:
    """Probes of one stage and group; nothing where none has a value."""
    cells = [cell for _, cell in estimates(frame, "balanced_accuracy") if cell.defined]
    if not cells:
        return None
    values = [cell.value for cell in cells]
    above = sum(verdict(against(cell, 0.5)) == "yes" for cell in cells)
    return Separable(min(values), max(values), above, len(cells))


def _controls(data: ReportData) -> Iterator[Finding]:
    for control in data.controls:
        for experiment in data.experiments:
            cell = data.called_fake(experiment, MEAN, control)
            if not cell.defined:
                continue
            text = f"{share(cell)} of {control} called fake."
            if cell.n_fake:
                yield Finding(f"{experiment}: {control}", f"{text} These are fakes: higher is better.", "share")
                continue
            yield _excess(data, experiment, control, text)


def _excess(data: ReportData, experiment: str, control: str, text: str) -> Finding:
    more = control_excess(data, experiment, control)
    held = verdict(more)
    says = {
        "yes": "That is oftener than the reals of their own test sets",
        "no": "That is less often than the reals of their own test sets",
        "not separated": "That is not separated from the reals of their own test sets",
        "unknown": "Against the reals of their own test sets nothing can be said",
    }
    return Finding(
        f"{experiment}: {control}", f"{text} No image of it is a fake. {says[held]}: {gap(more)}.", MARKS[held]
    )
