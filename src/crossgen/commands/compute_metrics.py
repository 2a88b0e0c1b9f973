"""Metrics with intervals, and paired differences."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

EXAMPLE = """crossgen compute-metrics --scores scores.parquet --manifests photographs.parquet biggan.parquet \\
    --tests '{"test_sets": [{"name": "biggan", "fake": "biggan", "real": "photographs"}]}' \\
    --metrics metrics.parquet --differences differences.parquet"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--scores", required=True, type=Path, nargs="+", help="scores of all detectors")
    parser.add_argument("--manifests", required=True, type=Path, nargs="+", help="manifests of the tested pools")
    parser.add_argument("--tests", required=True, help="JSON of the config's test_sets, comparisons, statistics")
    parser.add_argument("--train-generators", default="{}", help="JSON: train set to its generator, where single")
    parser.add_argument("--metrics", required=True, type=Path, help="metrics to write (Parquet)")
    parser.add_argument("--differences", required=True, type=Path, help="paired differences to write (Parquet)")


def run(options: argparse.Namespace) -> None:
    """Write metrics and differences."""
    import pandas as pd
    import pyarrow as pa

    from crossgen import records
    from crossgen.config import Judging
    from crossgen.evaluation.metrics import compare, compute_metrics

    tests = Judging.model_validate_json(options.tests)
    scores = records.read_all(options.scores, records.SCORES).to_pandas()
    facts = pd.concat([_tested(path) for path in options.manifests], ignore_index=True)
    generators = json.loads(options.train_generators)
    metrics = compute_metrics(scores, facts, tests.test_sets, generators, tests.statistics)
    differences = compare(scores, facts, tests.test_sets, tests.comparisons, tests.statistics)
    records.write(options.metrics, pa.Table.from_pandas(metrics, preserve_index=False), records.METRICS)
    records.write(options.differences, pa.Table.from_pandas(differences, preserve_index=False), records.DIFFERENCES)
    print(f"{options.metrics}: {len(metrics)} numbers; {options.differences}: {len(differences)} differences")


def _tested(path: Path) -> "pd.DataFrame":
    """The test images of a pool: training images are ten times as many, and not judged."""
    import pyarrow.compute as pc

    from crossgen import records
    from crossgen.evaluation.judged import FACTS

    rows = records.read(path, records.MANIFEST, FACTS)
    tested: pd.DataFrame = rows.filter(pc.equal(rows["split"], "test")).to_pandas()
    return tested
