"""What scores were made of: told by every score file, and compared before scores are laid beside each other.

A logit is a function of the detector's weights, of the image's bytes, of the steps and the frame that the image went
through, and of the code that did it. A score file tells them all (`records.facts`), so that files of different runs,
or a manifest that changed after scoring, are refused instead of averaged.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from crossgen import records
from crossgen.config import Condition, Frame
from crossgen.data import frames
from crossgen.evaluation import conditions as steps_of
from crossgen.evaluation import scoring
from crossgen.evaluation.render import Images, effective_steps, images_digest, pixel_key

#: Columns of a manifest that say which images are tested, and what their files hold.
COLUMNS = ("image_id", "pool", "split", "shard", "quarantine", "blake3", "bytes")
LABELS = {0: "real", 1: "fake"}
#: Part of a provenance to what two files that differ in it have.
DIFFERENT = {
    "versions": "were scored by code of different versions: {name} is {ours} in {one} and {theirs} in {other}",
    "detectors": "hold scores of {name} with different weights or frames: {ours} in {one}, {theirs} in {other}",
    "images": "were scored on different images: {name} is {ours} in {one} and {theirs} in {other}",
    "conditions": "mean different things by condition {name}: {ours} in {one}, {theirs} in {other}",
}


#: `device` and `precision` of `scoring.Judge`; None: by a version that did not tell.
Way = dict[str, str | None]


class Provenance(BaseModel):
    """What the rows of one score file, or of several, were made of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    detectors: dict[str, str]  # experiment/train_set/seed<n> -> digest of the weights, key of the frame
    images: dict[str, str]  # pool/shard -> digest of the tested images (`render.images_digest`)
    conditions: dict[str, list[dict[str, Any]]]  # condition/<real or fake> -> the steps they really went through
    versions: dict[str, int]  # pixels and logits: VERSION of the code
    #: experiment/train_set/seed<n> -> every device and precision that some of its logits were computed on and in: they
    #: may differ so far, nothing is refused for it
    judged: dict[str, list[Way]] = {}


#: What is told of logits whose cell does not tell how they were computed.
UNTOLD: Way = {"device": None, "precision": None}


def of_row(
    row: Mapping[str, Any], images: Images, known: Sequence[Condition], judged: Mapping[str, str | None] | None = None
) -> Provenance:
    """Of one row of a scoring job's index, and what its cell tells of how it was `judged` (`scoring.Judge.how`).

    Raises ValueError if its cells are not those of these images and steps.
    """
    condition = {item.name: item for item in known}.get(row["condition"])
    where = f"pool {row['pool']!r} under condition {row['condition']!r}"
    if condition is None:
        raise ValueError(f"The index holds scores of {where}, which is not among the conditions given: score again.")
    frame, steps = Frame.model_validate_json(row["frame"]), effective_steps(condition, images.label, known)
    found = (row["pixels"], row["logits"])
    if found != (pixel_key(images, frame, steps), scoring.logit_key(row["weights"], row["pixels"])):
        raise ValueError(
            f"The scores of {where} are of other images, steps or code than now given: the manifest or the conditions"
            " changed after scoring. Render and score again."
        )
    name = f"{row['experiment']}/{row['train_set']}/seed{row['seed']}"
    return Provenance(
        detectors={name: f"{row['weights']} {frames.key(frame)}"},
        images={f"{row['pool']}/{row['shard']}": images.digest},
        conditions={f"{condition.name}/{LABELS[images.label]}": [step.model_dump(mode="json") for step in steps]},
        versions={"pixels": steps_of.VERSION, "logits": scoring.VERSION},
        judged={name: [dict(judged or UNTOLD)]},
    )


def joined(told: Iterable[tuple[str, Provenance]]) -> Provenance:
    """Several provenances (name, what it tells) as one. Raises ValueError that names two which contradict."""
    parts: dict[str, dict[str, Any]] = {part: {} for part in DIFFERENT}
    where: dict[tuple[str, str], str] = {}
    judged: dict[str, list[Way]] = {}
    for source, provenance in told:
        for name, ways in provenance.judged.items():
            known = judged.setdefault(name, [])
            known.extend(way for way in ways if way not in known)
        for part, held in parts.items():
            for name, value in getattr(provenance, part).items():
                first = where.setdefault((part, name), source)
                if held.setdefault(name, value) != value:
                    words = {"name": name, "ours": held[name], "one": first, "theirs": value, "other": source}
                    raise ValueError(
                        f"Score files of different runs: {first} and {source} {DIFFERENT[part].format(**words)}."
                        " Score one of them again, or judge them apart."
                    )
    return Provenance(**parts, judged={name: _ordered(ways) for name, ways in judged.items()})


