"""What one experiment asks of another and of its recipe: checked when `vary` is expanded, because grid
points are experiments that may be asked, too."""

from collections.abc import Iterator

from crossgen.config.derive import train_sets_of
from crossgen.config.lineage import needed_experiments, trained_alone
from crossgen.config.model import Config, Curriculum, Experiment, StartFrom, TrainSet
from crossgen.config.recipes import Recipe


def check_references(config: Config) -> list[str]:
    """Every fault of an expanded config, each a message with what was expected."""
    faults = [fault for item in config.experiments for part in PARTS for fault in part(config, item)]
    return faults or list(_circles(config))


def _experiment(config: Config, name: str) -> Experiment | None:
    return next((item for item in config.experiments if item.name == name), None)


def _recipe(config: Config, item: Experiment) -> Recipe:
    return next(recipe for recipe in config.recipes if recipe.name == item.recipe)


def _unknown(config: Config, name: str, where: str) -> str:
    choices = ", ".join(item.name for item in config.experiments)
    return f"Unknown experiment {name!r} in {where}: expected one of {choices}"


def _second_stage(config: Config, item: Experiment) -> Iterator[str]:
    recipe = _recipe(config, item)
    if recipe.stay_positive is not None and item.start_from is None and recipe.start is None:
        yield (
            f"Nothing to begin with in experiment {item.name!r}: its recipe {recipe.name!r} is the second stage of a"
            " detector (stay_positive); say start_from of the experiment, or start of the recipe"
        )


def _start(config: Config, item: Experiment) -> Iterator[str]:
    told, where = item.start_from, f"start_from of experiment {item.name!r}"
    if told is None:
        return
    if _recipe(config, item).start is not None:
        yield f"Two starts of experiment {item.name!r}: its recipe names weights, too; drop start_from or recipe.start"
    other = _experiment(config, told.experiment)
    if other is None:
        yield _unknown(config, told.experiment, where)
        return
    mine, theirs = _recipe(config, item).architecture, _recipe(config, other).architecture
    if mine != theirs:
        yield f"Wrong experiment {other.name!r} in {where}: it trains {theirs!r}, whose weights do not fit {mine!r}"
    yield from _start_train_sets(config, item, told, other)
    for seed in item.seeds if told.seed is None else [told.seed]:
        if seed not in other.seeds:
            seeds = ", ".join(map(str, other.seeds))
            yield f"No detector of seed {seed} in {where}: {other.name!r} has seeds {seeds}; say start_from.seed"


def _start_train_sets(config: Config, item: Experiment, told: StartFrom, other: Experiment) -> Iterator[str]:
    theirs = [train_set.name for train_set in train_sets_of(config, other)]
    mine = [train_set.name for train_set in train_sets_of(config, item)]
    for name in [told.train_set] if told.train_set else mine:
        if name not in theirs:
            yield (
                f"No detector of train set {name!r} in start_from of experiment {item.name!r}: {other.name!r} has"
                f" {', '.join(theirs)}; say start_from.train_set, or train it there, too"
            )


def _curriculum(config: Config, item: Experiment) -> Iterator[str]:
    told, where = item.curriculum, f"curriculum of experiment {item.name!r}"
    if told is None:
        return
    recipe = _recipe(config, item)
    if recipe.balance != "batches":
        yield f"Wrong balance {recipe.balance!r} for the {where}: its recipe needs balance: batches, which pools join"
    if recipe.fakes == "simulated":
        yield f"Nothing to order in the {where}: its recipe makes fakes from reals (fakes: simulated)"
    for train_set in train_sets_of(config, item):
        if len(train_set.fake) == 1:
            name = train_set.name
            yield f"Nothing to order in the {where}: train set {name!r} has one pool of fakes; name others"
        elif told.order is not None:
            yield from _order(told.order, train_set, where)
        else:
            yield from _measure(config, told, train_set, where)


def _order(order: tuple[str, ...], train_set: TrainSet, where: str) -> Iterator[str]:
    if sorted(order) != sorted(train_set.fake):
        yield (
            f"Wrong order [{', '.join(order)}] in the {where}: expected the pools of fakes of train set"
            f" {train_set.name!r}, each once ({', '.join(train_set.fake)})"
        )


def _measure(config: Config, told: Curriculum, train_set: TrainSet, where: str) -> Iterator[str]:
    other = _experiment(config, str(told.experiment))
    if other is None:
        yield _unknown(config, str(told.experiment), where)
        return
    for pool in train_set.fake:
        alone = [found.name for found in trained_alone(config, other, pool)]
        if len(alone) != 1:
            found = f"the train sets {', '.join(alone)} are" if alone else "no train set is"
            yield (
                f"Pool {pool!r} is not measured in the {where}: in {other.name!r} {found} of this pool of fakes alone;"
                " expected one, or say `order`"
            )


def _watching(config: Config, item: Experiment) -> Iterator[str]:
    if item.watch_every is not None and len(train_sets_of(config, item)) == 1:
        yield f"Nothing to watch in experiment {item.name!r}: it has one train set; name others or drop watch_every"


def _devices(config: Config, item: Experiment) -> Iterator[str]:
    """Every device gets both labels in each part of a batch."""
    recipe, n = _recipe(config, item), config.train_processes
    if recipe.batch_size < 2 * n * recipe.accumulate:
        named = "train_gpus" if config.train_nodes == 1 else "train_gpus x train_nodes"
        parts = f"{n} GPUs ({named}) x {recipe.accumulate} parts (accumulate)"
        yield f"Batch of {recipe.batch_size} in recipe {recipe.name!r} is too small for {parts}: two images each"


#: Each yields the faults of one experiment.
PARTS = (_second_stage, _start, _curriculum, _watching, _devices)


def _circles(config: Config) -> Iterator[str]:
    """Experiments that wait for themselves: every detector of one waits for one of the next."""
    needs = {item.name: needed_experiments(item) for item in config.experiments}
    told: set[frozenset[str]] = set()
    for name in needs:
        circle = _way(needs, (name,))
        if circle and frozenset(circle) not in told:
            told.add(frozenset(circle))
            yield (
                f"Circle of experiments {' -> '.join((*circle, name))}: each begins with, or is ordered by, detectors"
                " of the next; change start_from or curriculum of one"
            )


def _way(needs: dict[str, list[str]], path: tuple[str, ...]) -> tuple[str, ...]:
    """Experiments from the first of `path` back to it, or nothing."""
    for name in needs[path[-1]]:
        if name == path[0]:
            return path
        found = _way(needs, (*path, name)) if name not in path else ()
        if found:
            return found
    return ()
