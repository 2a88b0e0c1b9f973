"""Was a run made as a published table? What differs, aspect by aspect.

Aspects of a protocol have a word each in the catalogue of published tables (`literature/catalogue.tables.yaml`); here
the same words are found for an experiment of a config. An aspect that nobody published differs from everything.
"""

from collections.abc import Iterator, Sequence

from crossgen.config.beside import Aspect, PublishedComparison, chosen
from crossgen.config.derive import train_sets_of
from crossgen.config.model import Config
from crossgen.config.recipes import Recipe
from crossgen.config.sources import DataverseSource, FolderSource, Source, VolumesSource
from crossgen.config.subsets import Subset
from crossgen.literature import catalogue

#: Keys of a subset that change nothing of what is trained on, or only how val is carved from it.
ASIDE = {"name", "preset", "align", "crop", "seed", "drop_leaks", "max_absent", "val_per_class", "reals_from"}
#: Keys by which presets balance GenImage's own numbers.
BALANCE = {"balance_classes", "balance_labels"}


def faults(config: Config) -> Iterator[str]:
    """What is wrong with a config's comparisons, each a message with its remedy."""
    places = [(item.table, item.experiment, item.detector, item.condition) for item in config.compare_published]
    for index, item in enumerate(config.compare_published):
        where = f"compare_published[{index}]"
        found = list(_references(config, item, where))
        yield from found
        if places[index] in places[:index]:
            yield f"Doubled {where}: an earlier one is of the same numbers; remove one"
        if not found:
            yield from _refused(config, item, where)


def _references(config: Config, item: PublishedComparison, where: str) -> Iterator[str]:
    """References to nothing."""
    if item.table not in catalogue.entries():
        yield f"Unknown published table {item.table!r} in {where}: expected one of {', '.join(catalogue.entries())}"
        return
    known = catalogue.detectors(item.table)
    if chosen(item) not in known:
        yield f"Unknown detector {item.detector!r} in {where}: {item.table} has {', '.join(known)}; write one"
    experiments, conditions = ([each.name for each in items] for items in (config.experiments, config.conditions))
    for absent in dict.fromkeys(name for name in (item.experiment, item.baseline) if name not in (None, *experiments)):
        yield (
            f"Unknown experiment {absent!r} in {where}: expected one of {', '.join(experiments)}; a config that has"
            " others than the one it extends writes its own list, or `compare_published: []`"
        )
    if item.condition not in (None, *conditions):
        yield f"Unknown condition {item.condition!r} in {where}: expected one of {', '.join(conditions)}"
    pairs = {(each.experiment, each.baseline) for each in config.comparisons if not each.apart}
    if item.baseline is not None and (item.experiment, item.baseline) not in pairs:
        wanted = f"{{experiment: {item.experiment}, baseline: {item.baseline}}}"
        yield f"Nothing compared for {where}: comparisons does not list {wanted}; add it"


def _refused(config: Config, item: PublishedComparison, where: str) -> Iterator[str]:
    """Protocols that differ in more than `despite` says."""
    found = differences(config, item)
    more = {aspect: said for aspect, said in found.items() if aspect not in item.despite}
    if more:
        told = "; ".join(f"{aspect}: published {theirs!r}, here {ours!r}" for aspect, (theirs, ours) in more.items())
        remedy = f"despite: [{', '.join([*item.despite, *more])}]"
        yield (
            f"Not comparable: {where}, {item.table} beside {item.experiment}: {told}. Train and test likewise, or write"
            f" `{remedy}` to show both with these differences beside them"
        )
    for aspect in item.despite:
        if aspect not in found:
            yield f"Nothing differs in {aspect} of {where}, {item.table} beside {item.experiment}: take it from despite"


def with_differences(config: Config) -> Config:
    """Comparisons with published tables know in what the protocols differ."""
    told = [item.model_copy(update={"differs": differences(config, item)}) for item in config.compare_published]
    return config.model_copy(update={"compare_published": tuple(told)})


