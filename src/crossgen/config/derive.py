"""What follows from a config: its train sets, its detectors, the frames in use."""

from dataclasses import dataclass

from crossgen.config.checks import each
from crossgen.config.generation import GeneratedSource
from crossgen.config.model import Config, Experiment, Folders, Pool, TestSet, TrainSet
from crossgen.config.recipes import Frame
from crossgen.config.reconstruction import ReconstructedSource, made_by
from crossgen.config.sources import FolderSource
from crossgen.config.subsets import Subset
from crossgen.config.values import Label


@dataclass(frozen=True)
class Trained:
    """One detector: an experiment, a train set, a seed."""

    experiment: Experiment
    train_set: TrainSet
    seed: int
    generator: str | None

    @property
    def key(self) -> str:
        """Its place in folders of detectors and scores."""
        return f"{self.experiment.name}/{self.train_set.name}/seed{self.seed}"


def train_sets(config: Config) -> dict[str, TrainSet]:
    """All train sets by name: those of `each` (a test set's two pools), then the declared ones."""
    tests = {item.name: item for item in config.test_sets}
    found = {}
    for name in each(config):
        fake, real = tests[name].fake, tests[name].real
        found[name] = TrainSet(name=name, fake=(str(fake),), real=(str(real),))
    return found | {item.name: item for item in config.train_sets}


def with_folders(config: Config) -> Config:
    """The config with the pools and test sets of its `folders` in place of these."""
    pools, tests = list(config.pools), list(config.test_sets)
    for item in config.folders:
        pools.append(_folder_pool(item, f"{item.name}_real", "real", None, item.real))
        fakes: dict[str, str | None] = {**item.fakes} or {item.name: None}
        for generator, folder in fakes.items():
            name = item.name if len(item.fakes) < 2 else f"{item.name}_{generator}"
            pools.append(_folder_pool(item, name, "fake", generator, folder))
            tests.append(TestSet(name=name, fake=name, real=f"{item.name}_real"))
    return config.model_copy(update={"pools": tuple(pools), "test_sets": tuple(tests), "folders": ()})


def _folder_pool(item: Folders, name: str, label: Label, generator: str | None, folder: str | None) -> Pool:
    shared = item.model_dump(include=set(FolderSource.model_fields) & set(Folders.model_fields))
    within = item.subset if folder is None else "/".join([".", folder, *([item.subset] if item.subset else [])])
    return Pool(
        name=name,
        label=label,
        generator=generator,
        source=FolderSource(kind="folder", **(shared | {"subset": within, "layout": item.meaning})),
        test_only=item.test_only,
        shards=item.shards,
        max_quarantine=item.max_quarantine,
    )


def chosen_pools(config: Config, subset: Subset, train_set: TrainSet) -> list[str]:
    """Pools whose images a selection may hold: the train set's, and those that the subset's keys name."""
    tests = {item.name: item for item in config.test_sets}
    all_reals = [str(tests[name].real) for name in each(config)] if subset.reals_from == "all" else []
    lenders = [lender.pool for lender in subset.lenders]
    return list(dict.fromkeys([*train_set.real, *all_reals, *train_set.fake, *lenders]))


def read_pools(config: Config, subset: Subset, train_set: TrainSet) -> list[str]:
    """Pools whose manifests a selection reads: those it may choose from, and those it looks for leaks in."""
    tested = tested_pools(config) if subset.drop_leaks == "all" else []
    return list(dict.fromkeys([*chosen_pools(config, subset, train_set), *tested]))


def roles(config: Config, subset: Subset, train_set: TrainSet) -> dict[str, object]:
    """What a selection must know of the pools it reads: which are only looked at for leaks, which may share images."""
    chosen = chosen_pools(config, subset, train_set)
    shared = {tuple(sorted((pool.name, other))) for pool in config.pools for other in pool.shares_with}
    return {
        "only_tested": [name for name in read_pools(config, subset, train_set) if name not in chosen],
        "shared": sorted(pair for pair in shared if set(pair) <= set(chosen)),
    }


def with_unseen(config: Config) -> Config:
    """Test sets of fakes that nobody may train on are unseen, said or not."""
    test_only = {pool.name for pool in config.pools if pool.test_only}
    told = [
        item.model_copy(update={"unseen": item.unseen or (item.pair and item.fake in test_only)})
        for item in config.test_sets
    ]
    return config.model_copy(update={"test_sets": tuple(told)})


def with_seen(config: Config) -> Config:
    """Test sets know the train sets that learn from their generator, under whatever names.

    A generator is known by its name and, of reconstructions and generated images, by the network that made them: two
    pools of one autoencoder, or of one pipeline, are of one generator, also where nobody said so.
    """
    pools = {pool.name: pool for pool in config.pools}
    learned = {
        name: {maker for pool in item.fake for maker in _makers(pools[pool])}
        for name, item in train_sets(config).items()
    }
    told = []
    for item in config.test_sets:
        makers = _makers(pools[item.fake]) if item.fake else set()
        found = [name for name, known in learned.items() if makers & known]
        told.append(item.model_copy(update={"seen_by": tuple(dict.fromkeys([*found, *(item.seen_by or ())]))}))
    return config.model_copy(update={"test_sets": tuple(told)})


def _makers(pool: Pool) -> set[tuple[str, ...]]:
    """What a pool's fakes are known to be made by."""
    found: set[tuple[str, ...]] = {("generator", pool.generator or pool.name)}
    if isinstance(pool.source, ReconstructedSource):
        found.add(made_by(pool.source.by))
    if isinstance(pool.source, GeneratedSource):
        found.add(("pipeline", pool.source.pipeline))
    return found


def train_sets_of(config: Config, experiment: Experiment) -> list[TrainSet]:
    """The train sets of one experiment, in its order."""
    known = train_sets(config)
    return [known[name] for name in (each(config) if experiment.train_sets == "each" else experiment.train_sets)]


def detectors(config: Config) -> list[Trained]:
    """All detectors, in the order of the config."""
    return [
        Trained(experiment, train_set, seed, _generator(config, train_set))
        for experiment in config.experiments
        for train_set in train_sets_of(config, experiment)
        for seed in experiment.seeds
    ]


def _generator(config: Config, train_set: TrainSet) -> str | None:
    pools = {pool.name: pool for pool in config.pools}
    generators = {pools[name].generator or name for name in train_set.fake}
    return generators.pop() if len(generators) == 1 else None


def frames(config: Config) -> list[Frame]:
    """The distinct geometries of the recipes in use, in the order of the config."""
    used = {experiment.recipe for experiment in config.experiments}
    found: dict[str, Frame] = {}
    for recipe in config.recipes:
        if recipe.name in used:
            geometry = recipe.frame.model_dump_json(exclude={"mean", "std"})
            found.setdefault(geometry, recipe.frame)
    return list(found.values())


def cache_share(config: Config) -> float:
    """Gigabytes of pixels that a render job may keep of one frame: `max_cache_gb` shared evenly.

    So the limit holds for a whole report, whoever is first, and is known before any image is. Whole images are never
    kept.
    """
    shards = {pool.name: pool.shards for pool in config.pools}
    kept = sum(frame.kind != "whole" for frame in frames(config))
    return config.max_cache_gb / max(1, kept * sum(shards[name] for name in tested_pools(config)))


def tested_pools(config: Config) -> list[str]:
    """Pools that stand in a test set, each once."""
    named = [name for item in config.test_sets for name in (item.real, item.fake) if name]
    return list(dict.fromkeys(named))
