# Names, targets and constraints: the only Python of the workflow. Only .smk files know the layout of results/.
import csv
import hashlib
import json
import re
import shlex
from functools import cache

from crossgen import code, runs
from crossgen.config import Lists, Shown, claims, derive, ensembles, lineage
from crossgen.config.loading import ConfigError, load

runs.put_programs_first()  # of the environment that Snakemake runs in, activated or not: jobs inherit them
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
        files = " ".join(OWNER["files"])
        logger.warning(f"A run was killed here and left its lock. Go on with: crossgen resume --configfile {files}")
    return lock


RUN = enter() if workflow.is_main_process and not workflow.output_settings.dryrun else None
POOLS = {pool.name: pool for pool in CONFIG.pools}
SUBSETS = {subset.name: subset for subset in CONFIG.subsets}
RECIPES = {recipe.name: recipe for recipe in CONFIG.recipes}
EXPERIMENTS = {experiment.name: experiment for experiment in CONFIG.experiments}
TRAIN_SETS = derive.train_sets(CONFIG)
DETECTORS = {detector.key: detector for detector in derive.detectors(CONFIG)}
ENSEMBLES = {ensemble.key: ensemble for ensemble in ensembles.averaged(CONFIG)}
TESTED = derive.tested_pools(CONFIG)
METRICS = ["balanced_accuracy", "roc_auc"]
TABLES = [
    "summary",
    "matrix",
    "degraded",
    "detectors",
    "controls",
    "biases",
    "attributes",
    "data",
    "losses",
    "waterfall",
    "duplicates",
]


USED_SUBSETS = list(dict.fromkeys(detector.experiment.subset for detector in DETECTORS.values()))
FIGURES = [
    *(f"matrix_{condition}_{metric}" for condition in CONFIG.matrix_conditions for metric in METRICS),
    *(f"degradation_{metric}" for metric in METRICS),
    "experiments",
    *(f"{kind}_{subset}" for kind in ("biases", "probes") for subset in USED_SUBSETS),
    *(["controls"] if any(not item.pair for item in CONFIG.test_sets) else []),
    *(f"learning_{experiment}" for experiment in EXPERIMENTS),
]


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
    return f"{shape}_x{recipe.crops_per_image}{inside}"


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


def fetched_for(pool):
    """What `fetch` wrote for a pool's source, or nothing."""
    found = fetch_of(pool)
    return f"{STORE}/downloads/fetched/{found[0]}.json" if found else []


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


def recipe_of(detector):
    return RECIPES[detector.experiment.recipe]


def reads_files(detector):
    """Whether it is trained on whole files: no crops are stored of them."""
    return recipe_of(detector).reading == "files"


def index_of(detector):
    """The index of what a detector is trained on: its crops', or of the files that are read whole."""
    subset, train_set = detector.experiment.subset, detector.train_set.name
    if reads_files(detector):
        return f"{STORE}/files/{subset}/{train_set}/index.parquet"
    return f"{STORE}/crops/{subset}/{train_set}/{packing_name(detector.experiment)}/index.parquet"


def images(detector):
    """Role to path(s) of the images that a detector is trained on: arrays and their index, or selection and files."""
    subset, train_set = detector.experiment.subset, detector.train_set.name
    if reads_files(detector):
        selection = f"{STORE}/subsets/{subset}/{train_set}.parquet"
        return {"selection": selection, "aligned": every_aligned(subset, train_set)}
    packing = packing_name(detector.experiment)
    return {"crops": packed(subset, train_set, packing, "crops.npy"), "index": index_of(detector)}


def every_packing():
    """What training reads that is not a file of a pool: arrays of crops, and indexes."""
    return list(dict.fromkeys(p for d in DETECTORS.values() for p in [*images(d).get("crops", []), index_of(d)]))


def every_loss():
    """Tables of the images that were lost after their headers were read, in training and in test."""
    read = dict.fromkeys(f"{Path(index_of(d)).parent}/losses.parquet" for d in DETECTORS.values())
    trained = [beside(key, "losses.parquet") for key, d in DETECTORS.items() if reads_files(d)]
    return [*read, *trained, *(f"{REPORT}/scores/losses/{batch}.parquet" for batch in range(len(BATCHES)))]


def beside(key, name):
    """One of the files of a detector."""
    return f"{STORE}/detectors/{key}/{name}"


def detector_file(key):
    return beside(key, "detector.safetensors")


def every_history():
    """How the detectors were trained, and what was watched meanwhile."""
    watching = [key for key, detector in DETECTORS.items() if lineage.watched_by(CONFIG, detector)]
    return {
        "histories": [beside(key, "history.parquet") for key in DETECTORS],
        "watched": [beside(key, "watched.parquet") for key in watching],
    }


def detector_of(wildcards):
    return DETECTORS[f"{wildcards.experiment}/{wildcards.train_set}/seed{wildcards.seed}"]


def watched(detector):
    """Train set to the images of it that are scored while a detector is trained."""
    experiment, seed = detector.experiment.name, detector.seed
    names = lineage.watched_by(CONFIG, detector)
    return {name: images(DETECTORS[lineage.key(experiment, name, seed)]) for name in names}


