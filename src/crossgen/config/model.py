"""The configuration: frozen classes that are the one truth about what may be written in a config file.

The JSON schema under `workflow/schemas/` is generated from these classes (`schema`); `loading` reads files and resolves
`extends:`, `grid` expands `vary:`, `checks` refuses what types alone cannot.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, model_validator

from crossgen.config.axes import Place
from crossgen.config.beside import PublishedComparison
from crossgen.config.breakdowns import Breakdowns
from crossgen.config.comparisons import Comparison as Comparison
from crossgen.config.looking import Looking
from crossgen.config.published import PublishedFinding
from crossgen.config.recipes import Recipe
from crossgen.config.sources import Below, Laid, Layout, Source
from crossgen.config.spectra import Spectra
from crossgen.config.steps import Model, Step, Text
from crossgen.config.subsets import Subset
from crossgen.config.test_sets import TestSet as TestSet
from crossgen.config.values import GridName, Label, Name

SCHEMA_VERSION = 1

#: Words that mean something in tables and file names, so that nothing may be called so.
RESERVED = (
    "mean", "mean_off_diagonal", "mean_unseen", "own", "own_minus_off_diagonal", "worst", "worst_off_diagonal",
    "pooled", "pooled_off_diagonal", "all", "real", "fake", "each",
)  # fmt: skip


class Pool(Model):
    """Images of one label from one place."""

    name: Name = Field(description="Name of the pool.")
    label: Label = Field(description="What its images are: real (label 0) or fake (label 1).")
    generator: Name | None = Field(default=None, description="What made the fakes; default: the pool's name.")
    source: Source = Field(description="How the images arrive on disk.")
    shards: int = Field(default=1, ge=1, le=1000, description="Jobs the pool is cut into; about 50,000 images each.")
    test_only: bool = Field(default=False, description="Every image is a test image, whatever its source says.")
    hash: bool = Field(
        default=True,
        description="Digest every file (blake3). false: files are read at both ends only; then nothing is known of"
        " duplicates, and a replaced file of the same size is not noticed.",
    )
    shares_with: tuple[Name, ...] = Field(
        default=(), description="Pools that may hold the same images; a real in two other pools is refused."
    )
    known_defects: bool = Field(
        default=True,
        description="Quarantine the files that published lists name as broken (GenImage's; by name and label).",
    )
    max_quarantine: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="Largest share of unusable images before the run stops: of the pool by its"
        " headers, and of those selected to train on when they are decoded.",
    )


class Folders(Laid):
    """One's own images in one block: pools and test sets of a real folder and of one or more fake folders."""

    name: Name = Field(description="Name of the test set; with several fake folders, what their pools begin with.")
    layout: Layout = Field(
        default="real_fake",
        description="See the source `folder`. Not written where `real` and `fakes` name folders: splits.",
    )
    real: Below | None = Field(default=None, description="Folder of the reals, below root; null: as the layout says.")
    fakes: dict[Name, Below] = Field(
        default={}, description="Generator to its folder below root; none: one generator, as the layout says."
    )
    test_only: bool = Field(default=False, description="Only tested, never trained on.")
    shards: int = Field(default=1, ge=1, le=1000, description="Jobs each pool is cut into.")
    max_quarantine: float = Field(default=0.01, ge=0, le=1, description="As of a pool.")

    @property
    def meaning(self) -> Layout:
        """The layout as written; unwritten it is splits where folders are named, because these tell the label."""
        named = self.real is not None or self.fakes
        return "splits" if named and "layout" not in self.model_fields_set else self.layout

    @model_validator(mode="after")
    def _both_labels(self) -> Self:
        if self.meaning in ("plain", "splits") and (self.real is None or not self.fakes):
            raise ValueError(
                "both `real` and `fakes` ({generator: folder}), or neither: then folders called real and fake, or as"
                f" another layout names them, tell the label (layout is {self.meaning}, which does not)"
            )
        return self


class TrainSet(Model):
    """The pools that one detector learns from."""

    name: Name = Field(description="Name of the train set.")
    fake: tuple[Name, ...] = Field(min_length=1, description="Pools of fakes.")
    real: tuple[Name, ...] = Field(min_length=1, description="Pools of reals.")


class Condition(Model):
    """What is done to test images before the frame, and to which label."""

    name: Name = Field(description="Name of the condition.")
    steps: tuple[Step, ...] = Field(default=(), description="Steps in order; none: the file as it is.")
    to: Literal["all", "fake", "real"] = Field(default="all", description="Label of the images it is done to.")
    base: Name | None = Field(default=None, description="Condition that is done first, to its own label.")
    degradation: Text | None = Field(
        default=None, description="Curve that it is a point of (resize, jpeg, blur ...); null: none."
    )


