# Names, continued: what trainings read and write.


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
    paired = {key for key, d in DETECTORS.items() if RECIPES[d.experiment.recipe].pairing == "name"}
    trained = [beside(key, "losses.parquet") for key, d in DETECTORS.items() if key in paired or reads_files(d)]
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


def weights_of(detector):
    """Name and what is built of the pretrained weights that a detector begins with; None if it has none.

    Recipes that build the same share them.
    """
    recipe = recipe_of(detector)
    if not recipe.options.get("pretrained"):
        return None
    told = json.dumps(recipe.options, sort_keys=True)
    digest = hashlib.blake2b(f"{recipe.architecture} {told}".encode(), digest_size=4).hexdigest()
    model = re.sub("[^a-z0-9]+", "_", str(recipe.options.get("model", recipe.architecture)).lower())
    return f"{model}_{digest}", (recipe.architecture, told)


WEIGHTS = dict(filter(None, map(weights_of, DETECTORS.values())))


def every_weight():
    """Records of what is fetched: the weights that networks begin with, and pipelines that make images."""
    return [
        *(f"{STORE}/weights/{name}.json" for name in WEIGHTS),
        *(f"{STORE}/weights/pipelines/{name}.json" for name in PIPELINES),
    ]


def weights_record(detector):
    """The record of a detector's pretrained weights, or nothing."""
    found = weights_of(detector)
    return f"{STORE}/weights/{found[0]}.json" if found else []


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
        # fetched before it begins; other weights under the same name are no reason to train again
        "weights": [ancient(path) for path in listed(weights_record(detector))],
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
    words += ["--weights", weights_record(detector)] if weights_record(detector) else []
    if told.curriculum:
        measured = {p: beside(k, "history.parquet") for p, k in lineage.measured_by(CONFIG, detector).items()}
        words += ["--curriculum", as_json(told.curriculum), "--measured", json.dumps(measured)]
    if watched(detector):
        words += ["--watched", json.dumps(watched(detector)), "--watch-every", str(told.watch_every)]
    return shlex.join(words)


def shown_of(batch):
    """Key to the images of it that a scoring job shows each of its detectors: what it was trained on, of which val."""
    found = {}
    for key in BATCHES[batch]:
        crop = SUBSETS[DETECTORS[key].experiment.subset].crop
        inside = {"crop": crop.model_dump(mode="json")} if crop and reads_files(DETECTORS[key]) else {}
        found[key] = images(DETECTORS[key]) | inside
    return found


def shown_files(batch):
    """Their files, each once."""
    told = (DETECTORS[key] for key in BATCHES[batch])
    return list(dict.fromkeys(path for item in told for paths in images(item).values() for path in listed(paths)))


def shown_roots(batch):
    """Pool to the folder of its files, for those that are read whole."""
    told = [DETECTORS[key] for key in BATCHES[batch] if reads_files(DETECTORS[key])]
    pools = dict.fromkeys(p for d in told for p in chosen_pools(d.experiment.subset, d.train_set.name))
    return {name: POOLS[name].source.root for name in pools}


def validations(kind):
    """Tables of every scoring job: `validation` (logits) or `validated` (a row a detector)."""
    return [f"{REPORT}/scores/{kind}/{batch}.parquet" for batch in range(len(BATCHES))]


def every_detector():
    return [detector_file(key) for key in DETECTORS]


def training_nodes():
    """Resources by which SLURM gives a training its nodes: by `mpi` its command starts the processes itself, by srun.

    GPUs are told for each node: of their sum alone one node might get more than another.
    """
    nodes, each = CONFIG.train_nodes, max(1, CONFIG.train_gpus)
    if nodes == 1:
        return {"nodes": 1}
    tasks = {"tasks_per_node": each} if each > 1 else {"tasks": nodes, "tasks_per_gpu": 0}  # the plugin refuses one
    gpus = {"gres": f"gpu:{CONFIG.train_gpus}"} if CONFIG.train_gpus else {}
    return {"nodes": nodes, "mpi": "srun", "cpus_per_task": max(1, CONFIG.train_threads // each), **tasks, **gpus}


def launch_mb():
    """Memory of the further processes of a training on a node: of those that compute, and of two that start them."""
    each = CONFIG.train_processes // CONFIG.train_nodes
    return 1000 * (each + 1) if CONFIG.train_processes > 1 else 0