def needed(detector):
    """What a training reads beside its own images: weights to begin with, histories, other train sets."""
    start = lineage.started_from(detector)
    given = recipe_of(detector).start
    found = {
        "start": detector_file(start) if start else (given.weights if given else []),
        "measured": [beside(key, "history.parquet") for key in lineage.measured_by(CONFIG, detector).values()],
        "watched": [path for item in watched(detector).values() for paths in item.values() for path in listed(paths)],
    }
    return {role: paths for role, paths in found.items() if paths}


def listed(paths):
    return [paths] if isinstance(paths, str) else paths


def training_inputs(wildcards):
    """All that a training waits for. The index of whole files is not read: its job refuses too many losses."""
    detector = detector_of(wildcards)
    return {**images(detector), "index": index_of(detector), **needed(detector)}


def training_options(wildcards):
    """The same as options of the command."""
    detector = detector_of(wildcards)
    told, found = detector.experiment, images(detector)
    words = [word for role, paths in found.items() if paths for word in (f"--{role}", *listed(paths))]
    if reads_files(detector):
        pools = dict.fromkeys(
            pool for name in [detector.train_set.name, *watched(detector)] for pool in chosen_pools(told.subset, name)
        )
        words += ["--folders", json.dumps({name: POOLS[name].source.root for name in pools})]
        words += ["--crop", as_json(SUBSETS[told.subset].crop)] if SUBSETS[told.subset].crop else []
    if told.start_from:
        words += ["--start", detector_file(lineage.started_from(detector)), "--start-head", told.start_from.head]
    if told.curriculum:
        measured = {p: beside(k, "history.parquet") for p, k in lineage.measured_by(CONFIG, detector).items()}
        words += ["--curriculum", as_json(told.curriculum), "--measured", json.dumps(measured)]
    if watched(detector):
        words += ["--watched", json.dumps(watched(detector)), "--watch-every", str(told.watch_every)]
    return shlex.join(words)


def every_detector():
    return [detector_file(key) for key in DETECTORS]


def every_rendering():
    return [f"{REPORT}/rendered/{name}/{shard}.parquet" for name in TESTED for shard in range(POOLS[name].shards)]


def scores_of(keys):
    """Scores of detectors or ensembles."""
    return [f"{REPORT}/scores/{key}.parquet" for key in keys]


def every_score():
    return scores_of([*DETECTORS, *ENSEMBLES])


def tested_json():
    """Where a scoring job finds the images of each pool: for images to render on the way, and for their order."""
    return json.dumps({name: {"root": POOLS[name].source.root, "manifest": manifests([name])[0]} for name in TESTED})


def frames_json():
    return json.dumps([frame.model_dump(mode="json", exclude={"mean", "std"}) for frame in derive.frames(CONFIG)])


def conditions_json():
    told = [item.model_dump(mode="json", exclude={"degradation"}) for item in CONFIG.conditions]
    return json.dumps(told, sort_keys=True)


def audited():
    """What the bias audit reads of each subset and train set: (subset, train set, selection, index)."""
    rows = {}
    for detector in DETECTORS.values():
        pair = (detector.experiment.subset, detector.train_set.name)
        rows.setdefault(
            pair,
            [
                *pair,
                f"{STORE}/subsets/{pair[0]}/{pair[1]}.parquet",
                index_of(detector),
            ],
        )
    return list(rows.values())


def report_inputs():
    """What tables, figures and page are made of."""
    return {
        "metrics": f"{REPORT}/metrics.parquet",
        "differences": f"{REPORT}/differences.parquet",
        "biases": f"{REPORT}/audit/biases.parquet",
        "probes": f"{REPORT}/audit/probes.parquet",
        "duplicates": f"{REPORT}/audit/duplicates.parquet",
        "manifests": every_manifest(),
        "selections": [row[2] for row in audited()],
        "indexes": [row[3] for row in audited()],
        "losses": every_loss(),
        "waterfalls": every_waterfall(),
        **every_history(),
    }


def report_options():
    """The same as options of a command."""
    inputs = report_inputs()
    words = [
        "--shown",
        as_json(CONFIG, include=set(Shown.model_fields)),
        "--audited",
        json.dumps(audited()),
    ]
    for name in ("metrics", "differences", "biases", "probes", "duplicates"):
        words += [f"--{name}", inputs[name]]
    for name in ("manifests", "losses", "waterfalls", *every_history()):
        words += [f"--{name}", *inputs[name]]
    return shlex.join(words)


def detector_options():
    """Detectors, whose headers tables and page read. Figures do not need them, so they are apart."""
    return shlex.join(["--detectors", *every_detector()])


def run_files():
    """Role to path(s), for run.json: what readers of a run find without guessing."""
    roles = {name: path for name, path in report_inputs().items() if isinstance(path, str)}
    roles |= {
        "manifests": every_manifest(),
        "scores": every_score(),
        "losses": every_loss(),
        "waterfalls": every_waterfall(),
        "detectors": every_detector(),
        **every_history(),
    }
    roles |= {f"table_{name}": f"{REPORT}/tables/{name}.csv" for name in TABLES}
    return json.dumps(roles | {f"figure_{name}": f"{REPORT}/figures/{name}.svg" for name in FIGURES})


def figures(*kinds):
    """Figures of these kinds (matrix, degradation, experiments, biases, probes, controls, learning), or all."""
    chosen = [name for name in FIGURES if not kinds or name.split("_")[0] in kinds]
    return [f"{REPORT}/figures/{name}.svg" for name in chosen]