def differences(config: Config, item: PublishedComparison) -> dict[Aspect, tuple[str, str]]:
    """Aspects in which an experiment was not made as the table: (published, here), both in words."""
    recipe, subset = _made_of(config, item.experiment)
    protocol, detector = catalogue.entries()[item.table].protocol, chosen(item)
    ours: dict[Aspect, str] = {
        "training_set": _training_set(config, item.experiment, item.baseline),
        "frame": _frame(recipe),
        "alignment": _alignment(subset),
        "threshold": "0.5",
        "test_images": _test_images(config, item.condition),
    }
    network = catalogue.networks().get(detector)
    found: dict[Aspect, tuple[str, str]] = {}
    if network != _network(recipe):
        found["detector"] = (f"{detector} ({network or 'not in our zoo'})", f"{recipe.name} ({_network(recipe)})")
    for aspect, word in ours.items():
        theirs, said = protocol[aspect].word, protocol[aspect].says
        if theirs == catalogue.BY_DETECTOR:
            theirs = catalogue.frames().get(detector)
            said = theirs or "not published"
        if theirs != word:
            found[aspect] = (said, word)
    return found


def _made_of(config: Config, name: str) -> tuple[Recipe, Subset]:
    experiment = next(each for each in config.experiments if each.name == name)
    recipe = next(each for each in config.recipes if each.name == experiment.recipe)
    return recipe, next(each for each in config.subsets if each.name == experiment.subset)


def _network(recipe: Recipe) -> str:
    model = recipe.options.get("model") if recipe.architecture == "timm" else None
    return f"{recipe.architecture} {model}" if model else recipe.architecture


def _frame(recipe: Recipe) -> str:
    frame = recipe.frame
    return f"short_side {frame.short_side}, {frame.size}" if frame.short_side else f"{frame.kind} {frame.size}"


def _alignment(subset: Subset) -> str:
    align = subset.align
    if align is None:
        return "none"
    if align.jpeg_quality == 96 and align.to == "fake":
        return "fakes_q96"
    return f"{align.to} brought to JPEG {align.jpeg_quality}"


def _training_set(config: Config, name: str, baseline: str | None) -> str:
    """`genimage`, `genimage_constrained`, or words for anything else; a baseline must be GenImage as it comes."""
    if baseline is not None:
        under, aligned = _training_set(config, baseline, None), _made_of(config, baseline)[1].align is not None
        if under != "genimage" or aligned:
            return f"baseline {baseline!r}: {under}{', aligned' if aligned else ''}"
    experiment = next(each for each in config.experiments if each.name == name)
    learned = [pool for each in train_sets_of(config, experiment) for pool in (*each.fake, *each.real)]
    return _foreign(config, learned) or _selection(_made_of(config, name)[1])


def _selection(subset: Subset) -> str:
    """What a subset makes of GenImage."""
    plain = Subset(name=subset.name).model_dump(exclude=ASIDE | BALANCE)
    chosen = {key: value for key, value in subset.model_dump(exclude=ASIDE | BALANCE).items() if value != plain[key]}
    if not chosen and subset.reals_from == "own" and subset.crop is None:
        return "genimage"
    real = subset.real
    bounded = real.jpeg_quality == (96, 96) and real.sides == (450, 550) and set(chosen) == {"real"}
    if bounded and subset.reals_from == "all" and subset.crop is not None and subset.crop.size == 450:
        return "genimage_constrained"
    keys = [*chosen, *(["reals_from"] if subset.reals_from != "own" else []), *(["crop"] if subset.crop else [])]
    return f"a selection of GenImage by subset {subset.name!r}: {', '.join(keys)}"


def _test_images(config: Config, condition: str | None) -> str:
    if condition is not None and next(each for each in config.conditions if each.name == condition).steps:
        return f"under {condition}"
    seen = [item for item in config.test_sets if item.pair and not item.unseen]  # others are no columns of theirs
    names = [name for item in seen for name in (item.fake, item.real) if name]
    return _foreign(config, names) or "genimage_val"


def _foreign(config: Config, names: Sequence[str]) -> str | None:
    """What a pool is that is not the whole of a GenImage folder; None where all are."""
    pools = {pool.name: pool for pool in config.pools}
    for name in dict.fromkeys(names):
        if not _whole_genimage(pools[name].source):
            source = pools[name].source
            part = " in part" if isinstance(source, DataverseSource | VolumesSource) else ""
            return f"pools such as {name!r} ({source.kind}{part})"
    return None


def _whole_genimage(source: Source) -> bool:
    if isinstance(source, DataverseSource | VolumesSource):
        wanted = source.members
        return wanted.per_class is None and wanted.fraction == 1 and set(wanted.splits) == {"train", "test"}
    return isinstance(source, FolderSource) and source.layout == "genimage"
