"""Ensembles: which detectors each of them averages; and what is judged together at all, ensembles and comparisons."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from crossgen.config.comparisons import Side, degradations
from crossgen.config.derive import Trained, detectors
from crossgen.config.model import Config, Ensemble

#: Where a detector stands: its train set and seed.
Place = tuple[str, int]


@dataclass(frozen=True)
class Averaged:
    """Detectors judged as one: an ensemble, a train set, a seed, and the keys of the members."""

    ensemble: str
    train_set: str
    seed: int
    members: tuple[str, ...]

    @property
    def key(self) -> str:
        """Its place in the folder of scores."""
        return f"{self.ensemble}/{self.train_set}/seed{self.seed}"


def averaged(config: Config) -> list[Averaged]:
    """All ensembles of all train sets and seeds, in the order of the config.

    Over experiments there is one for each train set and seed that all members have; over experiments and seeds one
    for each train set that all have, called seed 0.
    """
    trained = detectors(config)
    return [each for item in config.ensembles for each in _averaged(item, trained)]


def _averaged(item: Ensemble, trained: list[Trained]) -> Iterator[Averaged]:
    places: dict[Place, list[Trained]] = {}
    for detector in trained:
        if detector.experiment.name in item.experiments:
            seed = detector.seed if item.over == "experiments" else 0
            places.setdefault((detector.train_set.name, seed), []).append(detector)
    for (train_set, seed), members in places.items():
        if {member.experiment.name for member in members} == set(item.experiments):
            yield Averaged(item.name, train_set, seed, tuple(member.key for member in members))


def check(config: Config) -> list[str]:
    """Faults of ensembles and comparisons, each a message with its remedy; for a config whose grids are expanded."""
    found = [fault for index, item in enumerate(config.ensembles) for fault in _faults(config, item, index)]
    return found or list(_comparisons(config))


def _faults(config: Config, item: Ensemble, index: int) -> Iterator[str]:
    where = f"ensembles[{index}] {item.name!r}"
    known = [experiment.name for experiment in config.experiments]
    if item.name in known:
        yield f"Doubled name {item.name!r} in ensembles: an experiment bears it; tables show both, so rename one"
    unknown = [name for name in item.experiments if name not in known]
    for name in unknown:
        yield f"Unknown experiment {name!r} in {where}: expected one of {', '.join(known)}"
    for name, count in Counter(item.experiments).items():
        if count > 1:
            yield f"Doubled experiment {name!r} in {where}: {count} times; name it once"
    if not unknown:
        yield from _members(config, item, where)


def _members(config: Config, item: Ensemble, where: str) -> Iterator[str]:
    """A mean of nothing, or of one."""
    found = list(_averaged(item, detectors(config)))
    if not found:
        shared = "train set and seed" if item.over == "experiments" else "train set"
        yield f"Nothing to average in {where}: {', '.join(item.experiments)} share no {shared}; give them one"
    elif all(len(each.members) == 1 for each in found):
        seeds = "experiments_and_seeds" if item.over == "experiments" else "an experiment of several seeds"
        yield f"Ensemble of one in {where}: {item.experiments[0]!r} alone; name another experiment, or take {seeds}"


def _comparisons(config: Config) -> Iterator[str]:
    """Comparisons whose two sides have no detectors, or none in common: told before anything is trained."""
    places: dict[str, set[Place]] = {}
    for detector in detectors(config):
        places.setdefault(detector.experiment.name, set()).add((detector.train_set.name, detector.seed))
    for each in averaged(config):
        places.setdefault(each.ensemble, set()).add((each.train_set, each.seed))
    for index, item in enumerate(config.comparisons):
        where = f"comparisons[{index}]"
        lost = [fault for side in item.sides for fault in _not_there(side, places[side.experiment], where)]
        yield from dict.fromkeys(lost)
        if not lost and not _shared(item.sides, places):
            first, second = item.sides
            yield (
                f"Nothing to compare in comparisons[{index}]: '{first}' and '{second}' share no train set and seed (an"
                " ensemble over seeds bears seed 0); give them one, or name one of each side"
            )


def _not_there(side: Side, places: set[Place], where: str) -> Iterator[str]:
    known: dict[str, list[str | int]] = {
        "train set": sorted({train_set for train_set, _ in places}),
        "seed": sorted({seed for _, seed in places}),
    }
    for what, name in (("train set", side.train_set), ("seed", side.seed)):
        if name is not None and name not in known[what]:
            choices = ", ".join(map(str, known[what]))
            yield f"Unknown {what} {name!r} of {side.experiment!r} in {where}: expected one of {choices}"


def _shared(sides: tuple[Side, Side], places: Mapping[str, set[Place]]) -> set[tuple[str | None, int | None]]:
    """Train sets and seeds that both sides have, where they do not name one each."""
    first, second = (
        {
            (None if side.train_set else train_set, None if side.seed is not None else seed)
            for train_set, seed in places[side.experiment]
            if side.train_set in (None, train_set) and side.seed in (None, seed)
        }
        for side in sides
    )
    return first & second


def with_degradations(config: Config) -> Config:
    """The config with the comparisons that `statistics.degradations` asks for, after those listed; grids expanded."""
    if not config.statistics.degradations:
        return config
    untouched = [item.name for item in config.conditions if not item.steps and not item.base]
    plain = (untouched or [config.conditions[0].name])[0]
    conditions = [plain, *(item.name for item in config.conditions if item.name != plain)]
    judged = [*(item.name for item in config.experiments), *(item.name for item in config.ensembles)]
    listed = {item.sides for item in config.comparisons}
    added = [item for item in degradations(judged, conditions) if item.sides not in listed]
    return config.model_copy(update={"comparisons": (*config.comparisons, *added)})
