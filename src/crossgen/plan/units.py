"""How much each job does: numbers of images, megapixels and so on, that its cost grows with."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

from crossgen.config import DataverseSource, Pool, Recipe, Subset, derive
from crossgen.plan import networks, scored
from crossgen.plan.asked import Asked, Job
from crossgen.plan.cells import Cells
from crossgen.plan.counts import Count
from crossgen.plan.downloads import Downloads
from crossgen.plan.trained import Chosen, chosen, seen

#: Unit to amount; None where it cannot be known before the images are counted.
Units = dict[str, float] | None


class Work:
    """What the jobs of a run have to do."""

    def __init__(self, asked: Asked, counts: Mapping[str, Count], downloads: Downloads) -> None:
        self.asked, self.counts, self.downloads = asked, counts, downloads
        self.config, self.cells = asked.config, Cells(asked, counts)
        self.validations = scored.Validations(asked, self.cells)
        self.pools = {pool.name: pool for pool in self.config.pools}
        self.recipes = {recipe.name: recipe for recipe in self.config.recipes}
        self.detectors = {item.key: item for item in derive.detectors(self.config)}
        self._chosen: dict[str, Chosen | None] = {}

    def of(self, job: Job) -> Units:
        """Units of one job beside the job itself."""
        return UNITS.get(job.rule, _nothing)(self, job)

    def recipe(self, job: Job) -> Recipe:
        """What a training job is trained with."""
        return self.recipes[self.detectors[key_of(job)].experiment.recipe]

    def chosen(self, key: str) -> Chosen | None:
        """Images of `<subset>/<train set>`."""
        if key not in self._chosen:
            self._chosen[key] = chosen(self.config, self.asked.places, self.counts, key)
        return self._chosen[key]

    @cached_property
    def images(self) -> float | None:
        """Of all pools."""
        totals = [item.total for item in self.counts.values()]
        return None if None in totals else float(sum(total or 0 for total in totals))

    @cached_property
    def tested(self) -> float | None:
        """Test images of all pools that are tested."""
        found = [self.counts[name].images.get("test") for name in derive.tested_pools(self.config)]
        return None if None in found else float(sum(n or 0 for n in found))

    def decoded(self, n: float, names: Sequence[str], subset: Subset | None = None) -> dict[str, float]:
        """Megapixels of so many images, in equal shares of some pools, by format; `subset` may align them to JPEG.

        Of an image that nothing is known of: ImageNet's median.
        """
        found = {"jpeg_megapixel": 0.0, "png_megapixel": 0.0}
        for name in names:
            told = self.counts[name]
            size = n / len(names) * (told.megapixels or 0.1875)
            png = 0.0 if subset and self._is_aligned(name, subset) else told.png
            found["png_megapixel"] += size * png
            found["jpeg_megapixel"] += size * (1 - png)
        return found

    def _is_aligned(self, name: str, subset: Subset) -> bool:
        return subset.align is not None and subset.align.to in ("all", self.pools[name].label)

    def sources(self, subset: str, train_set: str) -> tuple[Subset, list[str]]:
        """A subset and the pools that its images may come from."""
        told = next(item for item in self.config.subsets if item.name == subset)
        return told, derive.chosen_pools(self.config, told, derive.train_sets(self.config)[train_set])


def _nothing(work: Work, job: Job) -> Units:
    return {}


def _fetch(work: Work, job: Job) -> Units:
    found = work.downloads.of(job)
    unpacked = work.downloads.unpacked(job) / 1e9
    return None if found.bytes is None else {"gigabyte": found.bytes / 1e9, "unpacked_gigabyte": unpacked}


def _download(work: Work, job: Job) -> Units:
    """Images of a deposit's parts are unpacked, or fetched, here."""
    pool = work.pools[job.wildcards["pool"]]
    told = work.counts[pool.name]
    if told.total is None:
        return None
    brought = told.total * (told.bytes or 0) / 1e9 if isinstance(pool.source, DataverseSource) else 0.0
    return {"image": told.total, "unpacked_gigabyte": brought}


def _shard_of(pool: Pool, told: Count) -> float | None:
    return None if told.total is None else told.total / pool.shards


def _extract(work: Work, job: Job) -> Units:
    pool = work.pools[job.wildcards["pool"]]
    n = _shard_of(pool, work.counts[pool.name])
    return None if n is None else {"image": n}


def _draw(work: Work, job: Job) -> Units:
    """Megapixels that are drawn."""
    pool = work.pools[job.wildcards["pool"]]
    told = work.counts[pool.name]
    n = _shard_of(pool, told)
    return None if n is None else {"image": n, "drawn_megapixel": n * (told.megapixels or 0)}


def _generate(work: Work, job: Job) -> Units:
    """Megapixels, each as often as the pipeline takes a step; where nobody says how many, 30."""
    pool = work.pools[job.wildcards["pool"]]
    told = work.counts[pool.name]
    n = _shard_of(pool, told)
    steps = getattr(pool.source, "steps", None) or 30
    size = (n or 0) * (told.megapixels or 0)
    return None if n is None else {"megapixel": size, "denoised_megapixel": size * steps}


def _gather(work: Work, job: Job) -> Units:
    n = work.counts[job.wildcards["pool"]].total
    return None if n is None else {"image": n}


def _filter(work: Work, job: Job) -> Units:
    subset = next(item for item in work.config.subsets if item.name == job.wildcards["subset"])
    names = derive.read_pools(work.config, subset, derive.train_sets(work.config)[job.wildcards["train_set"]])
    totals = [work.counts[name].total for name in names]
    return None if None in totals else {"image": float(sum(total or 0 for total in totals))}


