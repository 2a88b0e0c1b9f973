# Names, continued: what the audit, tables, figures and the page are made of.

METRICS = ["balanced_accuracy", "roc_auc"]
TABLES = [
    "summary",
    "matrix",
    "degraded",
    "comparisons",
    "ablation",
    "published",
    "detectors",
    "controls",
    "biases",
    "attributes",
    "data",
    "losses",
    "waterfall",
    "duplicates",
    "breakdown_quality",
    "breakdown_size",
    "classes",
    "class_matrix",
    "correlation",
    "disagreement",
    "hardest",
    "thresholds",
    "operating_points",
    "calibration",
    "spectra",
    "looking",
]
LOOKED = ["plane.svg", "drift.svg", "maps.png"]
BROKEN_DOWN = ["breakdowns", "correlations", "disagreements", "hardest", "contents", "curves", "misjudged"]
SPECTRAL_FIGURES = ["average", "radial", "blocks", "combs", "autocorrelation"]


def shown_experiments():
    """Experiments, then ensembles: what tables and figures show."""
    return [*EXPERIMENTS, *(item.name for item in CONFIG.ensembles)]


USED_SUBSETS = list(dict.fromkeys(detector.experiment.subset for detector in DETECTORS.values()))
FIGURES = [
    *(f"matrix_{condition}_{metric}" for condition in CONFIG.matrix_conditions for metric in METRICS),
    *(f"degradation_{metric}" for metric in METRICS),
    "experiments",
    *(f"ablation_{each.name}" for each in axes.ablations((*CONFIG.experiments, *CONFIG.ensembles))),
    *(f"published_{each.name}" for each in CONFIG.compare_published),
    *(f"{kind}_{subset}" for kind in ("biases", "probes") for subset in USED_SUBSETS),
    *(["contents"] if CONFIG.breakdowns.class_groups else []),
    *(["controls"] if any(not item.pair for item in CONFIG.test_sets) else []),
    *(f"learning_{experiment}" for experiment in EXPERIMENTS),
    *(f"{kind}_{name}" for kind in ("sizes", "qualities", "correlation") for name in shown_experiments()),
    *(f"reliability_{name}" for name in shown_experiments() if any(item.pair for item in CONFIG.test_sets)),
    *(f"spectra_{name}" for name in SPECTRAL_FIGURES if CONFIG.spectra),
]


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


def spectral_pools():
    """Pools whose spectra are averaged."""
    return list((CONFIG.spectra.pools or POOLS) if CONFIG.spectra else ())


def every_spectrum():
    """Averages of each pool, and numbers of each of its images; nothing where the config asks for no spectra."""
    if CONFIG.spectra is None:
        return {}
    return {
        "spectra": [f"{REPORT}/spectra/{name}.parquet" for name in spectral_pools()],
        "spectral": [f"{REPORT}/spectra/images/{name}.parquet" for name in spectral_pools()],
    }


def looked_pools():
    """Pools whose images detectors are looked into with."""
    return list((CONFIG.looking.pools or TESTED) if CONFIG.looking else ())


def looked(name):
    """A file of every detector that is looked into."""
    return [f"{REPORT}/looking/{key}/{name}" for key in (CONFIG.looking.detectors if CONFIG.looking else ())]


def looked_json():
    """Where these images are."""
    return json.dumps(
        {name: {"root": POOLS[name].source.root, "manifest": manifests([name])[0]} for name in looked_pools()}
    )


def looking_options():
    """How detectors are looked into, as options of the command."""
    told = CONFIG.looking
    if told is None:
        return ""
    words = ["--images", told.images, "--maps", told.maps, "--method", told.method, "--plane", told.plane]
    words += ["--seed", told.seed, *(["--pictures"] if told.pictures else []), "--qualities", *told.qualities]
    return shlex.join(map(str, words))


def every_look():
    """The numbers of every detector that is looked into; nothing where the config asks for none."""
    return {"looked": looked("numbers.json")} if CONFIG.looking else {}


