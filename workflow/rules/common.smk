# Names, targets and constraints: with common_training.smk and common_report.smk the only Python of the workflow. Only .smk files
# know the layout of results/.
import csv
import hashlib
import json
import os
import re
import shlex
from functools import cache

from crossgen import cluster, code, partitions, runs
from crossgen.config import Lists, Machine, Shown, axes, claims, derive, ensembles, lineage
from crossgen.config import generation
from crossgen.config.loading import ConfigError, load
from crossgen.config.reconstruction import local_files
from crossgen.generation import weights as pipelines
from crossgen.account import handler as account

# Of the environment that Snakemake runs in, activated or not: jobs inherit them. And an sbatch that waits for its controller.
runs.put_programs_first(ROOT / "workflow" / "cluster")
runs.outlive_warnings()

SETTINGS = workflow.config_settings
CONFIG_FILES = list(SETTINGS.configfiles) or [Path(workflow.basedir) / "config" / "mini.yaml"]
OWNER = claims.owner(CONFIG_FILES, SETTINGS.config)


def resolved():
    """The caller's config files (else the mini set's), what they extend, and --config, checked."""
    try:
        told = load(CONFIG_FILES, SETTINGS.config)
        if workflow.is_main_process:
            claims.refuse(told, OWNER, Path("results", told.report), Path("results", told.data))
        return told
    except ConfigError as error:
        raise WorkflowError(f"The configuration cannot be used:\n{error}") from None


CONFIG = resolved()
config.clear()
config.update(CONFIG.model_dump(mode="json"))

STORE = f"results/{CONFIG.data}"
REPORT = f"results/{CONFIG.report}"


def enter():
    """Count as a run of this folder; say what stands in the way. Snakemake refuses runs that share files."""
    lock, other = runs.join(runs.STATE, runs.here(f"config {' '.join(OWNER['files'])}"))
    if other:
        logger.warning(f"Another run is at work in this folder: {other}.")
    elif runs.has_lock(runs.STATE):
        again = runs.resume_command(sys.argv, OWNER["files"])
        logger.warning(f"A run was killed here and left its lock. Go on with: {again}")
    return lock


def refuse_a_missing_image():
    """With --sdm apptainer jobs need the image of the Snakefile's `container:`."""
    wanted = "apptainer" in map(str, workflow.deployment_settings.deployment_method)
    if wanted and not Path("envs/crossgen.sif").is_file():
        raise WorkflowError(
            "--sdm apptainer needs the image envs/crossgen.sif, which is not there. Build it on a machine with internet:"
            " apptainer build envs/crossgen.sif envs/crossgen.def (docs/cluster.md)."
        )


if workflow.is_main_process and not workflow.output_settings.dryrun:
    refuse_a_missing_image()
RUN = enter() if workflow.is_main_process and not workflow.output_settings.dryrun else None
POOLS = {pool.name: pool for pool in CONFIG.pools}
SUBSETS = {subset.name: subset for subset in CONFIG.subsets}
RECIPES = {recipe.name: recipe for recipe in CONFIG.recipes}
EXPERIMENTS = {experiment.name: experiment for experiment in CONFIG.experiments}
TRAIN_SETS = derive.train_sets(CONFIG)
DETECTORS = {detector.key: detector for detector in derive.detectors(CONFIG)}
ENSEMBLES = {ensemble.key: ensemble for ensemble in ensembles.averaged(CONFIG)}
TESTED = derive.tested_pools(CONFIG)


def alignment_name(alignment):
    """Names what is written, not who asked: subsets with the same alignment share its files."""
    chroma = alignment.chroma_subsampling.replace(":", "")
    return f"q{alignment.jpeg_quality}_{chroma}_{alignment.to}"


def packing_name(experiment):
    """Names the crops cut: recipes that cut the same share them."""
    recipe, crop = RECIPES[experiment.recipe], SUBSETS[experiment.subset].crop
    frame = recipe.packed_frame
    size = f"{frame.size}of{frame.short_side}" if frame.short_side else frame.size
    shape = f"{frame.kind}{size}_grid{frame.grid}_{frame.small}_{frame.filter}"
    inside = f"_in{crop.size}_grid{crop.grid}_{crop.small}" if crop else ""
    alike = "_pairs" if recipe.synchronised else ""
    return f"{shape}_x{recipe.crops_per_image}{inside}{alike}"


