# Names, continued: where `crossgen plan` finds what is there already.


def places():
    """Files of the run by what they hold; they need not be there."""
    return {
        "store": STORE,
        "report": REPORT,
        "listings": dict(zip(POOLS, every_listing())),
        "manifests": dict(zip(POOLS, every_manifest())),
        "selections": {f"{pair[0]}/{pair[1]}": path for pair, path in zip(used_pairs(), every_selection())},
        "detectors": dict(zip(DETECTORS, every_detector())),
        "batches": BATCHES,
        "fetches": {name: json.loads(source) for name, source in FETCHES.items()},
        "fetched_for": {name: found[0] for name in POOLS if (found := fetch_of(name))},
        "packings": {name: experiment.recipe for name, experiment in PACKINGS.items()},
        "pixels": f"{STORE}/cells/pixels",
        "logits": f"{STORE}/cells/logits",
        "validation": f"{STORE}/cells/validation",
        "shown": [shown_of(batch) for batch in range(len(BATCHES))],
        "validated": validations("validated"),
    }
