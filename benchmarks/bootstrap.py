"""Bootstrap of a whole matrix: seconds of the compiled kernel, and of NumPy and scikit-learn on a stated sample of it.

GenImage's full cube of one recipe is 8 train sets x 7 conditions on 8 test sets: 448 cells of 12,000 images, with 1,000
replicates each, of accuracy, balanced accuracy, ROC-AUC and average precision. Both processors work on the kernel's
cells; NumPy and scikit-learn run on one, on `--sample` cells (scikit-learn on as few replicates), and are scaled up.
The numbers of the sample must be equal. Run: python benchmarks/bootstrap.py [--images 12000]
"""

import argparse
import os
import time
from dataclasses import replace

import numpy as np

from crossgen.config import Statistics
from crossgen.evaluation.judged import Judge, Judged
from crossgen.evaluation.resampling import RESAMPLED, Resampler

JUDGES, TEST_SETS = 56, 8
METRICS = tuple(RESAMPLED)


def drawn(images):
    """Logits of detectors of all qualities on eight test sets; two images of a photograph, ties as float32 has them."""
    rng = np.random.default_rng(0)
    n = images * TEST_SETS
    labels = np.tile(np.repeat([0, 1], images // 2), TEST_SETS)
    groups = np.arange(n) // 2
    names = np.array([f"photograph{group}" for group in groups], dtype=object)
    rows = {f"generator{k}": np.arange(k * images, (k + 1) * images) for k in range(TEST_SETS)}
    logits = {
        Judge("raw", f"train{k}", 0, "clean"): (rng.normal(size=n) + labels * rng.uniform(0.2, 3))
        .astype(np.float32)
        .astype(np.float64)
        for k in range(JUDGES)
    }
    return Judged(labels, groups, names, np.zeros(n, dtype=np.int64), rows, logits)


def vectors(judged, test_set):
    return [each[judged.rows[test_set]] for each in judged.logits.values()]


def whole(resampler):
    """Seconds for all cells; not counted: the first call, which loads or compiles the kernel."""
    judged = resampler.judged
    small = Statistics(replicates=100)
    replace(resampler, statistics=small).replicates("generator0", vectors(judged, "generator0")[:1], METRICS)
    began = time.perf_counter()
    for test_set in judged.rows:
        resampler.replicates(test_set, vectors(judged, test_set), METRICS)
    return time.perf_counter() - began


def with_numpy(resampler, sample):
    """Seconds a cell; raises if a number differs."""
    cells = vectors(resampler.judged, "generator0")[:sample]
    plain = replace(resampler, compiled=False)
    began = time.perf_counter()
    expected = plain.replicates("generator0", cells, METRICS)
    seconds = (time.perf_counter() - began) / sample
    found = resampler.replicates("generator0", cells, METRICS)
    worst = float(np.abs(found - expected).max())
    assert worst < 1e-12, f"kernel and NumPy differ by {worst}"
    return seconds, worst


def with_scikit_learn(resampler, sample):
    """Seconds a cell of all replicates, from a few."""
    from sklearn import metrics as oracle

    rows = resampler.judged.rows["generator0"]
    labels, logits = resampler.judged.labels[rows], vectors(resampler.judged, "generator0")[0]
    weights = next(resampler._blocks(rows))[:sample].astype(np.float64)
    found = resampler.replicates("generator0", [logits], METRICS)[0][:, :sample]
    began = time.perf_counter()
    for place, weight in enumerate(weights):
        told = {"sample_weight": weight}
        even = weight / np.where(labels == 1, weight[labels == 1].sum(), weight[labels == 0].sum())
        expected = [
            oracle.accuracy_score(labels, logits > 0, **told),
            oracle.balanced_accuracy_score(labels, logits > 0, **told),
            oracle.roc_auc_score(labels, logits, **told),
            oracle.average_precision_score(labels, logits, sample_weight=even),
        ]
        assert np.allclose(found[:, place], expected, rtol=0, atol=1e-9), "scikit-learn gives other numbers"
    return (time.perf_counter() - began) / sample * resampler.statistics.replicates


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=12_000)
    parser.add_argument("--replicates", type=int, default=1_000)
    parser.add_argument("--sample", type=int, default=4, help="cells of NumPy, replicates of scikit-learn")
    options = parser.parse_args()
    threads, cells = min(2, os.cpu_count() or 1), JUDGES * TEST_SETS
    statistics = Statistics(replicates=options.replicates)
    resampler = Resampler(drawn(options.images), statistics, compiled=True, threads=threads)
    seconds = whole(resampler)
    print(f"{cells} cells of {options.images:,} images, {options.replicates:,} replicates, {len(METRICS)} metrics:")
    print(f"  kernel, {threads} threads   {seconds:8.1f} s")
    reference, worst = with_numpy(resampler, options.sample)
    told = f"from {options.sample} cells, largest difference {worst:.0e}"
    print(f"  NumPy              {reference * cells:8.1f} s  x{reference * cells / seconds:.0f}  ({told})")
    loops = with_scikit_learn(resampler, options.sample)
    told = f"from {options.sample} replicates of one cell"
    print(f"  scikit-learn       {loops * cells:8.1f} s  x{loops * cells / seconds:.0f}  ({told})")


if __name__ == "__main__":
    main()
