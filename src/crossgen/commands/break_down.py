"""Rates by class, quality and size; by content; how far detectors agree; what is behind each cell; hardest images."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

#: It may be replayed, and reads this of the manifests (see `crossgen.replay.steps`).
REPLAYED = "all"
EXAMPLE = """crossgen break-down --scores scores/*.parquet --manifests photographs.parquet biggan.parquet \\
    --metrics metrics.parquet --tests '{"test_sets": [{"name": "biggan", "fake": "biggan", "real": "photographs"}],
    "matrix_conditions": ["clean"]}' \\
    --learned '[["raw", "biggan", ["biggan", "photographs"], ["subsets/raw/biggan.parquet"]]]' \\
    --breakdowns breakdowns.parquet --correlations correlations.parquet \\
    --disagreements disagreements.parquet --hardest hardest.parquet"""
TABLES = ("breakdowns", "correlations", "disagreements", "hardest")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--scores", required=True, type=Path, nargs="+", help="scores of all detectors")
    parser.add_argument("--manifests", required=True, type=Path, nargs="+", help="manifests of the tested pools")
    parser.add_argument("--metrics", required=True, type=Path, help="metrics (crossgen compute-metrics)")
    parser.add_argument(
        "--tests", required=True, help="JSON of the config's test_sets, matrix_conditions, statistics, breakdowns"
    )
    parser.add_argument(
        "--learned",
        default="[]",
        help="JSON list of [experiment, train set, pools it learned from, selections]: for relative sizes and for own"
        " images among the hardest",
    )
    parser.add_argument("--unproven", action="store_true", help="take scores that do not tell what they were made of")
    parser.add_argument("--roots", default="{}", help="JSON: pool to the folder of its images, for the gallery")
    parser.add_argument("--pictures", type=Path, help="hardest images of an earlier run: the gallery is taken from it")
    for name in TABLES:
        parser.add_argument(f"--{name}", required=True, type=Path, help=f"{name} to write (Parquet)")
    parser.add_argument("--contents", type=Path, help="numbers by group of content classes to write (Parquet)")
    parser.add_argument("--curves", type=Path, help="ROC, calibration and logits of every cell to write (Parquet)")
    parser.add_argument("--misjudged", type=Path, help="worst classes and images of every cell to write (Parquet)")
    parser.add_argument("--cell-pictures", type=Path, help="the latter of an earlier run: its pictures are taken")


def run(options: argparse.Namespace) -> None:
    """Write the tables."""
    import pyarrow as pa

    from crossgen import records
    from crossgen.config import Judging
    from crossgen.evaluation import provenance
    from crossgen.evaluation.agreement import correlate, disagree
    from crossgen.evaluation.answers import read_answers
    from crossgen.evaluation.breakdowns import break_down
    from crossgen.evaluation.cell_curves import cell_curves
    from crossgen.evaluation.contents import contents, learned_groups
    from crossgen.evaluation.hardest import hardest, with_pictures_of, with_thumbnails
    from crossgen.evaluation.misjudged import misjudged, pictured, pictured_as

    provenance.check(options.scores, options.manifests, options.unproven)
    tests = Judging.model_validate_json(options.tests)
    level, told = tests.statistics.level, tests.breakdowns
    answers = read_answers(options.scores, options.manifests, tests.test_sets, tests.matrix_conditions)
    metrics = records.read(options.metrics, records.METRICS).to_pandas()
    learned = json.loads(options.learned)
    roots = {name: Path(root) for name, root in json.loads(options.roots).items()} if told.gallery else {}
    found = hardest(answers, {(row[0], row[1]): row[2] for row in learned}, told.hardest)
    earlier = records.read(options.pictures, records.HARDEST).to_pandas() if options.pictures else None
    shown = with_thumbnails(found, roots) if earlier is None else with_pictures_of(found, earlier)
    tables = {
        "breakdowns": break_down(answers, _sides(learned), told, level),
        "correlations": correlate(metrics, [item.name for item in answers.seen], tests.matrix_conditions, level),
        "disagreements": disagree(answers, level),
        "hardest": shown.drop(columns="path"),
    }
    if options.contents:
        of_groups = learned_groups(_selected(learned), told.class_groups) if told.class_groups else {}
        tables["contents"] = contents(answers, of_groups, told.class_groups, level)
    if options.curves:
        tables["curves"] = cell_curves(answers)
    if options.misjudged:
        errors = misjudged(answers, told, level)
        taken = records.read(options.cell_pictures, records.MISJUDGED).to_pandas() if options.cell_pictures else None
        drawn = pictured(errors, roots) if taken is None else pictured_as(errors, taken)
        tables["misjudged"] = drawn.drop(columns="path")
    for name, table in tables.items():
        path = getattr(options, name)
        written = pa.Table.from_pandas(table, preserve_index=False)
        records.write(path, written, getattr(records, name.upper()))
        print(f"{path}: {len(table)} rows")


def _selected(learned: list[tuple[str, str, list[str], list[str]]]) -> dict[tuple[str, str], "pd.DataFrame"]:
    """Classes of the images that each train set learned from."""
    import pandas as pd
    import pyarrow.compute as pc

    from crossgen import records

    columns = ("class_index", "class_synset", "class_name")
    return {
        (experiment, train_set): pd.concat(
            [
                records.read(Path(path), records.SELECTION, columns, pc.field("split") == "train").to_pandas()
                for path in paths
            ]
        )
        for experiment, train_set, _, paths in learned
        if paths
    }


def _sides(learned: list[tuple[str, str, list[str], list[str]]]) -> dict[tuple[str, str], float]:
    """S of what each train set's selections hold, together (an ensemble has one a member)."""
    import pandas as pd
    import pyarrow.compute as pc

    from crossgen import records
    from crossgen.evaluation.bins import median_side

    columns = ("label", "split", "width", "height")
    fakes = (pc.field("label") == 1) & (pc.field("split") == "train")
    sides = {}
    for experiment, train_set, _, selections in learned:
        parts = [records.read(Path(path), records.SELECTION, columns, fakes).to_pandas() for path in selections]
        sides[experiment, train_set] = median_side(pd.concat(parts)) if parts else float("nan")
    return sides