def _ordered(ways: Iterable[Way]) -> list[Way]:
    return sorted(ways, key=lambda way: [value or "" for value in way.values()])


def read(path: Path) -> Provenance:
    """What a score file tells. Raises ValueError if it tells nothing, or something else."""
    told = records.facts(path)
    if told is None:
        raise ValueError(
            f"{path} does not tell what it was made of: it is of another program or of an older crossgen. Collect it"
            " again (crossgen collect-scores), or take such files as they are with --unproven."
        )
    try:
        return Provenance.model_validate(told)
    except ValidationError as error:
        raise ValueError(f"{path} tells of its scores in another form ({error.error_count()} faults).") from error


def check(scores: Sequence[Path], manifests: Sequence[Path], unproven: bool = False) -> Provenance:
    """What some score files were made of, together; every consumer of scores and manifests calls this first.

    Raises ValueError: files that contradict each other (other weights of one detector, other images of a pool, other
    steps of a condition, other code), a manifest whose test images are not those that were scored, a file that tells
    nothing, unless `unproven` (then nothing is known of it, and nothing is compared).
    """
    telling = [path for path in scores if not unproven or records.facts(path) is not None]
    together = joined((str(path), read(path)) for path in telling)
    for path in manifests:
        _refuse_changed(path, together.images)
    return together


def refuse_other_weights(validated: Iterable[Mapping[str, Any]], scored: Provenance) -> None:
    """Raise ValueError if validation images (VALIDATED rows) were judged by other weights than test images."""
    for row in validated:
        name = f"{row['experiment']}/{row['train_set']}/seed{row['seed']}"
        told = scored.detectors.get(name)
        if told is not None and told.split(" ")[0] != row["weights"]:
            raise ValueError(
                f"Validation images of {name} were scored with the weights {row['weights']}, its test images with"
                f" {told.split(' ')[0]}: they are of different runs. Score both again (crossgen score-images)."
            )


def _refuse_changed(path: Path, scored: Mapping[str, str]) -> None:
    """Raise ValueError if the test images of a manifest are not those that `scored` tells of."""
    manifest = records.read(path, records.MANIFEST, COLUMNS)
    pools = set(pc.unique(manifest["pool"]).to_pylist())
    usable = pc.and_(pc.equal(manifest["split"], "test"), pc.is_null(manifest["quarantine"]))
    rows = manifest.filter(usable).sort_by("image_id")
    for name, digest in scored.items():
        pool, shard = name.rsplit("/", 1)
        here = rows.filter(pc.and_(pc.equal(rows["pool"], pool), pc.equal(rows["shard"], int(shard))))
        if pool in pools and images_digest(here) != digest:
            raise ValueError(
                f"{path}: the test images of pool {pool!r} (shard {shard}, {here.num_rows} now) are not those that were"
                " scored: the manifest changed after scoring. Restore it, or render and score again."
            )


def refuse_broken(row: Mapping[str, Any], logits: NDArray[np.float32], failed: Iterable[int]) -> None:
    """Raise ValueError for a logit that is no number, though the image has a picture: the detector is broken.

    `logits` [n] of a cell are NaN where there is no picture, which are the rows `failed`.
    """
    pictured = np.ones(len(logits), dtype=bool)
    pictured[list(failed)] = False
    broken = int((~np.isfinite(logits[pictured])).sum())
    if broken:
        raise ValueError(
            f"Detector {row['experiment']}/{row['train_set']}/seed{row['seed']} gave {broken} of {int(pictured.sum())}"
            f" images of pool {row['pool']!r} under condition {row['condition']!r} a logit that is NaN or infinite: the"
            " detector is broken, not the images. Train it again (a lower learning rate, precision fp32)."
        )