def _align(work: Work, job: Job) -> Units:
    """Training and validation images of a shard."""
    pool = work.pools[job.wildcards["pool"]]
    told = work.counts[pool.name]
    if told.total is None:
        return None
    n = (told.images["train"] + told.images["val"]) / pool.shards
    return work.decoded(n, [pool.name])


def _align_drawn(work: Work, job: Job) -> Units:
    found = work.chosen(f"{job.wildcards['subset']}/{job.wildcards['train_set']}")
    return None if found is None else _align(work, job)


def _pack(work: Work, job: Job) -> Units:
    """A train set's images and crops, shared out over its shards."""
    key = f"{job.wildcards['subset']}/{job.wildcards['train_set']}"
    found = work.chosen(key)
    if found is None:
        return None
    beside = [j for j in work.asked.jobs if j.rule == job.rule and _without_shard(j) == _without_shard(job)]
    recipe = work.recipes[work.asked.places["packings"][job.wildcards["packing"]]]
    subset, pools = work.sources(job.wildcards["subset"], job.wildcards["train_set"])
    n = found.total / max(1, len(beside))
    crops = n * recipe.crops_per_image
    size = crops * recipe.packed_frame.size**2 * 3 / 1e9
    return work.decoded(n, pools, subset) | {"crop_gigabyte": size}


def _without_shard(job: Job) -> dict[str, str]:
    return {key: value for key, value in job.wildcards.items() if key != "shard"}


def _selected(work: Work, job: Job) -> Units:
    found = work.chosen(f"{job.wildcards['subset']}/{job.wildcards['train_set']}")
    return None if found is None else {"image": float(found.total)}


def key_of(job: Job) -> str:
    """Key of the detector that a job trains."""
    return f"{job.wildcards['experiment']}/{job.wildcards['train_set']}/seed{job.wildcards['seed']}"


def _train(work: Work, job: Job) -> Units:
    detector, recipe = work.detectors[key_of(job)], work.recipe(job)
    images = work.chosen(f"{detector.experiment.subset}/{detector.train_set.name}")
    if images is None or not images.total:
        return None
    learnt, judged = seen(recipe, images)
    macs = networks.gigamacs(recipe, None, training=True)
    validation = networks.gigamacs(recipe, None) * judged
    units = {"image": learnt, "gigamac": macs * networks.TRAINED * learnt + validation}
    units["weights_gigabyte"] = networks.stored_bytes(recipe) / 1e9
    if recipe.reading != "files":
        return units
    copies = recipe.splits.n if recipe.splits else 1  # of an image that is decoded once
    subset, pools = work.sources(detector.experiment.subset, detector.train_set.name)
    return units | {"augmented": learnt + judged} | work.decoded(learnt / copies + judged, pools, subset)


def _render(work: Work, job: Job) -> Units:
    missing = work.cells.missing_pixels(job)
    if any(item.images is None for item, _ in missing):
        return None
    pictures = sum((item.images or 0) * n for item, n in missing)
    decoded = work.decoded(sum((item.images or 0) for item, n in missing if n), [job.wildcards["pool"]])
    size = sum((item.images or 0) * item.frame.size**2 * 3 * n for item, n in missing) / 1e9
    return {"picture": pictures, **decoded, "pixel_gigabyte": size}


def _collect(work: Work, job: Job) -> Units:
    return None if work.tested is None else {"logit": work.tested * len(work.config.conditions)}


def _metrics(work: Work, job: Job) -> Units:
    """Logits times hundreds of replicates."""
    if work.tested is None:
        return None
    logits = work.tested * len(work.config.conditions) * len(work.detectors)
    return {"replicated_logit": logits * work.config.statistics.replicates / 1000}


def _break_down(work: Work, job: Job) -> Units:
    """Logits of every detector."""
    if work.tested is None:
        return None
    return {"logit": work.tested * len(work.config.conditions) * len(work.detectors)}


def _spectra(work: Work, job: Job) -> Units:
    """Images of one pool that are decoded, at most as many as are asked for."""
    options, told = work.config.spectra, work.counts[job.wildcards["pool"]]
    if options is None or told.total is None:
        return None
    n = min(options.images, sum(told.images.get(split, 0) or 0 for split in options.splits))
    return {"image": n} | work.decoded(n, [job.wildcards["pool"]])


def _look(work: Work, job: Job) -> Units:
    """Images that go through the detector: clean, and under each quality."""
    looking = work.config.looking
    if looking is None:
        return None
    pools = looking.pools or derive.tested_pools(work.config)
    return {"image": len(pools) * looking.images * (1 + len(looking.qualities))}


def _everything(work: Work, job: Job) -> Units:
    return None if work.images is None else {"image": work.images}


#: Rule to what its jobs do; others cost the same whatever they are given.
UNITS: Mapping[str, Callable[[Work, Job], Units]] = {
    "fetch": _fetch,
    "download": _download,
    "draw_shaders": _draw,
    "reconstruct": _extract,
    "generate": _generate,
    "extract_metadata": _extract,
    "gather_manifest": _gather,
    "filter_subset": _filter,
    "align_jpeg": _align,
    "align_drawn": _align_drawn,
    "pack_crops": _pack,
    "gather_crops": _selected,
    "index_files": _selected,
    "audit_biases": _everything,
    "train_detector": _train,
    "render_conditions": _render,
    "score_images": scored.of_job,
    "collect_scores": _collect,
    "average_scores": _collect,
    "compute_metrics": _metrics,
    "analyse_spectra": _spectra,
    "look_into": _look,
    "break_down": _break_down,
    "choose_thresholds": _metrics,
}
