"""Judging in bf16 over float32 on a processor: see benchmarks/evaluation.py."""

import argparse
import copy
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import torch
from cube import detector_of, finished
from sklearn.metrics import roc_auc_score

from crossgen.config import Recipe, loading
from crossgen.data.packed import Stacked
from crossgen.detectors.detector import Detector, load, prepare
from crossgen.detectors.folding import folded
from crossgen.evaluation.cells import Store
from crossgen.training.batches import Data
from crossgen.training.loop import score, train
from crossgen.training.setting import Setting
from training import packed, recipe

ROOT = Path(__file__).parents[1]
TRAIN_SET = "realesrgan"
STEPS, MOST = 150, 3200


def precision(options: argparse.Namespace, root: Path) -> None:
    torch.set_num_threads(1)
    results = finished(options.results)
    pictures, labels = test_pictures(results)
    crops = packed(root, 256, 96).crops[np.arange(256)]
    ours = load(detector_of(results, TRAIN_SET))
    plain = prepare(recipe("resnet18", 96, 32)).eval()  # the rate does not go by the weights
    networks = {"ResNet-18": (plain, briefly_trained(results)), "the mini recipe's": (ours, ours)}
    for name, (timed, detector) in networks.items():
        if not detector.bf16:
            print(f"{name}: this processor has no bf16, or the network is not run in it here")
            continue
        ratios = [rate(both(timed), crops, options.seconds) for _ in range(options.rounds)]
        ratio, fast, slow = (statistics.median(each) for each in zip(*ratios, strict=True))
        one, other = (judged(form, pictures) for form in both(detector))
        aucs = [roc_auc_score(labels, each) for each in (one, other)]
        print(
            f"{name} at 96 px, one thread: bf16 {ratio:.2f}x float32 ({fast:,.0f} and {slow:,.0f} images/s; aim >= 3"
            f" of ResNet-18); ROC-AUC {aucs[0]:.4f} and {aucs[1]:.4f}, |difference| {abs(aucs[0] - aucs[1]):.1e} at n ="
            f" {len(labels):,} (aim < 1e-3), |logit| apart {np.abs(one - other).max():.3f} at most, their deviation"
            f" {other.std():.2f}",
            flush=True,
        )


def test_pictures(results: Path) -> tuple[np.ndarray, np.ndarray]:
    """Test pictures of the finished run under all conditions, every n-th of them, with their labels."""
    generators = [d.name for d in loading.load([ROOT / "config" / "mini.yaml"]).test_sets if d.fake and d.real]
    store, parts, labels = Store(results / "cells" / "pixels"), [], []
    for pool in ["photographs", *generators]:
        for name in sorted(set(pq.read_table(results / "rendered" / pool / "0.parquet")["cell"].to_pylist())):
            parts.append(np.asarray(store.read(name)))
            labels += [int(pool != "photographs")] * len(parts[-1])
    every = max(1, len(labels) // MOST)
    return np.concatenate(parts)[::every], np.array(labels)[::every]


def briefly_trained(results: Path) -> Detector:
    """A ResNet-18 of high-pass residuals, which soon tells many fakes from reals: what rounding does to ROC-AUC is seen
    where there is one to lose."""
    changes = {"architecture": "residual", "options": {"model": "resnet18"}, "steps": STEPS}
    told: Recipe = recipe("resnet18", 96, 32).model_copy(update=changes)
    trained = train(of_all_generators(results), told, Setting(0), lambda line: None)
    detector = prepare(told)
    detector.load_state_dict(trained.state, strict=True)
    return detector.eval()


def of_all_generators(results: Path) -> Data:
    """Training crops of every generator, and of the photographs that one of them is trained against."""
    crops, rows = [], []
    for place, folder in enumerate(sorted(path for path in (results / "crops" / "raw").iterdir())):
        packing = next(path for path in folder.iterdir() if path.is_dir())
        index = pq.read_table(packing / "index.parquet").to_pandas()
        index = index[(index["label"] == 1) | (place == 0)]
        crops.append(Stacked(sorted(packing.glob("*/crops.npy")))[index["row"].to_numpy()])
        rows.append(index)
    joined = pd.concat(rows, ignore_index=True)
    return Data(np.concatenate(crops), joined.assign(row=range(len(joined))))


def both(detector: Detector) -> tuple[Detector, Detector]:
    """As score_images judges in bf16, and in float32."""
    exact = copy.deepcopy(detector)
    exact.bf16 = False
    return folded(detector, 96), exact


def rate(forms: tuple[Detector, ...], crops: np.ndarray, seconds: float) -> tuple[float, float, float]:
    """Ratio, and images a processor second in bf16 and in float32, in turn."""
    rates = [_rate(lambda form=form: judged(form, crops), len(crops), seconds) for form in forms]
    return rates[0] / rates[1], rates[0], rates[1]


def _rate(work: Callable[[], object], count: int, seconds: float) -> float:
    work()
    began, done = time.process_time(), 0
    while time.process_time() - began < seconds:
        work()
        done += count
    return done / (time.process_time() - began)


def judged(detector: Detector, crops: np.ndarray) -> np.ndarray:
    return score(detector, crops, np.arange(len(crops)))
