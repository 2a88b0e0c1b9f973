"""The files between a run's images and its report: what each holds, and what it was computed from.

Roles of run.json. Scores, detectors and manifests have tables of their own on the card.
"""

from collections.abc import Mapping
from typing import Any

JUDGED = ("scores", "manifests")
BROKEN_DOWN = (*JUDGED, "metrics", "selections")
CHOSEN = ("validation", "validated", *JUDGED)
AUDITED = ("manifests", "selections", "indexes")
#: Role to what its files hold, and the roles that these were computed from.
ROLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "metrics": ("every metric of each cell, mean and control, with its interval", JUDGED),
    "differences": ("paired differences of experiments and of conditions, with intervals", JUDGED),
    "seed_means": ("means over training seeds, with intervals", JUDGED),
    "thresholds": ("thresholds and temperatures, chosen on validation images", ("validation", "validated")),
    "operating_points": ("what those thresholds come to on the test images, and calibration", CHOSEN),
    "reliability": ("bins of P(fake) with the shares of fakes in them", CHOSEN),
    "breakdowns": ("shares called fake by image size, JPEG quality and content class", BROKEN_DOWN),
    "correlations": ("correlations of the matrix's rows", BROKEN_DOWN),
    "disagreements": ("what two detectors judge differently", BROKEN_DOWN),
    "hardest": ("images that most detectors misjudge", BROKEN_DOWN),
    "contents": ("metrics by groups of content classes", BROKEN_DOWN),
    "curves": ("ROC and calibration curves and logits of each cell", BROKEN_DOWN),
    "misjudged": ("worst classes and images of each cell", BROKEN_DOWN),
    "biases": ("how well single file facts tell real from fake", AUDITED),
    "probes": ("how well small trees of file facts do, with their rules", AUDITED),
    "duplicates": ("files that several pools or splits hold", ("manifests",)),
    "validation": ("logits of validation images", ("detectors", "indexes")),
    "validated": ("how many validation images of each detector were judged", ("detectors", "indexes")),
    "selections": ("images that each train set selects", ("manifests",)),
    "waterfalls": ("images that each step of a selection left", ("manifests",)),
    "indexes": ("crops as they were aligned and stored", ("selections",)),
    "losses": ("images that could not be read on the way", ("manifests", "selections")),
    "histories": ("losses and validation metrics of each epoch", ("indexes",)),
    "watched": ("the same, of other train sets' validation images", ("indexes",)),
    "spectra": ("average spectra and statistics of each pool", ("manifests",)),
    "spectral": ("the same of each image", ("manifests",)),
    "looked": ("what looking into a detector found, in numbers", ("detectors", "manifests")),
}


def tables(files: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row a role that a run has files of, in the order above: role, holds, rests_on, and `files` (path, blake3)."""
    rows = []
    for role, (holds, rests_on) in ROLES.items():
        told = files.get(role) or []
        held = told if isinstance(told, list) else [told]
        if held:
            rows.append({"role": role, "holds": holds, "rests_on": list(rests_on), "files": held})
    return rows