ALIGNMENTS = {
    alignment_name(subset.align): subset.align
    for subset in CONFIG.subsets
    if subset.align and not subset.align.is_drawn
}
PACKINGS = {
    packing_name(experiment): experiment
    for experiment in CONFIG.experiments
    if RECIPES[experiment.recipe].reading != "files"
}
BATCHES = [
    list(DETECTORS)[start : start + CONFIG.detectors_per_score_job]
    for start in range(0, len(DETECTORS), CONFIG.detectors_per_score_job)
]
BATCH_OF = {key: number for number, keys in enumerate(BATCHES) for key in keys}


def follow():
    """Tell people how far this run is, and of its failed jobs."""
    told = workflow.output_settings
    bars = list(told.log_handler_settings) == ["rich"]
    quiet = frozenset(item.name.lower() for item in told.quiet or ())
    setting = account.Setting(
        page=Path(REPORT, "report.html"),
        quiet=quiet,
        benchmarks=[Path(STORE, "benchmarks"), Path(REPORT, "benchmarks")],
        tries=lambda rule: 1 + workflow.get_rule(rule).restart_times,
        collects=lambda rule: workflow.get_rule(rule).shellcmd is None,
        shows_logs=(bars or told.show_failed_logs) and "rules" not in quiet,
        bars=bars,
        keeps_going=lambda: workflow.execution_settings.keep_going,
    )
    return account.attach(logger, setting)


ACCOUNT = follow() if RUN else None


def one_of(names):
    """A wildcard constraint: these names and nothing else."""
    return "|".join(re.escape(name) for name in names) or "(?!)"


def as_json(item, **selection):
    return json.dumps(item.model_dump(mode="json", **selection), sort_keys=True)


def code_of(command):
    """Digest of a cheap command's code, so that a change of it runs its jobs again."""
    return code.digest(f"crossgen.commands.{command}")


def fetch_of(pool):
    """Name of what must be fetched before a pool can be listed, and its description; None if all is at hand."""
    source = POOLS[pool].source
    if not source.fetched:
        return None
    told = source.model_dump(mode="json", include=set(source.fetched))
    identity = json.dumps({key: value for key, value in told.items() if key != "connections"}, sort_keys=True)
    digest = hashlib.blake2b(identity.encode(), digest_size=4).hexdigest()
    return f"{source.kind}_{digest}", json.dumps(source.model_dump(mode="json"), sort_keys=True)


FETCHES = dict(filter(None, map(fetch_of, POOLS)))
HERE = CONFIG.fetch_on == "here"  # nodes have no internet: what fetches runs where Snakemake runs
LISTED_HERE = HERE and bool(FETCHES)  # listing such a source may fetch too


def fetched_for(pool):
    """What `fetch` wrote for a pool's source, or nothing."""
    found = fetch_of(pool)
    return f"{STORE}/downloads/fetched/{found[0]}.json" if found else []


DRAWN = [name for name, pool in POOLS.items() if pool.source.kind == "procedural"]
RECONSTRUCTED = [name for name, pool in POOLS.items() if pool.source.kind == "reconstructed"]
GENERATED = [name for name, pool in POOLS.items() if pool.source.kind == "generated"]
MADE = [*DRAWN, *RECONSTRUCTED, *GENERATED]  # images that a rule makes
PIPELINES = {  # of the hub, by the name of the record of their files
    pipelines.name_of(POOLS[name].source): as_json(POOLS[name].source)
    for name in reversed(GENERATED)
    if not Path(POOLS[name].source.pipeline).is_dir()
}


def made_for(pool):
    """Tables of a pool's images where a rule makes them, or nothing."""
    return [f"{STORE}/made/{pool}/{shard}.parquet" for shard in range(POOLS[pool].shards)] if pool in MADE else []


