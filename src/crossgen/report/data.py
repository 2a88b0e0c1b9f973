"""What tables, figures and page are made of: the finished tables, and the order in which the config names things."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from crossgen.config import Condition, Ensemble, Shown
from crossgen.records import DUPLICATES, HISTORY, LOSSES, WATCHED, WATERFALL
from crossgen.report.estimates import Estimate, pool

#: Words that stand where a train set or a test set stands, and mean an aggregate.
MEAN, OFF_DIAGONAL, OWN, OWN_MINUS_OFF = "mean", "mean_off_diagonal", "own", "own_minus_off_diagonal"
MEAN_UNSEEN = "mean_unseen"

#: Metrics that get heat maps and matrix tables.
SHOWN_METRICS = ("balanced_accuracy", "roc_auc")

TITLES = {
    "balanced_accuracy": "Balanced accuracy",
    "roc_auc": "ROC-AUC",
    MEAN: "mean",
    OFF_DIAGONAL: "off-diagonal mean",
    OWN: "own generator",
    OWN_MINUS_OFF: "own − off-diagonal",
    MEAN_UNSEEN: "unseen generators",
    "accuracy": "Accuracy",
    "average_precision": "Average precision",
    "tpr": "Fakes found (TPR)",
    "tnr": "Reals passed (TNR)",
    "fpr": "Reals called fake (FPR)",
}

#: What is shown of an image that was selected, and of one that was listed; the manifests of a whole run are large.
CHOSEN = ("image_id", "pool", "label", "format", "width", "height", "jpeg_quality")
FACTS = (*CHOSEN, "split", "conversion", "quarantine")
#: Of which detector the rows of a history tell; those of what was watched have another train set of their own.
TOLD_OF = ("experiment", "trained_on", "seed")
#: What a detector's file tells of itself.
TRAINED = (
    "experiment", "train_set", "seed", "architecture", "frame", "parameters", "device", "precision", "commit",
)  # fmt: skip


@dataclass(frozen=True)
class ReportData:
    """Everything a report shows. Frames hold the columns of `crossgen.records`; the rest is the config's order."""

    metrics: pd.DataFrame
    differences: pd.DataFrame
    biases: pd.DataFrame
    probes: pd.DataFrame
    facts: pd.DataFrame  # FACTS of the manifests of all pools
    selections: pd.DataFrame  # CHOSEN of what was selected, and subset, stage, train_set
    experiments: tuple[str, ...]
    train_sets: tuple[str, ...]
    generators: tuple[str, ...]  # test sets with reals and fakes
    controls: tuple[str, ...]  # test sets of one label
    conditions: tuple[Condition, ...]
    matrix_conditions: tuple[str, ...]
    comparisons: tuple[tuple[str, str], ...]  # (experiment, baseline)
    seeds: tuple[int, ...]
    level: float = 0.95
    name: str = ""
    ensembles: Mapping[str, Ensemble] = field(default_factory=dict)  # those of the experiments that are no training
    unseen: tuple[str, ...] = ()  # those of the generators that no detector may learn from
    titles: Mapping[str, str] = field(default_factory=dict)
    losses: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(LOSSES.columns)))
    waterfall: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(WATERFALL.columns)))
    duplicates: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(DUPLICATES.columns)))
    histories: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=[*TOLD_OF, *HISTORY.columns]))
    watched: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=[*TOLD_OF, *WATCHED.columns]))
    detectors: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(TRAINED)))

    @classmethod
    def from_config(cls, config: Shown, frames: Mapping[str, pd.DataFrame]) -> "ReportData":
        """`frames`: those of the class, by name."""
        pairs = tuple(test.name for test in config.test_sets if test.pair)
        unseen = tuple(test.name for test in config.test_sets if test.pair and test.unseen)
        seen = tuple(name for name in pairs if name not in unseen)
        chosen = [experiment.train_sets for experiment in config.experiments]
        named = [name for names in chosen for name in (seen if names == "each" else names)]
        return cls(
            metrics=frames["metrics"],
            differences=frames["differences"],
            biases=frames["biases"],
            probes=frames["probes"],
            facts=frames["facts"],
            selections=frames["selections"],
            losses=frames["losses"],
            waterfall=frames["waterfall"],
            duplicates=frames["duplicates"],
            histories=frames["histories"],
            watched=frames["watched"],
            experiments=(*(item.name for item in config.experiments), *(item.name for item in config.ensembles)),
            train_sets=tuple(dict.fromkeys([name for name in seen if name in named] + named)),
            generators=pairs,
            controls=tuple(test.name for test in config.test_sets if test.name not in pairs),
            conditions=config.conditions,
            matrix_conditions=config.matrix_conditions,
            comparisons=tuple((pair.experiment, pair.baseline) for pair in config.comparisons),
            seeds=tuple(sorted({seed for experiment in config.experiments for seed in experiment.seeds})),
            level=config.statistics.level,
            name=config.report,
            ensembles={item.name: item for item in config.ensembles},
            unseen=unseen,
        )

    @property
    def seen(self) -> tuple[str, ...]:
        """The generators that means run over."""
        return tuple(name for name in self.generators if name not in self.unseen)

    @property
    def means(self) -> tuple[str, ...]:
        """Columns of a matrix beside the generators."""
        return (MEAN, OFF_DIAGONAL, *([MEAN_UNSEEN] if self.unseen else []))

    def title(self, name: str) -> str:
        """How a metric or an aggregate is printed; names given by the user stay as they are."""
        return self.titles.get(name, TITLES.get(name, name))

    @property
    def plain(self) -> str:
        """The condition that changes nothing: the first without steps, else the first."""
        untouched = [c.name for c in self.conditions if not c.steps and not c.base]
        return (untouched or [self.conditions[0].name])[0]

    @property
    def undegraded(self) -> tuple[str, ...]:
        """Conditions that are no point of a degradation curve, the plain one first."""
        others = [c.name for c in self.conditions if c.degradation is None and c.name != self.plain]
        return (self.plain, *others)

    @property
    def families(self) -> dict[str, tuple[str, ...]]:
        """Degradation (resize, jpeg, ...) to its conditions, both in the config's order."""
        found: dict[str, tuple[str, ...]] = {}
        for condition in self.conditions:
            if condition.degradation:
                found[condition.degradation] = (*found.get(condition.degradation, ()), condition.name)
        return found

    def train_sets_of(self, experiment: str) -> tuple[str, ...]:
        """Train sets that an experiment has numbers for."""
        return tuple(name for name in self.train_sets if (experiment, name) in self._trained)

    def seeds_of(self, experiment: str) -> tuple[int, ...]:
        """Seeds that an experiment has numbers for."""
        return self._seeds.get(experiment, ())

    def seeds_of_pair(self, pair: tuple[str, str]) -> tuple[int, ...]:
        """Seeds that a difference was taken in: those that both experiments have."""
        return tuple(seed for seed in self.seeds_of(pair[0]) if seed in self.seeds_of(pair[1]))

    def cell(self, experiment: str, train_set: str, test_set: str, condition: str, metric: str) -> Estimate:
        """One number, the mean over seeds."""
        return self._cells.get((experiment, train_set, test_set, condition, metric), Estimate())

    def difference(self, pair: tuple[str, str], train_set: str, test_set: str, condition: str, metric: str) -> Estimate:
        """Experiment minus baseline, paired, the mean over the seeds of both."""
        return self._paired.get((*pair, train_set, test_set, condition, metric), Estimate())

    def called_fake(self, experiment: str, train_set: str, control: str, condition: str = "") -> Estimate:
        """Share of a control's images called fake: fpr of reals, tpr of fakes. No `condition`: the plain one."""
        key = (experiment, train_set, control, condition or self.plain)
        of_reals, of_fakes = self.cell(*key, "fpr"), self.cell(*key, "tpr")
        return of_fakes if of_fakes.defined and not of_reals.defined else of_reals

    @cached_property
    def _cells(self) -> dict[tuple[str, ...], Estimate]:
        return _pool(self.metrics, ("experiment", "train_set", *CELL))

    @cached_property
    def _paired(self) -> dict[tuple[str, ...], Estimate]:
        return _pool(self.differences, ("experiment", "baseline", "train_set", *CELL))

    @cached_property
    def _seeds(self) -> dict[str, tuple[int, ...]]:
        held = self.metrics[["experiment", "seed"]].drop_duplicates()
        return {str(name): tuple(map(int, seeds)) for name, seeds in held.groupby("experiment")["seed"]}

    @cached_property
    def _trained(self) -> set[tuple[str, str]]:
        return {(key[0], key[1]) for key in self._cells}


CELL = ("test_generator", "condition", "metric")


def _pool(frame: pd.DataFrame, keys: tuple[str, ...]) -> dict[tuple[str, ...], Estimate]:
    rows: dict[tuple[str, ...], list[Mapping[Any, Any]]] = defaultdict(list)
    for row in frame.to_dict("records"):
        rows[tuple(row[key] for key in keys)].append(row)
    return {key: pool(seeds) for key, seeds in rows.items()}
