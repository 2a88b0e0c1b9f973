"""Score an ensemble."""

import argparse
from pathlib import Path

EXAMPLE = """crossgen average-scores --scores raw.parquet unbiased.parquet --experiment both \\
    --train-set biggan --seed 0 --output scores.parquet"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--scores", required=True, type=Path, nargs="+", help="scores of the members, one file each")
    parser.add_argument("--experiment", required=True, help="name of the ensemble")
    parser.add_argument("--train-set", required=True, help="train set that it stands for")
    parser.add_argument("--seed", required=True, type=int, help="seed that it stands for")
    parser.add_argument("--unproven", action="store_true", help="take scores that do not tell what they were made of")
    parser.add_argument("--output", required=True, type=Path, help="scores to write (Parquet)")


def run(options: argparse.Namespace) -> None:
    """Write the mean logit of every image that all members scored."""
    from crossgen import records
    from crossgen.evaluation import provenance
    from crossgen.evaluation.averages import average, named

    told = provenance.check(options.scores, [], options.unproven)
    averaged = average([records.read(path, records.SCORES) for path in options.scores])
    scores = named(averaged.scores, options.experiment, options.train_set, options.seed)
    records.write(options.output, scores, records.SCORES, None if options.unproven else told.model_dump())
    print(
        f"{options.output}: {scores.num_rows} scores of {len(options.scores)} detectors;"
        f" {averaged.lost} (image, condition) left out, which not all of them scored"
    )
