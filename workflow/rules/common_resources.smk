# Names, continued: what jobs ask a cluster for, by the size of what they read. The figures are measured;
# benchmarks/resources.py holds what is asked against what jobs take.
import math
from os.path import exists, getsize
from typing import NamedTuple

SNAKEMAKE_MB = 400  # on a cluster a job runs under two processes of Snakemake, of 140 MB each, and shells
LEAST_MB, LEAST_MINUTES = 600, 10
MORE_MEMORY = 1.5  # than measured, for other data
MORE_TIME = 2  # than measured, for slower processors, and for file systems that others use too

IMAGES_A_SHARD = 50_000  # what `shards` is meant to come to
GENIMAGE_TESTED = 0.05  # at most, of its images
BYTES_LISTED = 10  # of a listing, an image; of the tables that follow it, with a digest and without:
BYTES_TOLD = 60 if all(pool.hash for pool in CONFIG.pools) else 13


class Cost(NamedTuple):
    """What a job takes on one core, and takes more for each thousand images (or scores) that it reads."""

    mb: float
    mb_more: float
    seconds: float
    seconds_more: float


# A thousand images take at least 10 seconds, of a file system that hands out a hundred of 1.7 MB in one: PNG files of 1024
# pixels, the largest of GenImage. Torch alone may take minutes to come off a busy one.
COSTS = {
    "download": Cost(160, 4, 2, 10),
    "draw_shaders": Cost(180, 1, 5, 90),
    "reconstruct": Cost(1500, 2, 60, 500),
    "generate": Cost(4000, 2, 120, 6000),
    "extract_metadata": Cost(150, 1.5, 2, 10),
    "gather_manifest": Cost(300, 0.25, 2, 0.05),
    "filter_subset": Cost(180, 1.7, 2, 0.02),
    "align_jpeg": Cost(200, 1.7, 2, 40),
    "align_drawn": Cost(200, 1.7, 2, 40),
    "pack_crops": Cost(200, 1.7, 2, 35),
    "gather_crops": Cost(170, 2.1, 2, 0.05),
    "index_files": Cost(180, 1.7, 2, 0.05),
    "train_detector": Cost(1000, 2, 0, 0),
    "render_conditions": Cost(200, 0.5, 2, 25),
    "score_images": Cost(700, 0.4, 300, 1.2),
    "collect_scores": Cost(190, 0.4, 2, 0.02),
    "average_scores": Cost(170, 0.3, 2, 0.02),
    "compute_metrics": Cost(250, 0.55, 10, 0.03),
    "analyse_spectra": Cost(260, 0.1, 5, 60),
    "look_into": Cost(1200, 2, 20, 100),
    "break_down": Cost(270, 0.06, 5, 0.003),
    "choose_thresholds": Cost(550, 0.55, 30, 0.03),
    "audit_biases": Cost(270, 0.15, 15, 0.02),
    "plot": Cost(250, 0.55, 10, 0.02),
    "tabulate": Cost(250, 0.55, 10, 0.02),
    "report": Cost(250, 0.55, 10, 0.02),
    "describe_run": Cost(250, 0.1, 5, 0.01),
}
# Of trainings, measured on a processor; none ran on a GPU.
WORKER_MB = 200  # that a worker holds of its own beside its batches: 160 where it decodes 1024 pixels
DETECTOR_MB = 100  # ResNet-50's weights
REMEMBERED = 350  # bytes for each of a batch, of ResNet-50 at 224 pixels: 330 by trainings on 12 and 48 images a step


def memory_of(rule):
    """Megabytes that jobs of a rule ask for, more with what they read and with every attempt."""

    def asked(wildcards, input, attempt, threads):
        cost = COSTS[rule]
        held = HELD[rule](wildcards, threads) if rule in HELD else 0
        taken = cost.mb + cost.mb_more * READ[rule](wildcards, input) + held
        return attempt * max(LEAST_MB, 100 * math.ceil((SNAKEMAKE_MB + MORE_MEMORY * taken) / 100))

    return asked


def minutes_of(rule):
    """Minutes that they ask for, likewise."""

    def asked(wildcards, input, attempt, threads):
        cost = COSTS[rule]
        seconds = cost.seconds + cost.seconds_more * WORKED.get(rule, READ[rule])(wildcards, input) / threads
        return attempt * max(LEAST_MINUTES, 5 * math.ceil(MORE_TIME * seconds / 60 / 5))

    return asked


def training_minutes(wildcards, attempt):
    return CONFIG.train_minutes * attempt


def fetching_minutes(wildcards, attempt):
    """A day, in which 10 MB a second come to 860 GB; a fetch that is stopped goes on with what it has."""
    return 24 * 60 * attempt


def listing_minutes(wildcards, input, attempt, threads):
    """The same where the images are unpacked as well."""
    if fetched_for(wildcards.pool):
        return fetching_minutes(wildcards, attempt)
    return minutes_of("download")(wildcards, input, attempt, threads)


