"""What tables, figures and page are made of: the finished tables, and the order in which the config names things."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from crossgen.config import Condition, Ensemble, PublishedComparison, PublishedFinding, Shown, TestSet
from crossgen.config.axes import Ablation, ablations
from crossgen.config.test_sets import counted, own_tests
from crossgen.records import (
    BREAKDOWNS,
    CONTENTS,
    CORRELATIONS,
    CURVES,
    DISAGREEMENTS,
    DUPLICATES,
    HARDEST,
    HISTORY,
    LOSSES,
    MISJUDGED,
    OPERATING_POINTS,
    RELIABILITY,
    SEED_MEANS,
    SPECTRA,
    SPECTRAL,
    THRESHOLDS,
    WATCHED,
    WATERFALL,
)
from crossgen.report.estimates import Estimate, pool

#: Words that stand where a train set or a test set stands, and mean an aggregate.
MEAN, OFF_DIAGONAL, OWN, OWN_MINUS_OFF = "mean", "mean_off_diagonal", "own", "own_minus_off_diagonal"
MEAN_UNSEEN = "mean_unseen"
WORST, WORST_OFF = "worst", "worst_off_diagonal"

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
    WORST: "worst generator",
    WORST_OFF: "worst off-diagonal",
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
    published: tuple[PublishedFinding, ...] = ()
    compared: tuple[PublishedComparison, ...] = ()
    ablations: tuple[Ablation, ...] = ()
    name: str = ""
    ensembles: Mapping[str, Ensemble] = field(default_factory=dict)  # those of the experiments that are no training
    unseen: tuple[str, ...] = ()  # those of the generators that no detector may learn from
    test_sets: tuple[TestSet, ...] = ()  # what is known of the generators' train sets; none: they bear one name
    titles: Mapping[str, str] = field(default_factory=dict)
    losses: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(LOSSES.columns)))
    waterfall: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(WATERFALL.columns)))
    duplicates: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(DUPLICATES.columns)))
    histories: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=[*TOLD_OF, *HISTORY.columns]))
    watched: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=[*TOLD_OF, *WATCHED.columns]))
    seed_means: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(SEED_MEANS.columns)))
    detectors: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(TRAINED)))
    breakdowns: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(BREAKDOWNS.columns)))
    correlations: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(CORRELATIONS.columns)))
    disagreements: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(DISAGREEMENTS.columns)))
    hardest: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(HARDEST.columns)))
    contents: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(CONTENTS.columns)))
    curves: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(CURVES.columns)))
    misjudged: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(MISJUDGED.columns)))
    #: Role of run.json to the paths of its files, as the page names them.
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    class_groups: tuple[str, ...] = ()
    minimum: int = 30  # images of a bin below which the interval stands alone
    thresholds: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(THRESHOLDS.columns)))
    operating_points: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(OPERATING_POINTS.columns)))
    reliability: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(RELIABILITY.columns)))
    looked: pd.DataFrame = field(default_factory=lambda: pd.DataFrame({"detector": [], "folder": []}))
    spectra: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(SPECTRA.columns)))
    spectral: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(SPECTRAL.columns)))

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
            breakdowns=frames["breakdowns"],
            correlations=frames["correlations"],
            disagreements=frames["disagreements"],
            hardest=frames["hardest"],
            contents=frames["contents"],
            class_groups=tuple(config.breakdowns.class_groups),
            seed_means=frames["seed_means"],
            thresholds=frames["thresholds"],
            operating_points=frames["operating_points"],
            reliability=frames["reliability"],
            looked=frames["looked"],
            spectra=frames["spectra"],
            spectral=frames["spectral"],
            minimum=config.breakdowns.fewest,
            experiments=(*(item.name for item in config.experiments), *(item.name for item in config.ensembles)),
            train_sets=tuple(dict.fromkeys([name for name in seen if name in named] + named)),
            generators=pairs,
            controls=tuple(test.name for test in config.test_sets if test.name not in pairs),
            conditions=config.conditions,
            matrix_conditions=config.matrix_conditions,
            comparisons=tuple((pair.experiment, pair.baseline) for pair in config.comparisons if pair.plain),
            seeds=tuple(sorted({seed for experiment in config.experiments for seed in experiment.seeds})),
            published=config.published_findings,
            compared=config.compare_published,
            ablations=tuple(ablations((*config.experiments, *config.ensembles))),
            level=config.statistics.level,
            name=config.report,
            ensembles={item.name: item for item in config.ensembles},
            unseen=unseen,
            test_sets=config.test_sets,
        )

    @property
    def seen(self) -> tuple[str, ...]:
        """The generators that means run over."""
        return tuple(name for name in self.generators if name not in self.unseen)

    @cached_property
    def tested(self) -> tuple[TestSet, ...]:
        """The generators as test sets, which know who has learned them."""
        known = {item.name: item for item in self.test_sets}
        alone = {name: TestSet(name=name, fake=name, real=name, unseen=name in self.unseen) for name in self.generators}
        return tuple(known.get(name, alone[name]) for name in self.generators)

    def own_of(self, train_set: str) -> tuple[str, ...]:
        """The test sets whose generator a train set has learned."""
        return own_tests(self.tested, train_set)

    @cached_property
    def sources(self) -> dict[tuple[str, str], tuple[str, ...]]:
        """(experiment, train set) to its files of scores, `.../<experiment>/<train set>/seed<n>.parquet`."""
        found: dict[tuple[str, str], tuple[str, ...]] = {}
        for path in self.files.get("scores", ()):
            experiment, train_set = path.split("/")[-3:-1]
            found[experiment, train_set] = (*found.get((experiment, train_set), ()), path)
        return found

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
        place = self.sole((experiment,)) if (train_set, test_set) == (MEAN, OWN) else None
        return self._cells.get((experiment, *(place or (train_set, test_set)), condition, metric), Estimate())

    def difference(self, pair: tuple[str, str], train_set: str, test_set: str, condition: str, metric: str) -> Estimate:
        """Experiment minus baseline, paired, the mean over the seeds of both."""
        place = self.sole(pair) if (train_set, test_set) == (MEAN, OWN) else None
        return self._paired.get((*pair, *(place or (train_set, test_set)), condition, metric), Estimate())

    def sole(self, experiments: tuple[str, ...]) -> tuple[str, str] | None:
        """The one train set that means of these experiments run over, and its one own test set: a mean of one number
        is that number, and has its interval. None where there are several."""
        shared = [name for name in self.train_sets if all((each, name) in self._trained for each in experiments)]
        found = [(name, test) for name in counted(self.tested, shared) for test in self.own_of(name)]
        return found[0] if len(found) == 1 else None

    def called_fake(self, experiment: str, train_set: str, control: str, condition: str = "") -> Estimate:
        """Share of a control's images called fake: fpr of reals, tpr of fakes. No `condition`: the plain one."""
        key = (experiment, train_set, control, condition or self.plain)
        of_reals, of_fakes = self.cell(*key, "fpr"), self.cell(*key, "tpr")
        return of_fakes if of_fakes.defined and not of_reals.defined else of_reals

    @cached_property
    def knows_worst(self) -> bool:
        """Whether the metrics tell of worst generators."""
        return WORST_OFF in set(self.metrics["test_generator"])

    def worst(self, key: tuple[str, str, str, str, str]) -> tuple[Estimate, tuple[str, ...]]:
        """An estimate of WORST or WORST_OFF, and the names of the generators that it is of, a seed each."""
        return self.cell(*key), self._worst.get(key, ())

    @cached_property
    def _worst(self) -> dict[tuple[str, ...], tuple[str, ...]]:
        named = self.metrics[self.metrics["test_generator"].isin([WORST, WORST_OFF])]
        named = named[named["worst_generator"].notna()] if len(named) else named
        found = named.groupby(["experiment", "train_set", *CELL], sort=False) if len(named) else ()
        return {tuple(map(str, key)): tuple(dict.fromkeys(rows["worst_generator"])) for key, rows in found}

    @cached_property
    def _cells(self) -> dict[tuple[str, ...], Estimate]:
        means = self.seed_means
        return _pool(self.metrics, ("experiment", "train_set", *CELL), means[means["baseline"].isna()])

    @cached_property
    def _paired(self) -> dict[tuple[str, ...], Estimate]:
        means = self.seed_means
        same = means[(means["condition"] == means["baseline_condition"]) & (means["experiment"] != means["baseline"])]
        return _pool(of_experiments(self.differences), ("experiment", "baseline", "train_set", *CELL), same)

    @cached_property
    def _seeds(self) -> dict[str, tuple[int, ...]]:
        held = self.metrics[["experiment", "seed"]].drop_duplicates()
        return {str(name): tuple(map(int, seeds)) for name, seeds in held.groupby("experiment")["seed"]}

    @cached_property
    def _trained(self) -> set[tuple[str, str]]:
        return {(key[0], key[1]) for key in self._cells}


CELL = ("test_generator", "condition", "metric")
#: What the sides of a comparison may differ in beside the experiment.
PLACES = ("train_set", "seed", "condition")


def of_experiments(differences: pd.DataFrame) -> pd.DataFrame:
    """Rows whose two sides differ in the experiment alone."""
    same = [differences[name] == differences[f"baseline_{name}"] for name in PLACES]
    return differences[pd.concat(same, axis=1).all(axis=1) & (differences["experiment"] != differences["baseline"])]


def _pool(frame: pd.DataFrame, keys: tuple[str, ...], means: pd.DataFrame) -> dict[tuple[str, ...], Estimate]:
    """Estimates by key; `means`: rows of several seeds."""
    together = {tuple(row[key] for key in keys): row for row in means.to_dict("records")}
    rows: dict[tuple[str, ...], list[Mapping[Any, Any]]] = defaultdict(list)
    for row in frame.to_dict("records"):
        rows[tuple(row[key] for key in keys)].append(row)
    return {key: pool(seeds, together.get(key)) for key, seeds in rows.items()}
