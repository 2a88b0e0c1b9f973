"""Compute the missing logits of some detectors."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from crossgen.evaluation.scoring import Judge
    from crossgen.evaluation.validation import Validated

EXAMPLE = """crossgen score-images --detectors detector.safetensors --rendered rendered.parquet --pools pools.json \\
    --conditions '[{"name": "clean"}]' --pixels cells/pixels --logits cells/logits --output index.parquet \\
    --losses losses.parquet --validation validation.parquet --validated validated.parquet \\
    --validation-logits cells/validation \\
    --trained-on '{"raw/biggan/seed0": {"crops": ["crops.npy"], "index": "crops.parquet"}}'"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--detectors", required=True, type=Path, nargs="+", help="detector files")
    parser.add_argument("--rendered", required=True, type=Path, nargs="+", help="indexes of render-conditions")
    parser.add_argument("--pools", required=True, help='JSON: {pool: {"root": folder, "manifest": file}}')
    parser.add_argument("--conditions", required=True, help="JSON list of the conditions")
    parser.add_argument("--pixels", required=True, type=Path, help="folder of the pixel cells")
    parser.add_argument("--logits", required=True, type=Path, help="folder of the logit cells")
    parser.add_argument("--threads", type=int, default=1, help="threads that render what is not stored (default: 1)")
    parser.add_argument("--output", required=True, type=Path, help="index to write (Parquet)")
    parser.add_argument("--losses", required=True, type=Path, help="images without a picture, to write (Parquet)")
    _validation(parser.add_argument_group("validation images, each detector's own (none without --validation)"))


def _validation(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--trained-on",
        default="{}",
        help='JSON: {"<experiment>/<train set>/seed<seed>": {crops, index} or {selection, aligned, crop}} of each',
    )
    group.add_argument("--folders", default="{}", help="JSON: pool to the folder that paths of its files begin in")
    group.add_argument("--validation-images", type=int, default=5000, help="at most so many a label (default: 5000)")
    group.add_argument("--split-seed", type=int, default=0, help="by which they are drawn (default: 0)")
    group.add_argument("--validation-logits", type=Path, help="folder of their logit cells")
    group.add_argument("--validation", type=Path, help="logits of validation images, to write (Parquet)")
    group.add_argument("--validated", type=Path, help="how many they are of each detector, to write (Parquet)")


def run(options: argparse.Namespace) -> None:
    """Fill the missing logit cells, and write the index of all and what has no picture."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pydantic import TypeAdapter

    from crossgen import records
    from crossgen.config import Condition
    from crossgen.evaluation.cells import Store
    from crossgen.evaluation.owed import Owed, loader
    from crossgen.evaluation.scoring import Stores, score
    from crossgen.files import write_whole

    pixels, logits = Store(options.pixels), Store(options.logits)
    cells = records.read_all(options.rendered, records.RENDERED).to_pylist()
    owed = Owed.of(options.detectors, cells, loader(json.loads(options.pools)))
    conditions = TypeAdapter(tuple[Condition, ...]).validate_json(options.conditions)
    tasks = owed.tasks(conditions, logits)
    if tasks:
        score(tasks, _judges(options.detectors), Stores(pixels, logits), options.threads)
    lost = owed.losses(logits)
    write_whole(options.output, lambda path: pq.write_table(pa.Table.from_pylist(owed.rows), path))
    records.write(options.losses, records.from_rows(lost, records.LOSSES), records.LOSSES)
    print(logits.log("logit"))
    print(f"{options.output}: logits of {len(owed.rows)} detector x pool x condition; {len(lost)} without a picture")
    if options.validation:
        _validate(options)


def _validate(options: argparse.Namespace) -> None:
    """Fill the missing logit cells of validation images, and write their tables."""
    import numpy as np
    import pyarrow as pa

    from crossgen import records
    from crossgen.evaluation.cells import Store
    from crossgen.evaluation.validation import Choice, counted, owed, scored

    if not (options.validated and options.validation_logits):
        raise ValueError("--validation needs --validated and --validation-logits beside it, and --trained-on.")
    logits, told = Store(options.validation_logits), json.loads(options.trained_on)
    items = owed(options.detectors, told, Choice(options.validation_images, options.split_seed))
    for item in items:
        if item.cell is not None and not logits.holds(item.cell):
            logits.write(item.cell, _judged(options, item))
    found = [None if item.cell is None else np.asarray(logits.read(item.cell, verify=True)) for item in items]
    rows = pa.concat_tables([scored(*each) for each in zip(items, found, strict=True)])
    counts = [counted(*each) for each in zip(items, found, strict=True)]
    records.write(options.validation, rows, records.VALIDATION)
    records.write(options.validated, records.from_rows(counts, records.VALIDATED), records.VALIDATED)
    print(logits.log("validation"))
    print(f"{options.validation}: {rows.num_rows} validation images of {len(items)} detectors")


def _judged(options: argparse.Namespace, item: "Validated") -> "npt.NDArray[np.float32]":
    """Logits of a detector's validation images."""
    from pydantic import TypeAdapter

    from crossgen.config import Crop, Recipe
    from crossgen.detectors.folding import load_folded
    from crossgen.detectors.identity import read_header
    from crossgen.training.given import Images
    from crossgen.training.validated import judge_validation

    _set_up()
    path, key = options.detectors[item.place], "{experiment}/{train_set}/seed{seed}".format_map(item.names)
    told = json.loads(options.trained_on)[key]
    crop = TypeAdapter(Crop | None).validate_python(told.get("crop"))
    recipe = Recipe.model_validate_json(json.dumps(read_header(path)["recipe"]))
    images = Images.of(told, json.loads(options.folders), crop)
    return judge_validation(load_folded(path), recipe, images, item.images["image_id"].tolist())


def _set_up() -> None:
    from crossgen.training import devices
    from crossgen.training.loop import set_up

    devices.take(1)
    set_up(0)


def _judges(paths: list[Path]) -> "list[Judge]":
    """Detectors ready to judge. Only a job that has something to compute imports torch."""
    import numpy as np

    from crossgen.detectors.detector import device_of
    from crossgen.detectors.folding import load_folded
    from crossgen.evaluation.scoring import Judge
    from crossgen.training.facts import device_name
    from crossgen.training.loop import score

    def ready(path: Path) -> Judge:
        detector = load_folded(path)
        return Judge(
            lambda crops: score(detector, crops, np.arange(len(crops))).astype(np.float32),
            device_name(device_of(detector)),
            detector.precision,
        )

    _set_up()
    return [ready(path) for path in paths]
