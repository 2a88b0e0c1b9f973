"""Paired changes within one experiment: the same detectors on the same images, before and after a condition.

The metrics hold no interval of such a change, so it is made here as the means are: one difference a train set,
Student's t with k - 1 degrees over them. It holds generators, not photographs and not training runs.
"""

from collections.abc import Callable
from math import isnan

from crossgen.intervals import student_t
from crossgen.report.data import OWN, ReportData
from crossgen.report.estimates import Estimate

#: Train set to a number of its detector.
Value = Callable[[str], float]


def change(data: ReportData, what: tuple[str, str, str], condition: str) -> Estimate:
    """From the plain condition to `condition`; `what`: experiment, aggregate (own, mean, ...), metric."""
    experiment, kind, metric = what

    def value(train_set: str, under: str) -> float:
        return data.cell(experiment, train_set, train_set if kind == OWN else kind, under, metric).value

    return _mean_of(data, experiment, lambda name: value(name, condition) - value(name, data.plain))


def control_excess(data: ReportData, experiment: str, control: str) -> Estimate:
    """How much oftener a control of reals is called fake than the reals of the detector's own test set."""
    return _mean_of(
        data,
        experiment,
        lambda name: (
            data.cell(experiment, name, control, data.plain, "fpr").value
            - data.cell(experiment, name, name, data.plain, "fpr").value
        ),
    )


def _mean_of(data: ReportData, experiment: str, value: Value) -> Estimate:
    """Over the train sets that have a test set of their own, as the aggregates of the metrics."""
    names = [name for name in data.train_sets_of(experiment) if name in data.generators]
    values = {name: value(name) for name in names}
    lost = [name for name, each in values.items() if isnan(each)]
    if lost or not names:
        return Estimate(reason=f"undefined for {', '.join(lost)}" if lost else "no train set has a test set of its own")
    found = student_t(list(values.values()), data.level, (-1.0, 1.0))
    spread = (min(values.values()), max(values.values()))
    reason = "no interval: one generator only, or all alike" if isnan(found.low) else ""
    return Estimate(value=found.value, low=found.low, high=found.high, spread=spread, reason=reason)
