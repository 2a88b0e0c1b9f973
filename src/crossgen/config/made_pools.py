"""What a config may not say of pools whose images are made: by programs, of reals, or of the names of classes."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from crossgen.config.generation import GeneratedSource
from crossgen.config.model import Config, Pool
from crossgen.config.procedural import ProceduralSource
from crossgen.config.reconstruction import ReconstructedSource
from crossgen.config.sources import Laid
from crossgen.config.values import unknown


def faults(config: Config) -> Iterator[str]:
    """Every fault of such pools, each a message with path and remedy."""
    pools = {pool.name: pool for pool in config.pools}
    for index, pool in enumerate(config.pools):
        source, where = pool.source, f"pools[{index}] {pool.name!r}"
        if source.made:
            yield from _apart(config, index)
        if isinstance(source, ProceduralSource) and pool.label != "real":
            yield f"Wrong label {pool.label!r} of {where}: procedural images are reals, that no network made"
        if isinstance(source, GeneratedSource):
            yield from _generated(pool, source, where, pools)
        if isinstance(source, ReconstructedSource):
            if pool.label != "fake":
                yield f"Wrong label {pool.label!r} of {where}: reconstructions are fakes"
            if pool.test_only and set(source.splits) != {"test"}:
                yield (
                    f"Wrong splits {list(source.splits)} in {where}, source.splits: the pool is test_only, a fake has"
                    " its real's split; expected [test]"
                )
            if source.of not in pools:
                yield unknown("pool", source.of, f"{where}, source.of", pools)
            elif pools[source.of].label != "real":
                yield f"Wrong pool {source.of!r} in {where}, source.of: it holds fakes, expected a pool of reals"


def _generated(pool: Pool, source: GeneratedSource, where: str, pools: Mapping[str, Pool]) -> Iterator[str]:
    like = source.prompts.like
    if pool.label != "fake":
        yield f"Wrong label {pool.label!r} of {where}: generated images are fakes"
    if pool.test_only and source.train_per_class:
        yield (
            f"Wrong train_per_class {source.train_per_class} in {where}: the pool is test_only; write test_per_class"
            " instead, or drop test_only"
        )
    if like is not None and (like not in pools or like == pool.name):
        yield unknown("pool", like, f"{where}, source.prompts.like", [name for name in pools if name != pool.name])
    elif like is not None and isinstance(told := pools[like].source, GeneratedSource) and told.prompts.like:
        yield (
            f"Wrong pool {like!r} in {where}, source.prompts.like: its classes are those of {told.prompts.like!r};"
            " name that"
        )


def _apart(config: Config, index: int) -> Iterator[str]:
    """A pool that is made shares its folder with none: images would be overwritten, or listed as another pool's."""
    pool, root = config.pools[index], Path(config.pools[index].source.root).resolve()
    where = f"pools[{index}] {pool.name!r}"
    for place, other in enumerate(config.pools):
        its = Path(other.source.root).resolve()
        if place == index or (other.source.made and place > index):
            continue
        if its == root:
            yield f"Doubled root {pool.source.root!r} in {where}: {other.name!r} has it, too; give each pool its own"
        elif isinstance(other.source, Laid) and (root.is_relative_to(its) or its.is_relative_to(root)):
            yield (
                f"Overlapping root {pool.source.root!r} in {where}: {other.name!r} lists {other.source.root!r},"
                " and so what is made there; give each pool a folder of its own"
            )
