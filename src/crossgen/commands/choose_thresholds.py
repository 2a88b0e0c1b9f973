"""Choose thresholds and temperatures on validation images, and see what they come to on test images."""

import argparse
import json
from pathlib import Path

#: It may be replayed, and reads this of the manifests (see `crossgen.replay.steps`).
REPLAYED = "tested"
EXAMPLE = """crossgen choose-thresholds --validation validation.parquet --validated validated.parquet \\
    --scores scores.parquet --manifests photographs.parquet biggan.parquet \\
    --tests '{"test_sets": [{"name": "biggan", "fake": "biggan", "real": "photographs"}]}' \\
    --thresholds thresholds.parquet --operating-points operating_points.parquet --reliability reliability.parquet"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--validation", required=True, type=Path, nargs="+", help="logits of validation images")
    parser.add_argument("--validated", required=True, type=Path, nargs="+", help="how many they are of each detector")
    parser.add_argument("--scores", required=True, type=Path, nargs="+", help="scores of all detectors and ensembles")
    parser.add_argument("--manifests", required=True, type=Path, nargs="+", help="manifests of the tested pools")
    parser.add_argument("--tests", required=True, help="JSON of the config's test_sets and statistics")
    parser.add_argument(
        "--ensembles", default="{}", help='JSON: {"<experiment>/<train set>/seed<seed>": the same of its members}'
    )
    parser.add_argument("--unproven", action="store_true", help="take scores that do not tell what they were made of")
    parser.add_argument("--thresholds", required=True, type=Path, help="thresholds to write (Parquet)")
    parser.add_argument("--operating-points", required=True, type=Path, help="what they come to, to write (Parquet)")
    parser.add_argument("--reliability", required=True, type=Path, help="bins of P(fake), to write (Parquet)")


def run(options: argparse.Namespace) -> None:
    """Write thresholds, operating points and reliability."""

    from crossgen import records
    from crossgen.config import Judging
    from crossgen.evaluation import provenance
    from crossgen.evaluation.judged import Judged, tested_facts
    from crossgen.evaluation.operating import operating_points
    from crossgen.evaluation.own_images import validations
    from crossgen.evaluation.thresholds import choose, threshold_rows

    scored = provenance.check(options.scores, options.manifests, options.unproven)
    tests = Judging.model_validate_json(options.tests)
    facts = tested_facts(options.manifests)
    rows = records.read_all(options.validation, records.VALIDATION).to_pandas()
    counts = records.read_all(options.validated, records.VALIDATED).to_pandas()
    provenance.refuse_other_weights(counts.to_dict("records"), scored)
    found = validations(rows, counts, json.loads(options.ensembles), set(facts["image_id"]))
    thresholds = {detector: choose(each, tests.statistics) for detector, each in found.items()}
    chosen = threshold_rows(found, thresholds)
    judged = Judged.of(records.read_all(options.scores, records.SCORES).to_pandas(), facts, tests.test_sets)
    points = operating_points(judged, thresholds, tests.test_sets, tests.statistics)
    for path, told, schema in (
        (options.thresholds, chosen, records.THRESHOLDS),
        (options.operating_points, points.rows, records.OPERATING_POINTS),
        (options.reliability, points.bins, records.RELIABILITY),
    ):
        records.write(path, records.from_rows(told, schema), schema)
    print(f"{options.thresholds}: {len(chosen)} thresholds; {options.operating_points}: {len(points.rows)} numbers")
