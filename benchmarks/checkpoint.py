"""What checkpoints cost: steps a second with one every minute over those with none, of the same small training.

Both take the same steps, calibrated to last `--minutes` without checkpoints. As the machine's own moods are larger than
the cost of a checkpoint, the time that went into writing them is told as well, and so is that of a large network: a
ResNet-50 with AdamW and an average of its weights. Run: python benchmarks/checkpoint.py
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import timm
import torch

from crossgen.config import Frame, Optimiser, Recipe
from crossgen.training.batches import Data
from crossgen.training.checkpoint import Checkpoints
from crossgen.training.loop import train
from crossgen.training.setting import Setting

IMAGES, SIZE, BATCH = 512, 64, 32


def data():
    random = np.random.default_rng(0)
    rows = pd.DataFrame({"image_id": [f"{place:04d}" for place in range(IMAGES)], "row": range(IMAGES), "crop": 0})
    rows = rows.assign(label=rows["row"] % 2, pool="pool", split=np.where(rows["row"] < IMAGES - 64, "train", "val"))
    return Data(random.integers(0, 256, (IMAGES, SIZE, SIZE, 3), np.uint8), rows)


def recipe(steps):
    return Recipe(
        name="small", architecture="residual", options={"model": "test_resnet"}, optimiser=Optimiser(lr=1e-3),
        frame=Frame(kind="crop", size=SIZE), steps=steps, batch_size=BATCH, precision="fp32",
    )  # fmt: skip


def trained(steps, folder=None):
    """Seconds of a training of so many steps, with a checkpoint every minute if a folder is given."""
    began = time.perf_counter()
    train(data(), recipe(steps), Setting(0, folder, checkpoint_minutes=1), log=lambda line: None)
    return time.perf_counter() - began


class Timed:
    """Seconds that went into checkpoints, and their number."""

    def __init__(self):
        self.seconds, self.count = 0.0, 0
        self._write = Checkpoints.write
        Checkpoints.write = lambda *given: self.write(*given)

    def write(self, *given):
        began = time.perf_counter()
        self._write(*given)
        self.seconds, self.count = self.seconds + time.perf_counter() - began, self.count + 1


def large(folder):
    """The state of a ResNet-50's training, written five times."""
    network = timm.create_model("resnet50", num_classes=1)
    optimiser = torch.optim.AdamW(network.parameters())
    sum(each.sum() for each in network.parameters()).backward()
    optimiser.step()
    state = {"network": network.state_dict(), "average": network.state_dict(), "optimiser": optimiser.state_dict()}
    checkpoints, seconds = Checkpoints(folder), []
    for step in range(5):
        began = time.perf_counter()
        checkpoints.write(step, state)
        seconds.append(time.perf_counter() - began)
    newest = max(folder.iterdir())
    began = time.perf_counter()
    checkpoints.newest()
    return np.median(seconds), newest.stat().st_size / 1e6, time.perf_counter() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.2, help="how long the small training lasts (default: 2.2)")
    minutes = parser.parse_args().minutes
    rate = train(data(), recipe(256), Setting(0), log=lambda line: None).history["images_per_second"].median() / BATCH
    steps = round(60 * minutes * rate)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        seconds, size, again = large(Path(folder))
        print(f"ResNet-50: {size:.0f} MB written and synced in {seconds:.2f} s, read and verified in {again:.2f} s")
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        without = steps / trained(steps)
        timed = Timed()
        every_minute = steps / trained(steps, Path(folder))
    if not timed.count:
        raise SystemExit(f"{steps} steps took less than a minute: no checkpoint was due; take more --minutes.")
    print(
        f"small network: {without:.1f} steps/s without checkpoints, {every_minute:.1f} with one every minute:", end=" "
    )
    print(f"ratio {every_minute / without:.3f}; {timed.count} checkpoints took {timed.seconds:.3f} s", end=" ")
    print(f"of {steps / every_minute:.0f} s ({timed.seconds * every_minute / steps:.3%})")


if __name__ == "__main__":
    main()