def report_inputs():
    """What tables, figures and page are made of."""
    return {
        "metrics": f"{REPORT}/metrics.parquet",
        "differences": f"{REPORT}/differences.parquet",
        "seed_means": f"{REPORT}/seed_means.parquet",
        "thresholds": f"{REPORT}/thresholds.parquet",
        "operating_points": f"{REPORT}/operating_points.parquet",
        "reliability": f"{REPORT}/reliability.parquet",
        "biases": f"{REPORT}/audit/biases.parquet",
        "probes": f"{REPORT}/audit/probes.parquet",
        "duplicates": f"{REPORT}/audit/duplicates.parquet",
        **{name: f"{REPORT}/{name}.parquet" for name in BROKEN_DOWN},
        "manifests": every_manifest(),
        "selections": [row[2] for row in audited()],
        "indexes": [row[3] for row in audited()],
        "losses": every_loss(),
        "waterfalls": every_waterfall(),
        **every_history(),
        **every_spectrum(),
        **every_look(),
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
    points = ("thresholds", "operating_points", "reliability")
    for name in ("metrics", "differences", "seed_means", *points, "biases", "probes", "duplicates", *BROKEN_DOWN):
        words += [f"--{name.replace('_', '-')}", inputs[name]]
    for name in ("manifests", "losses", "waterfalls", *every_history(), *every_spectrum(), *every_look()):
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
        "validation": validations("validation"),
        "validated": validations("validated"),
        "losses": every_loss(),
        "waterfalls": every_waterfall(),
        "detectors": every_detector(),
        "selections": [row[2] for row in audited()],
        "indexes": [row[3] for row in audited()],
        **every_history(),
        **every_spectrum(),
        **every_look(),
        **({"looked_figures": [path for name in LOOKED for path in looked(name)]} if CONFIG.looking else {}),
    }
    roles |= {f"table_{name}": f"{REPORT}/tables/{name}.csv" for name in TABLES}
    return json.dumps(roles | {f"figure_{name}": f"{REPORT}/figures/{name}.svg" for name in FIGURES})


def stored_jobs():
    """Jobs of the store that this run rests on, for others share it: `<rule>/<wildcards>`, of one or of a folder."""
    of_pools = ("download", "draw_shaders", "reconstruct", "generate", "extract_metadata", "gather_manifest")
    pairs = [f"{subset}/{train_set}" for subset, train_set in used_pairs()]
    of_pairs = ("filter_subset", "align_drawn", "index_files")
    aligned = {alignment_name(SUBSETS[subset].align) for subset, _ in used_pairs() if SUBSETS[subset].align}
    packed = {f"{d.experiment.subset}/{d.train_set.name}/{packing_name(d.experiment)}" for d in DETECTORS.values()}
    jobs = [
        *(f"fetch/{name}" for name in FETCHES),
        *(f"fetch_pipeline/{name}" for name in PIPELINES),
        *(f"fetch_weights/{name}" for name in WEIGHTS),
        *(f"{rule}/{pool}" for rule in of_pools for pool in POOLS),
        *(f"{rule}/{pair}" for rule in of_pairs for pair in pairs),
        *(f"align_jpeg/{name}" for name in sorted(aligned)),
        *(f"{rule}/{name}" for rule in ("pack_crops", "gather_crops") for name in sorted(packed)),
        *(f"train_detector/{key}" for key in DETECTORS),
    ]
    return json.dumps(jobs)


def judged_json():
    """What metrics depend on, of the config."""
    return as_json(CONFIG, include={"test_sets", "comparisons", "statistics"})


def chosen_json():
    """What thresholds depend on, of the config."""
    return as_json(CONFIG, include={"test_sets", "statistics"})


def broken_down_json():
    """What breakdowns depend on, of the config."""
    return as_json(CONFIG, include={"test_sets", "matrix_conditions", "statistics", "breakdowns"})


def ensembles_json():
    """Ensemble to its members."""
    return json.dumps({key: each.members for key, each in ENSEMBLES.items()})


def generators_json():
    """Train set to its generator."""
    return json.dumps({d.train_set.name: d.generator for d in DETECTORS.values()})


def train_sets_json():
    """Train set to its pools."""
    return json.dumps({name: train_pools(name) for name in TRAIN_SETS})


def replayed():
    """Steps that made the report, for `crossgen verify`: command to options that `crossgen report` is not given too."""
    return json.dumps(
        {
            "compute-metrics": {
                "--scores": "role:scores",
                "--manifests": manifests(TESTED),
                "--tests": judged_json(),
                "--train-generators": generators_json(),
            },
            "choose-thresholds": {
                "--validation": "role:validation",
                "--validated": "role:validated",
                "--scores": "role:scores",
                "--manifests": manifests(TESTED),
                "--tests": chosen_json(),
                "--ensembles": ensembles_json(),
            },
            "break-down": {
                "--scores": "role:scores",
                "--manifests": manifests(TESTED),
                "--tests": broken_down_json(),
                "--learned": learned_json(),
                "--pictures": "role:hardest",
                "--cell-pictures": "role:misjudged",
            },
            "audit-biases": {"--train-sets": train_sets_json(), "--level": str(CONFIG.statistics.level)},
            "tabulate": {"--output": f"{REPORT}/tables"},
            "plot": {"--figure": FIGURES, "--output": f"{REPORT}/figures"},
        }
    )


def figures(*kinds):
    """Figures of these kinds (matrix, degradation, biases, learning and so on: how their names begin), or all."""
    chosen = [name for name in FIGURES if not kinds or name.split("_")[0] in kinds]
    return [f"{REPORT}/figures/{name}.svg" for name in chosen]