# ------------------------------------------------------------------------------------------ what jobs read, and work on
def expected(pools):
    """Thousands of images that pools hold if their shards are of the size that they are meant to have."""
    return sum(POOLS[name].shards for name in pools) * IMAGES_A_SHARD / 1000


def rows(tables, otherwise, bytes_a_row=BYTES_TOLD):
    """Thousands of rows of tables, by the size of their files; `otherwise` before these are there.

    So it is in a dry run, and of files that are made in the same job of a cluster. Snakemake asks again when a job is to
    be submitted.
    """
    try:
        return sum(map(getsize, listed(tables))) / bytes_a_row / 1000
    except FileNotFoundError:
        return otherwise


def expected_tests(name):
    """Thousands of images of a pool that may be tested: how many of them are, only its manifest knows."""
    source = POOLS[name].source
    is_genimage = "genimage" in (source.kind.split("_")[0], getattr(source, "layout", None))
    return expected([name]) * (GENIMAGE_TESTED if is_genimage else 1)


def listed_rows(wildcards, input):
    """Images of a pool, by its listing."""
    return rows(input, expected([wildcards.pool]), BYTES_LISTED)


def pool_rows(wildcards, input):
    """Images of a pool, by its manifest or the shards of it."""
    return rows(input, expected([wildcards.pool]))


def drawn_units(wildcards, input):
    """Thousands of procedural images of 256 pixels that a shard's come to."""
    source = POOLS[wildcards.pool].source
    width, height = source.size
    return source.n / POOLS[wildcards.pool].shards / 1000 * width * height / 256**2


def generated_images(pool):
    """Thousands of images that a shard of a generated pool makes; of another pool's classes, as many as ImageNet has."""
    source = POOLS[pool].source
    return generation.count(source, generation.CLASSES) / POOLS[pool].shards / 1000


def generated_units(wildcards, input):
    """The same as thousands of images of 1024 pixels and 50 steps, of which one takes 6 seconds of a GPU (SD 3.5, on
    paper), or as much as a quarter of that; threads do not help."""
    source = POOLS[wildcards.pool].source
    width, height = source.size or (1024, 1024)
    share = width * height / 1024**2 * (source.steps or 50) / 50
    return generated_images(wildcards.pool) * max(0.25, share) * CONFIG.score_threads


def real_rows(wildcards, input):
    """Reals that a pool of reconstructions is made of."""
    return rows(input.manifest, expected([POOLS[wildcards.pool].source.of]))


def selected_rows(wildcards, input):
    """Images of a selection."""
    return rows(getattr(input, "selection", input), expected(chosen_pools(wildcards.subset, wildcards.train_set)))


def drawn_rows(wildcards, input):
    """Those of them that lie in one shard of one pool."""
    return selected_rows(wildcards, input) / len(sum(packed_shards(wildcards.subset, wildcards.train_set), []))


def crop_rows(wildcards, input):
    """Crops of one shard of a train set."""
    crops = RECIPES[PACKINGS[wildcards.packing].recipe].crops_per_image
    return selected_rows(wildcards, input) * crops / len(packed_shards(wildcards.subset, wildcards.train_set))


def trained_rows(wildcards, input):
    """Crops, or images, that a detector learns from."""
    detector = detector_of(wildcards)
    return rows(input.index, expected(chosen_pools(detector.experiment.subset, detector.train_set.name)))


def test_rows(wildcards, input):
    """All images of the pools that are tested."""
    return rows(input.manifests, expected(TESTED))


def rendered_rows(wildcards, input):
    """Pictures that a shard's test images come to."""
    share = expected_tests(wildcards.pool) / expected([wildcards.pool])
    images = share * pool_rows(wildcards, input) / POOLS[wildcards.pool].shards
    return images * len(CONFIG.conditions) * len(derive.frames(CONFIG))


def pictures():
    """Thousands of pictures of all test images under all conditions, in one frame; at most so many until all are rendered."""
    if not all(map(exists, every_rendering())):
        return sum(map(expected_tests, TESTED)) * len(CONFIG.conditions)
    from pyarrow import parquet

    told = sum(parquet.read_table(path, columns=["n"])["n"].to_numpy().sum() for path in every_rendering())
    return int(told) / len(derive.frames(CONFIG)) / 1000


def logit_rows(wildcards, input):
    """Logits that the detectors of a batch owe, of test images and of validation images.

    A picture that is rendered on the way counts as so many of them."""
    shown = 2 * CONFIG.statistics.validation_images / 1000
    rendering = COSTS["render_conditions"].seconds_more / COSTS["score_images"].seconds_more
    return (pictures() + shown) * len(BATCHES[int(wildcards.batch)]) + pictures() * rendering * streamed_frames()


def streamed_frames():
    """Frames whose pictures are not stored, or not of all pools."""
    share, frames = derive.cache_share(CONFIG), derive.frames(CONFIG)
    largest = max((expected_tests(name) / POOLS[name].shards for name in TESTED), default=0) * len(CONFIG.conditions)
    return sum(frame.kind == "whole" or largest * picture_mb(frame) > share for frame in frames)


