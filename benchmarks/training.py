"""What packed crops and the engine over them save: rates of reading and of training, over those of the usual ways.

    python benchmarks/training.py [--part loader steps reencode gpu] [--seconds 8] [--rounds 3] [--threads 2]

- loader: batches of 224 px from packed crops, flipped, in this process, over the usual data set of files (Pillow opens
  a JPEG of 500 x 375, timm's transform of training cuts, resizes, flips and normalises it, torch's loader stacks them).
  Ours stay uint8: the engine normalises on the device, whose time `steps` and `gpu` count.
- steps: ResNet-18 at 96 px trained by the engine on packed crops, in its own precision (bf16 where the processor has
  it), over the usual loop: the same network in fp32 on the usual data set, read by two processes.
- reencode: the same over a loop whose fakes are PNG of 512 px, written and read as JPEG of quality 96 on every access,
  as UnbiasedGenImage does before it cuts the middle 450 px.
- gpu: images a second of the engine (crops, resident) over timm's own measure of training, one random batch that
  lies on the device for ever; and the share of what the device reaches in products of matrices. Needs CUDA.

Ours and the usual way are measured in turn, round after round; the median ratio of a round is printed, of CPU seconds
(of this process and its workers: what other jobs on the machine disturb least) and of seconds on the clock.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from clocks import Cost, Watch, clocked
from timm import create_model
from timm.layers import set_fused_attn
from torch.utils.flop_counter import FlopCounterMode
from usual import MEAN, STD, draw, loading, synthetic, training, write_files

from crossgen.config import Recipe
from crossgen.data.packed import Stacked
from crossgen.training.batches import Batch, Data, Loaded, Reader
from crossgen.training.loop import train
from crossgen.training.readers import reader_for
from crossgen.training.setting import Setting


def packed(folder: Path, n: int, size: int, noise: bool = False) -> Data:
    """n crops in one memory-mapped array, a quarter of them for validation (at most 64), every other a fake."""
    path = folder / f"{n}_{size}.npy"
    if not path.exists():
        random = np.random.default_rng(0)
        array = np.lib.format.open_memmap(path, "w+", np.uint8, (n, size, size, 3))
        for index in range(n):
            array[index] = (
                random.integers(0, 256, (size, size, 3), np.uint8) if noise else draw(index % 256, size, size)
            )
        array.flush()
    split = np.where(np.arange(n) < min(n // 4, 64), "val", "train")
    rows = pd.DataFrame({"image_id": [f"{i:06d}" for i in range(n)], "crop": 0, "row": np.arange(n), "pool": "p"})
    return Data(Stacked([path]), rows.assign(split=split, label=np.arange(n) % 2))


def recipe(model: str, size: int, batch_size: int, reading: str = "crops") -> Recipe:
    return Recipe.model_validate(
        {
            "name": "benchmark",
            "architecture": "timm",
            "options": {"model": model, "pretrained": False},
            "frame": {"kind": "crop", "size": size, "mean": MEAN, "std": STD},
            "reading": reading,
            "augment": ({"step": "flip"},),
            "optimiser": {"kind": "sgd", "lr": 0.01},
            "schedule": {"kind": "constant"},
            "steps": 10**6,
            "batch_size": batch_size,
            "select": "last",
        }
    )


def our_loader(data: Data, seconds: float) -> Cost:
    torch.set_num_threads(1)
    watch, reader = Watch(seconds), reader_for(data, recipe("resnet18", 224, 64), Setting(0), torch.device("cpu"))

    def plan() -> Iterator[Batch]:
        random = np.random.default_rng(0)
        for step in range(10**6):
            yield Batch(step // 100, step, random.integers(0, len(data.index), 64))

    return clocked(watch, lambda: [None for _ in watch.passes(reader.train(plan()), 64)])


@dataclass
class Watched:
    """A reader under the watch: the engine asks for a batch when it is through with the one before."""

    reader: Reader
    watch: Watch
    size: int

    def train(self, batches: Iterable[Batch]) -> Iterator[Loaded]:
        return self.watch.passes(self.reader.train(batches), self.size)

    def validation(self, rows: np.ndarray, batch_size: int = 64) -> Iterator[Loaded]:
        return self.reader.validation(rows, batch_size)  # 64 images an epoch: half a percent


def our_training(data: Data, told: Recipe, seconds: float, workers: int = 0) -> Cost:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    setting = Setting(0, workers=workers)
    watch = Watch(seconds, device)
    reader = Watched(reader_for(data, told, setting, device), watch, told.batch_size)
    return clocked(watch, lambda: train(data, told, setting, lambda line: None, reader))


def compare(what: str, aim: str, rounds: int, ours: Callable[[], Cost], theirs: Callable[[], Cost]) -> None:
    """Measure both in turn, and print the median ratio of a round."""
    told = [(ours(), theirs()) for _ in range(rounds)]
    for place, name in enumerate(Cost._fields):
        mine, usual = (statistics.median(each[side][place] for each in told) for side in (0, 1))
        ratio = statistics.median(b[place] / a[place] for a, b in told)
        rates = f"ours {1000 * mine:.3f} ms an image, the usual way {1000 * usual:.3f} ms"
        print(f"{what}, {name} seconds: {ratio:.2f}x ({rates}; aim {aim})", flush=True)


def loader(options: argparse.Namespace, root: Path) -> None:
    paths, data = write_files(root, options.images), packed(root, max(options.images, 1024), 224)
    compare(
        "loader", ">= 20", options.rounds,
        lambda: our_loader(data, options.seconds),
        lambda: loading(paths, options.seconds),
    )  # fmt: skip


def steps(options: argparse.Namespace, root: Path, reencode: bool = False) -> None:
    paths, data = write_files(root, options.images), packed(root, 4096, 96)
    told = recipe("resnet18", 96, 64)
    compare(
        "ResNet-18 at 96 px, re-encoding each epoch" if reencode else "ResNet-18 at 96 px", ">= 2", options.rounds,
        lambda: our_training(data, told, options.seconds),
        lambda: training(paths, options.seconds, options.threads, reencode),
    )  # fmt: skip


def gpu(options: argparse.Namespace, root: Path) -> None:
    """Ours over timm's rate on random images, and both over the peak."""
    if not torch.cuda.is_available():
        print("gpu: there is none here")
        return
    torch.zeros(1, device="cuda")
    data = packed(root, 16384, 224, noise=True)
    workers = max(1, (os.cpu_count() or 1) - 2)
    peak = peak_rate()
    print(f"{torch.cuda.get_device_name()}: {peak / 1e12:.0f} Tflop/s in products of matrices (bf16, 8192 x 8192)")
    for model, batch_size in (("resnet50", 256), ("swin_tiny_patch4_window7_224", 256)):
        flops = flops_of(model)
        for reading, count in (("crops", 0), ("crops", workers), ("resident", 0)):
            told = recipe(model, 224, batch_size, reading)
            pairs = [
                (our_training(data, told, options.seconds, count).wall, synthetic(model, batch_size, options.seconds))
                for _ in range(options.rounds)
            ]
            ratio = statistics.median(theirs / ours for ours, theirs in pairs)
            rate = 1 / statistics.median(ours for ours, _ in pairs)
            usual = 1 / statistics.median(theirs for _, theirs in pairs)
            print(
                f"{model}, batches of {batch_size}, {reading}, {count} workers: {ratio:.2f} of timm's rate on random"
                f" images (ours {rate:,.0f}, timm's {usual:,.0f} images/s; aim >= 0.9),"
                f" {rate * flops / peak:.0%} of the peak",
                flush=True,
            )