def pipeline_record(pool):
    """The record of the pipeline that a pool is generated by, or nothing if it is a folder."""
    name = pipelines.name_of(POOLS[pool].source)
    return f"{STORE}/weights/pipelines/{name}.json" if name in PIPELINES else []


def classes_from(pool):
    """The manifest of the pool whose classes a generated one has, or nothing."""
    like = POOLS[pool].source.prompts.like
    return manifests([like]) if like else []


def generate_options(input):
    """What a job of `generate` reads beside its source, as options of the command."""
    given = {"--weights": input.record, "--manifest": input.manifest}
    return shlex.join(word for option, path in given.items() if path for word in (option, *listed(path)))


def listed_in(pool):
    """The table that lists a pool, or nothing."""
    return getattr(POOLS[pool].source, "table", [])


@cache
def rows_of(pool):
    """What a table says of a pool. Not the table's time: a row added for another generator is nothing to this one.

    Tables over 50 MB are not read here; their size and time stand for them.
    """
    table = Path(listed_in(pool) or "")
    if not table.is_file():
        return ""
    state = table.stat()
    if table.suffix == ".parquet" or state.st_size > 50e6:
        return f"{state.st_size} {state.st_mtime_ns}"
    with open(table, encoding="utf-8-sig", errors="backslashreplace", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get("pool", pool) == pool]
    return hashlib.blake2b(json.dumps(rows).encode(), digest_size=8).hexdigest()


def is_listed_in_one_job(pool):
    """Whether listing, headers and manifest of a pool are a short job of a cluster: nothing to fetch or make, one shard."""
    return POOLS[pool].shards == 1 and not fetch_of(pool) and pool not in MADE


def train_pools(name):
    return [*TRAIN_SETS[name].real, *TRAIN_SETS[name].fake]


def subset_pools(subset, train_set):
    """Pools whose images a selection may hold or looks at."""
    return derive.read_pools(CONFIG, SUBSETS[subset], TRAIN_SETS[train_set])


def subset_files(subset):
    """Files of ids and lists that a selection reads."""
    lists = [item.lists for item in (SUBSETS[subset].real, SUBSETS[subset].fake) if item.lists]
    named = [path for files in lists for path in ([*files.train, *files.val] if isinstance(files, Lists) else files)]
    return list(dict.fromkeys([*filter(None, [SUBSETS[subset].ids]), *named]))


def roles_json(subset, train_set):
    """What the pools are to a selection."""
    return json.dumps(derive.roles(CONFIG, SUBSETS[subset], TRAIN_SETS[train_set]), sort_keys=True)


def chosen_pools(subset, train_set):
    """Pools whose images a selection may hold."""
    return derive.chosen_pools(CONFIG, SUBSETS[subset], TRAIN_SETS[train_set])


def threads_of(pools):
    """Threads of a job that decodes or encodes images: several where a pool is large enough to be cut into shards."""
    return 4 if any(POOLS[name].shards > 1 for name in pools) else 1


def manifests(names):
    return [f"{STORE}/manifest/{name}.parquet" for name in names]


def every_listing():
    return [f"{STORE}/downloads/{name}.parquet" for name in POOLS]


def every_manifest():
    return manifests(POOLS)


def used_pairs():
    """(subset, train set) of every detector."""
    return list(dict.fromkeys((d.experiment.subset, d.train_set.name) for d in DETECTORS.values()))


def every_selection():
    return [f"{STORE}/subsets/{subset}/{train_set}.parquet" for subset, train_set in used_pairs()]


def every_waterfall():
    """Tables of what each filter removed."""
    return [f"{STORE}/subsets/{subset}/{train_set}.waterfall.parquet" for subset, train_set in used_pairs()]


@cache
def packed_shards(subset, train_set):
    """Shards that the crops of a train set are packed in: of each, the (pool, shard) pairs that it is cut from.

    One where all pools have one shard, and one more for every further shard of a pool: about as large as theirs.
    """
    pools = chosen_pools(subset, train_set)
    pairs = [(name, shard) for name in pools for shard in range(POOLS[name].shards)]
    count = 1 + len(pairs) - len(pools)
    return [pairs[number::count] for number in range(count)]