def score_rows(wildcards, input):
    """Scores of all detectors, or of the members of an ensemble."""
    return pictures() * len(listed(input.get("scores", input)))


def shown_rows(wildcards, input):
    """What tables, figures and audit read: every image, and those that each train set selects, twice."""
    pools = [name for _, train_set in used_pairs() for name in train_pools(train_set)]
    return rows(input.manifests, expected(POOLS)) + 2 * rows(input.selections, expected(pools))


#: Thousands of images (or crops, or scores) whose rows a job reads, ...
READ = {
    "download": lambda wildcards, input: expected([wildcards.pool]),
    "draw_shaders": lambda wildcards, input: POOLS[wildcards.pool].source.n / POOLS[wildcards.pool].shards / 1000,
    "reconstruct": real_rows,
    "generate": lambda wildcards, input: generated_images(wildcards.pool),
    "extract_metadata": listed_rows,
    "gather_manifest": pool_rows,
    "filter_subset": lambda w, input: rows(input.manifests, expected(subset_pools(w.subset, w.train_set))),
    "align_jpeg": lambda wildcards, input: rows(input, IMAGES_A_SHARD / 1000),
    "align_drawn": selected_rows,
    "pack_crops": selected_rows,
    "gather_crops": selected_rows,
    "index_files": selected_rows,
    "train_detector": trained_rows,
    "render_conditions": pool_rows,
    "score_images": test_rows,
    "collect_scores": test_rows,
    "average_scores": score_rows,
    "compute_metrics": score_rows,
    "analyse_spectra": lambda wildcards, input: rows(input.others, expected(spectral_pools())),
    "look_into": lambda wildcards, input: rows(input.manifests, expected(looked_pools())),
    "break_down": score_rows,
    "choose_thresholds": score_rows,
    "audit_biases": shown_rows,
    "plot": shown_rows,
    "tabulate": shown_rows,
    "report": shown_rows,
    "describe_run": lambda wildcards, input: rows(input.manifests, expected(POOLS)),
}
#: ... those that it works on, where these are others, ...
WORKED = {
    "draw_shaders": drawn_units,
    "reconstruct": lambda wildcards, input: real_rows(wildcards, input) / POOLS[wildcards.pool].shards,
    "generate": generated_units,
    "extract_metadata": lambda wildcards, input: listed_rows(wildcards, input) / POOLS[wildcards.pool].shards,
    "align_drawn": drawn_rows,
    "pack_crops": crop_rows,
    "analyse_spectra": lambda wildcards, input: CONFIG.spectra.images / 1000,
    "look_into": lambda wildcards, input: len(looked_pools()) * CONFIG.looking.images / 1000,
    "render_conditions": rendered_rows,
    "score_images": logit_rows,
}


def picture_mb(frame):
    return 3 * frame.size**2 / 1e6


def drawing_mb(wildcards, threads):
    """In each process, maps of an image at twice its size: measured 360 MB more at 768 x 768 pixels than at 64 x 64."""
    width, height = POOLS[wildcards.pool].source.size
    return threads * (110 + 610 * width * height / 1e6)


def chunk_mb(wildcards, threads, chunks=1):
    """Pictures that are rendered at a time, under every condition: chunks (see CHUNK in crossgen.evaluation.render), and
    what threads are ahead of them (AHEAD in crossgen.data.parallel)."""
    images = 256 * chunks + (4 * threads if threads > 1 else 0)
    return max(images * len(CONFIG.conditions) * picture_mb(frame) for frame in derive.frames(CONFIG))


def scoring_mb(wildcards, threads):
    """The same, where pictures are not stored, with a chunk that is judged; the detectors of a batch; and the rows of the
    largest train set."""
    told = [DETECTORS[key] for key in BATCHES[int(wildcards.batch)]]
    largest = max(expected(chosen_pools(d.experiment.subset, d.train_set.name)) for d in told)
    chunks = chunk_mb(wildcards, threads, 2 if threads > 1 else 1)
    return DETECTOR_MB * len(told) + chunks + COSTS["train_detector"].mb_more * largest


def training_mb(wildcards, threads):
    """Workers, each with two batches ahead, and further processes; without a GPU what a network remembers of a batch."""
    recipe = recipe_of(detector_of(wildcards))
    batch = recipe.batch_size * (recipe.splits.n if recipe.splits else 1) * picture_mb(recipe.frame)
    remembered = 0 if CONFIG.train_gpus else REMEMBERED * batch / recipe.accumulate
    return (threads - 1) * (WORKER_MB + 2 * batch) + launch_mb() + remembered


def pipeline_mb(wildcards, threads):
    """Weights, read to this memory before they go to a GPU: the folder's; of the hub 35 GB, as FLUX.1 has in bf16."""
    found = generation.local_files(POOLS[wildcards.pool].source)
    return sum(map(getsize, found)) / 1e6 if found else 35_000


#: ... and megabytes that it holds whatever it reads.
HELD = {
    "generate": pipeline_mb,
    "draw_shaders": drawing_mb,
    "render_conditions": chunk_mb,
    "score_images": scoring_mb,
    "train_detector": training_mb,
}
