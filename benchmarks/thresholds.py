"""Thresholds and operating points at the size of GenImage's matrix: seconds of one core, and memory.

    python benchmarks/thresholds.py        16 detectors x 9 conditions x 8 test sets of 12,000 images: a minute, 1 GB

Logits are drawn at random; so are validation images, 5,000 of each label a detector. Reading and writing of tables is
not in it.
"""

import resource
import time

import numpy as np
import pandas as pd

from crossgen.config import Statistics, TestSet
from crossgen.evaluation.judged import Judge, Judged
from crossgen.evaluation.operating import operating_points
from crossgen.evaluation.own_images import Validation
from crossgen.evaluation.thresholds import choose

EXPERIMENTS, GENERATORS, CONDITIONS, IMAGES, VALIDATION = 2, 8, 9, 12_000, 5_000


def judged(rng: np.random.Generator) -> tuple[Judged, list[TestSet]]:
    """Test images of all generators, each an image of its own, and what every detector says of all."""
    names = [f"g{number}" for number in range(GENERATORS)]
    tests = [TestSet(name=name, fake=name, real=f"{name}_real") for name in names]
    labels = np.tile(np.repeat([1, 0], IMAGES // 2), GENERATORS)
    rows = {name: np.arange(place * IMAGES, (place + 1) * IMAGES) for place, name in enumerate(names)}
    n = len(labels)
    judges = [
        Judge(f"e{experiment}", name, 0, f"c{condition}")
        for experiment in range(EXPERIMENTS)
        for name in names
        for condition in range(CONDITIONS)
    ]
    logits = {judge: rng.normal(1.2 * labels, 1).astype(np.float32).astype(np.float64) for judge in judges}
    groups = np.array([f"i{number}" for number in range(n)], dtype=object)
    return Judged(labels, np.arange(n), groups, np.zeros(n, np.int64), rows, logits), tests


def validation(rng: np.random.Generator) -> Validation:
    """Validation images of a detector."""
    labels = np.repeat([0, 1], VALIDATION)
    names = [f"v{number}" for number in range(len(labels))]
    logits = rng.normal(1.2 * labels, 1)
    rows = {"image_id": names, "group": names, "stratum": "a", "label": labels, "logit": logits}
    return Validation.of(pd.DataFrame(rows))


def main() -> None:
    """Measure and print."""
    rng, statistics = np.random.default_rng(0), Statistics()
    told, tests = judged(rng)
    begin = time.process_time()
    thresholds = {detector: choose(validation(rng), statistics) for detector in told.detectors()}
    chosen = time.process_time()
    points = operating_points(told, thresholds, tests, statistics)
    ended = time.process_time()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"thresholds of {len(thresholds)} detectors: {chosen - begin:.1f} s")
    print(f"{len(points.rows):,} numbers of {len(told.logits) * len(tests):,} cells: {ended - chosen:.1f} s")
    print(f"together {ended - begin:.1f} s of one core; {memory:.2f} GB")


if __name__ == "__main__":
    main()
