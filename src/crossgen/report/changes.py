"""Paired changes within one experiment: the same detectors on the same images, before and after a condition.

The metrics hold no interval of such a change, so it is made here as the means are: one difference a train set,
Student's t with k - 1 degrees over them; with several seeds both ways (`crossed.over_both`). It holds generators and,
where there are several, training runs; not photographs.
"""

from collections.abc import Callable
from math import isnan

import numpy as np

from crossgen.config.test_sets import counted
from crossgen.crossed import over_both
from crossgen.report.data import OWN, ReportData
from crossgen.report.estimates import Estimate, less, mean_by_seed, mean_of

#: Train set to a number of its detectors.
Value = Callable[[str], Estimate]


def change(data: ReportData, what: tuple[str, str, str], condition: str) -> Estimate:
    """From the plain condition to `condition`; `what`: experiment, aggregate (own, mean, ...), metric."""
    experiment, kind, metric = what

    def value(train_set: str, under: str) -> Estimate:
        if kind == OWN:
            return _own(data, (experiment, train_set), under, metric)
        return data.cell(experiment, train_set, kind, under, metric)

    return _mean_of(data, experiment, lambda name: less(value(name, condition), value(name, data.plain)))


def control_excess(data: ReportData, experiment: str, control: str) -> Estimate:
    """How much oftener a control of reals is called fake than the reals of the detector's own test sets."""
    return _mean_of(
        data,
        experiment,
        lambda name: less(
            data.cell(experiment, name, control, data.plain, "fpr"),
            _own(data, (experiment, name), data.plain, "fpr"),
        ),
    )


def _own(data: ReportData, model: tuple[str, str], condition: str, metric: str) -> Estimate:
    """The mean over a train set's own test sets; `model`: experiment and train set."""
    return mean_of(data.cell(*model, test, condition, metric) for test in data.own_of(model[1]))


def _mean_of(data: ReportData, experiment: str, value: Value) -> Estimate:
    """Over the train sets that `counted` names, as the aggregates of the metrics."""
    names = counted(data.tested, data.train_sets_of(experiment))
    values = {name: value(name) for name in names}
    lost = [name for name, each in values.items() if not each.defined]
    if lost or not names:
        return Estimate(reason=f"undefined for {', '.join(lost)}" if lost else "no train set has a test set of its own")
    by_seed = mean_by_seed(values.values())
    each_seed = [[dict(each.by_seed)[seed] for each in values.values()] for seed, _ in by_seed]
    found, _ = over_both(np.array(each_seed or [[each.value for each in values.values()]]), data.level, (-1.0, 1.0))
    reason = "no interval: one generator only, or all alike" if isnan(found.low) else ""
    return Estimate(value=found.value, low=found.low, high=found.high, by_seed=by_seed, reason=reason)