class StartFrom(Model):
    """The detector of another experiment that training begins with."""

    experiment: GridName = Field(description="Experiment whose detectors they begin with.")
    train_set: Name | None = Field(
        default=None, description="Its train set; null: the same as that of the new detector."
    )
    seed: int | None = Field(default=None, ge=0, description="Its seed; null: the same as that of the new detector.")
    head: Literal["keep", "fresh"] = Field(default="keep", description="The last layer's weights: its own, or new.")


class Curriculum(Model):
    """Of n pools of fakes the easy ones first: the k-th joins after ramp x (k - 1) / (n - 1) of the steps."""

    order: tuple[Name, ...] | None = Field(
        default=None, description="Pools of fakes from easy to hard; null: as `experiment` measures it."
    )
    experiment: GridName | None = Field(
        default=None,
        description="Easy is a pool whose detector of this experiment (trained on it alone, same seed or its first)"
        " reached a high ROC-AUC on its own validation images.",
    )
    ramp: float = Field(default=0.5, gt=0, le=1, description="Share of the steps after which all have joined.")

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if (self.order is None) == (self.experiment is None):
            raise ValueError("one of `order` and `experiment`")
        return self


AT = (
    "Where it stands on the axes of an ablation: {axis: number or word}. `vary` adds its keys and values. Those that"
    " stand on the same axes share a table and a plot."
)


class Experiment(Model):
    """Subset x recipe x train sets x seeds; with `vary`, one such for every point of the grid."""

    name: GridName = Field(description="Name, unique among all configs that share `data`.")
    subset: GridName = Field(description="Subset trained on.")
    recipe: GridName = Field(description="Recipe trained with.")
    train_sets: Literal["each"] | Annotated[tuple[Name, ...], Field(min_length=1)] = Field(
        default="each", description="Train sets; each: one per test set that has reals and fakes."
    )
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(default=(0,), min_length=1, description="Training seeds.")
    start_from: StartFrom | None = Field(default=None, description="Detectors to begin with; null: fresh ones.")
    curriculum: Curriculum | None = Field(default=None, description="Order in which fakes join; null: all at once.")
    watch_every: int | None = Field(
        default=None,
        ge=1,
        description="Every so many epochs the validation images of the experiment's other train sets are scored and"
        " plotted: for the eye, nothing is chosen by it.",
    )
    vary: dict[str, list[JsonValue] | dict[str, JsonValue]] = Field(
        default_factory=dict,
        description="`subset.<key>` or `recipe.<key>` to the values it takes, or to {label: value} for lists and"
        " mappings; every combination becomes an experiment `name+key=value`, in place of this one.",
    )
    at: dict[Name, Place] = Field(default_factory=dict, description=AT)


class Ensemble(Model):
    """Trained detectors judged as one by the mean of their logits: an experiment of its own in tables and figures."""

    name: Name = Field(description="Name, unlike those of the experiments.")
    experiments: tuple[GridName, ...] = Field(
        min_length=1,
        description="Experiments whose detectors are its members (grid points of `vary` by their whole names). Only the"
        " train sets that all of them have get an ensemble, and only the images that all of them scored.",
    )
    over: Literal["experiments", "experiments_and_seeds"] = Field(
        default="experiments",
        description="experiments: the detectors of one train set and one seed that all have; experiments_and_seeds: all"
        " detectors of one train set, each with the same weight, as seed 0.",
    )
    at: dict[Name, Place] = Field(default_factory=dict, description=AT)


class Statistics(Model):
    """Intervals."""

    replicates: int = Field(default=1000, ge=100, le=100000, description="Bootstrap replicates.")
    seed: int = Field(default=0, ge=0, description="Seed of the bootstrap weights, shared by every cell of a run.")
    level: float = Field(default=0.95, gt=0.5, lt=1, description="Confidence level.")
    degradations: bool = Field(
        default=True,
        description="Compare the plain condition (the first without steps) with every other one, for every experiment.",
    )
    validation_images: int = Field(
        default=5000,
        ge=1,
        description="At most so many validation images of each label are scored, to choose thresholds and temperature:"
        " a random subset by split_seed.",
    )


class Judging(Model):
    """What metrics and breakdowns depend on."""

    test_sets: tuple[TestSet, ...]
    comparisons: tuple[Comparison, ...] = ()
    statistics: Statistics = Statistics()
    matrix_conditions: tuple[Name, ...] = ()
    breakdowns: Breakdowns = Breakdowns()


