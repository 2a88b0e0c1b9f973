"""Cells of pixels and logits: how many there are, how many exist, how many the jobs would compute."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from crossgen.config import Config, Frame, derive
from crossgen.data import frames
from crossgen.detectors.identity import digest
from crossgen.evaluation.cells import Store
from crossgen.evaluation.render import Images, effective_steps, pixel_key, shard_images
from crossgen.evaluation.scoring import logit_key
from crossgen.plan.asked import Asked, Job
from crossgen.plan.counts import Count

#: A cell that will be there, of which no digest can be known yet.
UNKNOWN = None


@dataclass(frozen=True)
class Pixels:
    """Pixels of a pool's shard under one frame: what each condition really does to them, by condition's name."""

    pool: str
    shard: int
    frame: Frame
    images: float | None  # how many; None: unknown
    steps: Mapping[str, str]
    names: Mapping[str, str | None]  # condition -> cell

    @property
    def distinct(self) -> int:
        """Conditions that come to the same pixels share a cell."""
        return len(set(self.steps.values()))

    def gigabytes(self, conditions: int) -> float:
        """Size of so many cells. Of whole images: infinite, as they are never stored."""
        if self.frame.kind == "whole":
            return float("inf")
        return (self.images or 0) * self.frame.size**2 * 3 * conditions / 1e9


@dataclass
class Cells:
    """All cells of a run that its jobs would look for."""

    asked: Asked
    counts: Mapping[str, Count]
    _shards: dict[tuple[str, int], Images | None] = field(default_factory=dict)

    @property
    def config(self) -> Config:
        """The run's."""
        return self.asked.config

    @cached_property
    def pixels(self) -> list[Pixels]:
        """One a pool, shard and frame."""
        pools = {pool.name: pool for pool in self.config.pools}
        return [
            self._pixels(pool, shard, frame)
            for pool in derive.tested_pools(self.config)
            for shard in range(pools[pool].shards)
            for frame in derive.frames(self.config)
        ]

    def missing_pixels(self, job: Job) -> list[tuple[Pixels, int]]:
        """What a render job has to compute: of each frame that is stored, how many conditions."""
        mine = [item for item in self.pixels if self._is_of(item, job) and self.is_stored(item)]
        return [(item, self._absent(item, self._store("pixels"))) for item in mine]

    def missing_logits(self, job: Job) -> list[tuple[str, Pixels, int]]:
        """What a score job has to compute: (detector, pixels, how many conditions)."""
        found = []
        for key in self.asked.places["batches"][int(job.wildcards["batch"])]:
            for item in self.judged[key]:
                names = self._logits(key, item)
                found.append((key, item, len({name or step for name, step in names if not self._is_there(name)})))
        return found

    @cached_property
    def judged(self) -> dict[str, list[Pixels]]:
        """Detector to the pixels of its frame."""
        recipes = {recipe.name: recipe for recipe in self.config.recipes}
        shapes = {d.key: frames.key(recipes[d.experiment.recipe].frame) for d in derive.detectors(self.config)}
        return {key: [item for item in self.pixels if frames.key(item.frame) == shape] for key, shape in shapes.items()}

    def is_stored(self, item: Pixels) -> bool:
        """Whether pixels are kept, or made anew whenever they are scored."""
        share = derive.cache_share(self.config)
        return share > 0 and item.gigabytes(item.distinct) <= share  # how many images there are may be unknown

    def account(self) -> dict[str, dict[str, int]]:
        """Numbers of cells: in all, there, and to be computed by the jobs that run."""
        stored = [item for item in self.pixels if self.is_stored(item)]
        absent = [self._absent(item, self._store("pixels")) for item in stored]
        logits = [(key, item) for key, items in self.judged.items() for item in items]
        scored = sum(len({name for name, _ in self._logits(key, item) if self._is_there(name)}) for key, item in logits)
        running = self.asked.running
        renders = (n for job in running if job.rule == "render_conditions" for _, n in self.missing_pixels(job))
        scores = (n for job in running if job.rule == "score_images" for *_, n in self.missing_logits(job))
        n_pixels = sum(item.distinct for item in stored)
        return {
            "pixels": {"all": n_pixels, "there": n_pixels - sum(absent), "to_compute": sum(renders)},
            "logits": {
                "all": sum(item.distinct for _, item in logits),
                "there": scored,
                "to_compute": sum(scores),
            },
        }

    def _pixels(self, pool: str, shard: int, frame: Frame) -> Pixels:
        told = next(item for item in self.config.pools if item.name == pool)
        images = self._images(pool, shard)
        label = int(told.label == "fake")
        todo = {item.name: effective_steps(item, label, self.config.conditions) for item in self.config.conditions}
        names = {name: pixel_key(images, frame, steps) if images else UNKNOWN for name, steps in todo.items()}
        counted = self.counts[pool].images.get("test")
        expected = None if counted is None else counted / told.shards
        n = len(images) if images else expected
        return Pixels(pool, shard, frame, n, {name: repr(steps) for name, steps in todo.items()}, names)

    def _images(self, pool: str, shard: int) -> Images | None:
        """The test images as the manifest has them; None if there is none yet."""
        if (pool, shard) not in self._shards:
            manifest = Path(self.asked.places["manifests"][pool])
            self._shards[pool, shard] = (
                shard_images(manifest, shard, Path()) if manifest.is_file() else None
            )  # where they lie is nothing to their digest
        return self._shards[pool, shard]

    def _is_of(self, item: Pixels, job: Job) -> bool:
        return (item.pool, item.shard) == (job.wildcards["pool"], int(job.wildcards["shard"]))

    def _store(self, kind: str) -> Store:
        return Store(Path(self.asked.places[kind]))

    def _absent(self, item: Pixels, store: Store) -> int:
        if None in item.names.values():
            return item.distinct
        return sum(not store.whole(name) for name in set(item.names.values()) if name)

    def _logits(self, key: str, item: Pixels) -> set[tuple[str | None, str]]:
        """(logit cell or None, what is done) of a detector's pixels."""
        weights = self.weights.get(key)
        return {
            (logit_key(weights, name) if weights and name else UNKNOWN, item.steps[condition])
            for condition, name in item.names.items()
        }

    @cached_property
    def weights(self) -> dict[str, str]:
        """Digest of each detector that is there and stays."""
        again = {path for job in self.asked.running for path in job.output}
        paths = {key: path for key, path in self.asked.places["detectors"].items() if path not in again}
        return {key: digest(Path(path)) for key, path in paths.items() if Path(path).is_file()}

    def _is_there(self, name: str | None) -> bool:
        return name is not None and self._store("logits").whole(name)
