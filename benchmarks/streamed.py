"""A cube streamed from files to logits on a GPU: see benchmarks/evaluation.py."""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import torch

from crossgen.detectors.detector import Detector, prepare
from crossgen.evaluation import render, scoring
from crossgen.evaluation.cells import Store
from crossgen.training.loop import score
from training import recipe

TESTED, FILES, JUDGES = 100_000, 2000, 8


def gpu(options: argparse.Namespace, root: Path) -> None:
    """Ours over what the GPU judges of pictures that lie in its memory, in the same batches."""
    if not torch.cuda.is_available():
        raise SystemExit("gpu: PyTorch sees no CUDA device here. Run `--part gpu` on a machine that has one.")
    import evaluation  # it imports this module

    torch.set_num_threads(1)
    told = evaluation.write(root / "files", (500, 375), FILES)
    turns = [number % FILES for number in range(TESTED)]
    ids = tuple(f"{number:06d}" for number in range(TESTED))
    images = render.Images(ids, tuple(told.paths[turn] for turn in turns), "benchmark", 0)
    detectors = [prepare(recipe("resnet50", 224, 64)).eval() for _ in range(JUDGES)]
    own = resident(detectors[0])
    steps = evaluation.steps_of(evaluation.SEVEN)
    tasks = [
        scoring.Task(images, evaluation.FRAME, todo, f"{n:032d}", tuple((j, f"{n:030d}{j:02d}") for j in range(JUDGES)))
        for n, todo in enumerate(steps.values())
    ]
    judges = [judge(each) for each in detectors]
    threads = os.cpu_count() or 1
    began = time.perf_counter()
    scoring.score(tasks, judges, scoring.Stores(Store(root / "pixels"), Store(root / "logits")), threads)
    torch.cuda.synchronize()
    seconds = time.perf_counter() - began
    logits = TESTED * len(tasks) * JUDGES
    print(
        f"{torch.cuda.get_device_name()}, {threads} threads: {TESTED:,} images ({FILES:,} files in turn) x {len(tasks)}"
        f" conditions x {JUDGES} ResNet-50 in {seconds:.0f} s: {TESTED / seconds:,.0f} images/s,"
        f" {logits / seconds:,.0f} logits/s, {logits / seconds / own:.0%} of the GPU's own {own:,.0f}",
        flush=True,
    )


def judge(detector: Detector) -> scoring.Judge:
    return scoring.Judge(
        lambda crops: score(detector, crops, np.arange(len(crops))).astype(np.float32),
        torch.cuda.get_device_name(),
        detector.precision,
    )


@torch.inference_mode()
def resident(detector: Detector, batch: int = 64, batches: int = 200) -> float:
    """Logits a second of one batch that lies on the device for ever."""
    crops = torch.randint(0, 256, (batch, 224, 224, 3), dtype=torch.uint8, device="cuda")
    for _ in range(10):
        detector(crops)
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(batches):
        detector(crops)
    torch.cuda.synchronize()
    return batch * batches / (time.perf_counter() - began)
