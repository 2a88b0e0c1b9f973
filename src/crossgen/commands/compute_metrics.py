"""Metrics with intervals, and paired differences."""

import argparse
import json
from pathlib import Path

#: It may be replayed, and reads this of the manifests (see `crossgen.replay.steps`).
REPLAYED = "tested"
EXAMPLE = """crossgen compute-metrics --scores scores.parquet --manifests photographs.parquet biggan.parquet \\
    --tests '{"test_sets": [{"name": "biggan", "fake": "biggan", "real": "photographs"}]}' \\
    --metrics metrics.parquet --differences differences.parquet --seed-means seed_means.parquet"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--scores", required=True, type=Path, nargs="+", help="scores of all detectors")
    parser.add_argument("--manifests", required=True, type=Path, nargs="+", help="manifests of the tested pools")
    parser.add_argument("--tests", required=True, help="JSON of the config's test_sets, comparisons, statistics")
    parser.add_argument("--train-generators", default="{}", help="JSON: train set to its generator, where single")
    parser.add_argument("--unproven", action="store_true", help="take scores that do not tell what they were made of")
    parser.add_argument("--metrics", required=True, type=Path, help="metrics to write (Parquet)")
    parser.add_argument("--differences", required=True, type=Path, help="paired differences to write (Parquet)")
    parser.add_argument("--seed-means", required=True, type=Path, help="means over several seeds to write (Parquet)")


def run(options: argparse.Namespace) -> None:
    """Write metrics and differences."""
    import pyarrow as pa

    from crossgen import records
    from crossgen.config import Judging
    from crossgen.evaluation import provenance
    from crossgen.evaluation.comparisons import compare
    from crossgen.evaluation.judged import tested_facts
    from crossgen.evaluation.metrics import compute_metrics
    from crossgen.evaluation.seeds import seed_means

    provenance.check(options.scores, options.manifests, options.unproven)
    tests = Judging.model_validate_json(options.tests)
    scores = records.read_all(options.scores, records.SCORES).to_pandas()
    facts = tested_facts(options.manifests)
    generators = json.loads(options.train_generators)
    metrics = compute_metrics(scores, facts, tests.test_sets, generators, tests.statistics)
    differences = compare(scores, facts, tests.test_sets, tests.comparisons, tests.statistics)
    means = seed_means(metrics, differences, tests.test_sets, tests.statistics.level)
    tables = {
        options.metrics: (metrics, records.METRICS),
        options.differences: (differences, records.DIFFERENCES),
        options.seed_means: (means, records.SEED_MEANS),
    }
    for path, (table, schema) in tables.items():
        records.write(path, pa.Table.from_pandas(table, preserve_index=False), schema)
    told = f"{options.metrics}: {len(metrics)} numbers; {options.differences}: {len(differences)} differences"
    print(f"{told}; {options.seed_means}: {len(means)} means over seeds")