def is_packed_in_one_job(subset, train_set):
    """Whether the crops of a train set are a short job of a cluster."""
    return len(packed_shards(subset, train_set)) == 1


def aligned(subset, train_set, pairs):
    """Folders of the re-encoded images of some (pool, shard) pairs that a train set reads."""
    alignment = SUBSETS[subset].align
    if alignment is None:
        return []
    folder = f"drawn/{subset}/{train_set}" if alignment.is_drawn else f"aligned/{alignment_name(alignment)}"
    concerned = [pair for pair in pairs if alignment.to in ("all", POOLS[pair[0]].label)]
    return [f"{STORE}/{folder}/{name}/{shard}" for name, shard in concerned]


def every_aligned(subset, train_set):
    """The same of all that a train set reads."""
    return sorted(path for pairs in packed_shards(subset, train_set) for path in aligned(subset, train_set, pairs))


def every_alignment():
    return list(dict.fromkeys(path for pair in used_pairs() for path in every_aligned(*pair)))


def packed(subset, train_set, packing, file):
    """One file of every shard of a train set's crops."""
    folder = f"{STORE}/crops/{subset}/{train_set}/{packing}"
    return [f"{folder}/{shard}/{file}" for shard in range(len(packed_shards(subset, train_set)))]


def every_rendering():
    return [f"{REPORT}/rendered/{name}/{shard}.parquet" for name in TESTED for shard in range(POOLS[name].shards)]


def scores_of(keys):
    """Scores of detectors or ensembles."""
    return [f"{REPORT}/scores/{key}.parquet" for key in keys]


def every_score():
    return scores_of([*DETECTORS, *ENSEMBLES])


def known_pools(train_set):
    """Pools that a train set learns from, and tested ones of the same generators."""
    tested = [item.fake for item in CONFIG.test_sets if item.fake and item.is_seen_by(train_set)]
    return list(dict.fromkeys([*train_pools(train_set), *tested]))


def learned_json():
    """What detectors learned from: [experiment, train set, its pools, selections]; an ensemble has one a member."""
    rows = {}
    for key in [*DETECTORS, *ENSEMBLES]:
        for member in ENSEMBLES[key].members if key in ENSEMBLES else [key]:
            subset, train_set = DETECTORS[member].experiment.subset, DETECTORS[member].train_set.name
            experiment = key.split("/")[0]
            row = rows.setdefault((experiment, train_set), [experiment, train_set, known_pools(train_set), []])
            row[3] = list(dict.fromkeys([*row[3], f"{STORE}/subsets/{subset}/{train_set}.parquet"]))
    return json.dumps(list(rows.values()))


def tested_json():
    """Where a scoring job finds the images of each pool: for images to render on the way, and for their order."""
    return json.dumps({name: {"root": POOLS[name].source.root, "manifest": manifests([name])[0]} for name in TESTED})


def frames_json():
    return json.dumps([frame.model_dump(mode="json", exclude={"mean", "std"}) for frame in derive.frames(CONFIG)])


def cache_mb():
    """Megabytes of pixels that a render job may keep of each frame."""
    return int(1000 * derive.cache_share(CONFIG))


def conditions_json():
    told = [item.model_dump(mode="json", exclude={"degradation"}) for item in CONFIG.conditions]
    return json.dumps(told, sort_keys=True)


def condition_tables():
    """Tables that steps of conditions read."""
    steps = [step for condition in CONFIG.conditions for step in condition.steps]
    return list(dict.fromkeys(step.table for step in steps if step.step == "operations"))


def examine_cluster():
    """Refuse what the cluster cannot do before a job is sent there, and warn of what it may not."""
    if workflow.executor_plugin.name != "slurm":
        return
    told = workflow.executor_settings
    chooses = bool(told.partition_config or os.environ.get("SNAKEMAKE_SLURM_PARTITIONS"))
    try:
        asked = partitions.asked(workflow.dag.needrun_jobs())
        for text in cluster.examine(asked, told.status_command or "squeue", chooses):
            logger.warning(text)
    except cluster.Refused as error:
        raise WorkflowError(f"This run cannot be sent to the cluster:\n{error}") from None