def flops_of(model: str) -> float:
    """Floating point operations of one image, forward and backward (a multiplication and an addition are two)."""
    set_fused_attn(False)  # the counter does not see into a fused one
    network, images = create_model(model, num_classes=1), torch.randn(1, 3, 224, 224)
    with FlopCounterMode(display=False) as counter:
        network(images).sum().backward()
    set_fused_attn(True)
    return float(counter.get_total_flops())


def peak_rate() -> float:
    """Operations a second of a bf16 product of two matrices 8192 x 8192: the best of twenty."""
    a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    best = float("inf")
    for _ in range(20):
        torch.cuda.synchronize()
        began = time.perf_counter()
        for _ in range(10):
            a @ b
        torch.cuda.synchronize()
        best = min(best, (time.perf_counter() - began) / 10)
    return 2 * 8192**3 / best


PARTS = {
    "loader": loader,
    "steps": steps,
    "reencode": lambda options, root: steps(options, root, reencode=True),
    "gpu": gpu,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS), help="what to measure (default: all)")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement (default: 8)")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each (default: 3)")
    parser.add_argument("--threads", type=int, default=2, help="of a training on the processor (default: 2)")
    parser.add_argument("--images", type=int, default=256, help="files that the usual way reads (default: 256)")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)  # what the engine goes by
    print(f"torch {torch.__version__}, {options.threads} threads on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        for part in options.part:
            PARTS[part](options, Path(folder))


if __name__ == "__main__":
    main()
