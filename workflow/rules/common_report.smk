# Names, continued: what the audit, tables, figures and the page are made of.

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
