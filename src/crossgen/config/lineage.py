"""What a detector needs of others: weights to begin with, a measure of its curriculum, images that are watched."""

from crossgen.config.derive import Trained, train_sets_of
from crossgen.config.model import Config, Curriculum, Experiment, TrainSet


def key(experiment: str, train_set: str, seed: int) -> str:
    """A detector's place in folders, as `Trained.key` has it."""
    return f"{experiment}/{train_set}/seed{seed}"


def started_from(detector: Trained) -> str | None:
    """Key of the detector whose weights it begins with."""
    told = detector.experiment.start_from
    if told is None:
        return None
    seed = detector.seed if told.seed is None else told.seed
    return key(told.experiment, told.train_set or detector.train_set.name, seed)


def trained_alone(config: Config, experiment: Experiment, pool: str) -> list[TrainSet]:
    """Train sets of an experiment whose fakes are this pool's alone."""
    return [item for item in train_sets_of(config, experiment) if item.fake == (pool,)]


def measured_by(config: Config, detector: Trained) -> dict[str, str]:
    """Pool of fakes to the key of the detector whose history says how easy it is; empty without such a curriculum."""
    told = detector.experiment.curriculum
    if told is None or told.experiment is None:
        return {}
    other = next(item for item in config.experiments if item.name == told.experiment)
    seed = detector.seed if detector.seed in other.seeds else other.seeds[0]
    alone = {pool: trained_alone(config, other, pool)[0].name for pool in detector.train_set.fake}
    return {pool: key(other.name, name, seed) for pool, name in alone.items()}


def watched_by(config: Config, detector: Trained) -> list[str]:
    """Train sets of its experiment whose validation images are scored while it is trained."""
    if detector.experiment.watch_every is None:
        return []
    names = [item.name for item in train_sets_of(config, detector.experiment)]
    return [name for name in names if name != detector.train_set.name]


def needed_experiments(experiment: Experiment) -> list[str]:
    """Experiments whose detectors are trained first."""
    curriculum: Curriculum | None = experiment.curriculum
    named = [experiment.start_from and experiment.start_from.experiment, curriculum and curriculum.experiment]
    return [name for name in named if name]