class Shown(Model):
    """What tables, figures and page need of a config."""

    report: Name = Field(description="The report folder results/<report>/.")
    test_sets: tuple[TestSet, ...] = Field(default=(), description="What is tested, in the order of the figures.")
    conditions: tuple[Condition, ...] = Field(min_length=1, description="Conditions, in the order of the figures.")
    matrix_conditions: tuple[Name, ...] = Field(
        default=("clean",), min_length=1, description="Conditions that get heat maps of their own."
    )
    experiments: tuple[Experiment, ...] = Field(min_length=1, description="Experiments, in the order of the figures.")
    ensembles: tuple[Ensemble, ...] = Field(default=(), description="Detectors judged together.")
    comparisons: tuple[Comparison, ...] = Field(
        default=(), description="Paired differences of experiments or ensembles, train sets, conditions, seeds."
    )
    published_findings: tuple[PublishedFinding, ...] = Field(
        default=(),
        description="What papers found of the experiments compared: the report tells whether this run agrees.",
    )
    compare_published: tuple[PublishedComparison, ...] = Field(
        default=(), description="Published tables beside this run's numbers, where both were made alike."
    )
    statistics: Statistics = Field(default=Statistics(), description="How intervals are made.")
    breakdowns: Breakdowns = Field(default=Breakdowns(), description="Bins of breakdowns, and the hardest images.")


class Machine(Model):
    """How a run uses its machine. No result depends on it, so that a change of it runs nothing again."""

    train_threads: int = Field(default=1, ge=1, description="Processor cores of a training job.")
    train_gpus: int = Field(
        default=1, ge=0, description="GPUs of a training job on each of its nodes; several share each batch."
    )
    train_nodes: int = Field(
        default=1, ge=1, description="Nodes of a training job; more than one need `--profile slurm`."
    )
    train_minutes: int = Field(
        default=60, ge=1, description="Time that a training job asks a cluster for; the n-th attempt, n times as much."
    )
    fetch_on: Literal["jobs", "here"] = Field(
        default="jobs",
        description="Where data and pretrained weights are fetched, on a cluster: in jobs, or here, where Snakemake"
        " runs (nodes without internet). No result depends on it.",
    )
    checkpoint_minutes: float = Field(default=10.0, gt=0, description="A killed training job loses at most so much.")
    out_of_memory: Literal["stop", "halve"] = Field(
        default="stop",
        description="A batch too large for the memory: an error, or `accumulate` doubled until it fits, and said.",
    )
    detectors_per_score_job: int = Field(default=8, ge=1, description="Detectors that share one scoring process.")
    score_threads: int = Field(
        default=1,
        ge=1,
        description="Processor cores of a rendering or scoring job: they decode and degrade, ahead of the device.",
    )
    max_cache_gb: float = Field(
        default=100.0,
        ge=0,
        description="Rendered pixels that a report may keep, shared evenly by its render jobs (a tested pool's shard"
        " and a frame each); what is above a share is rendered anew in each scoring. 0 keeps none.",
    )


class Config(Shown, Machine):
    """A whole run."""

    schema_version: Literal[1] = Field(description="Version of this schema.")
    data: Name = Field(description="The store results/<data>/: configs that share it share every finished job.")
    split_seed: int = Field(default=0, ge=0, description="Seed of the val and test carve; not the training seed.")
    val_fraction: float = Field(default=0.15, gt=0, lt=1, description="Share of train groups that become val.")
    test_fraction: float = Field(
        default=0.3, gt=0, lt=1, description="Share of groups tested, of sources without splits."
    )
    pools: tuple[Pool, ...] = Field(default=(), description="Where images are.")
    folders: tuple[Folders, ...] = Field(
        default=(),
        description="One's own images, one block a folder: adds pools <name>_real and <name> (or <name>_<generator>)"
        " and test sets to those listed.",
    )
    train_sets: tuple[TrainSet, ...] = Field(
        default=(), description="Train sets beyond those named by `each` (one per test set with both labels)."
    )
    subsets: tuple[Subset, ...] = Field(min_length=1, description="Selections to train on.")
    recipes: tuple[Recipe, ...] = Field(
        min_length=1, description="Recipes, or paths (relative to the config file) of files that hold one each."
    )
    looking: Looking | None = Field(
        default=None, description="Detectors looked into, in the report: maps, features, drift under JPEG; null: none."
    )
    spectra: Spectra | None = Field(
        default=None, description="Average spectra of the pools' images, in the report; null: none."
    )

    @property
    def train_processes(self) -> int:
        """Processes of a training job: one a GPU, and at least one on each node."""
        return max(1, self.train_gpus) * self.train_nodes
