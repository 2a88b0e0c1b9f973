"""The training loop: a fixed number of steps on class-balanced batches, the best epoch chosen on val."""

import copy
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor, nn

from crossgen.config import Optimiser, Recipe
from crossgen.data.packed import Stacked
from crossgen.detectors.detector import Detector, device_of, prepare
from crossgen.progress import Meter
from crossgen.training.augment import augment
from crossgen.training.batches import Data as Data
from crossgen.training.sampling import Pool, batches, keys

#: Raised when the weights that come out change.
VERSION = 1

Crops = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Trained:
    """Weights kept, and the history: one row an epoch (epoch, step, train_loss, val_loss, kept)."""

    state: dict[str, Tensor]
    history: pd.DataFrame


def set_up(seed: int) -> None:
    """Make runs repeatable: seeded weights, deterministic kernels, as many threads as OMP_NUM_THREADS says (else 1)."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))


def train(data: Data, recipe: Recipe, seed: int, log: Callable[[str], None] = print) -> Trained:
    """Train one detector. Raises ValueError for data without both labels or with rows of another split."""
    set_up(seed)
    detector = prepare(recipe)
    precision = "bf16" if detector.bf16 else "fp32"
    log(f"device={device_of(detector)} precision={precision} threads={torch.get_num_threads()}")
    optimiser, schedule = _optimiser(detector, recipe.optimiser, int(recipe.steps or 0), 0.1)
    rows: list[dict[str, float]] = []
    best, kept = float("inf"), copy.deepcopy(detector.state_dict())
    step = 0
    for epoch, losses in enumerate(_losses(detector, optimiser, schedule, _epochs(data, recipe, seed), recipe)):
        loss, step = validation_loss(detector, data), step + len(losses)
        rows.append({"epoch": epoch, "step": step, "train_loss": float(np.mean(losses)), "val_loss": loss})
        log(" ".join(f"{name}={value:.5g}" for name, value in rows[-1].items()))
        if loss < best or recipe.select == "last":
            best, kept = loss, copy.deepcopy(detector.state_dict())
            rows[-1]["kept"] = 1
    _refuse_divergence(best, recipe)
    return Trained(dict(kept), pd.DataFrame(rows).fillna({"kept": 0}))


def _losses(
    detector: Detector,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    epochs: Iterator[Iterator[tuple[Crops, Tensor]]],
    recipe: Recipe,
) -> Iterator[list[float]]:
    """Take the recipe's steps; the losses of each epoch, the last one perhaps cut short."""
    steps = int(recipe.steps or 0)
    with Meter("train_detector", steps, "steps") as meter:
        while meter.done < steps:
            losses = []
            for crops, labels in islice(next(epochs), steps - meter.done):
                losses.append(_step(detector, optimiser, crops, labels, recipe.label_smoothing))
                schedule.step()
                meter.advance()
            yield losses


def _epochs(data: Data, recipe: Recipe, seed: int) -> Iterator[Iterator[tuple[Crops, Tensor]]]:
    pools = (Pool.of(data.part("train", 0)), Pool.of(data.part("train", 1)))
    images = np.zeros(len(data.stored), np.uint64)
    images[data.index["row"].to_numpy()] = keys(data.index["image_id"])
    half = recipe.batch_size // 2
    labels = torch.tensor([0.0] * half + [1.0] * half)

    def one(epoch: int) -> Iterator[tuple[Crops, Tensor]]:
        for rows in batches(pools, seed, epoch, recipe.batch_size):
            yield augment(data.stored[rows], images[rows], recipe.augment, seed, epoch), labels

    epoch = 0
    while True:
        yield one(epoch)
        epoch += 1


def _step(
    detector: Detector, optimiser: torch.optim.Optimizer, crops: Crops, labels: Tensor, smoothing: float
) -> float:
    detector.train()
    device = device_of(detector)
    targets = labels.to(device) * (1 - 2 * smoothing) + smoothing
    loss = nn.functional.binary_cross_entropy_with_logits(detector(torch.from_numpy(crops).to(device)), targets)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    return loss.item()


def _optimiser(
    detector: Detector, settings: Optimiser, steps: int, warmup: float
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    made: torch.optim.Optimizer
    if settings.kind == "adamw":
        betas = (settings.momentum, 0.999)
        made = torch.optim.AdamW(detector.parameters(), settings.lr, betas=betas, weight_decay=settings.weight_decay)
    else:
        made = torch.optim.SGD(
            detector.parameters(), settings.lr, momentum=settings.momentum, weight_decay=settings.weight_decay
        )
    rising = max(1, round(warmup * steps))
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(made, max(1, steps - rising))
    warm = torch.optim.lr_scheduler.LinearLR(made, 1 / (rising + 1), 1.0, rising)
    return made, torch.optim.lr_scheduler.SequentialLR(made, [warm, falling], [rising])


def validation_loss(detector: Detector, data: Data) -> float:
    """Mean over labels of the binary cross-entropy on val images, central crop, as a test would see them."""
    losses = []
    for label in (0, 1):
        part = data.part("val", label)
        logits = score(detector, data.stored, part.loc[part["crop"] == 0, "row"].to_numpy())
        losses.append(float(np.logaddexp(0, -logits if label else logits).mean()))
    return float(np.mean(losses))


@torch.inference_mode()
def score(
    detector: Detector, crops: Crops | Stacked, rows: npt.NDArray[np.int64], batch_size: int = 64
) -> npt.NDArray[np.float64]:
    """Logits [len(rows)] of the crops in `rows`."""
    detector.eval()
    device = device_of(detector)
    parts = [
        detector(torch.from_numpy(np.ascontiguousarray(crops[rows[start : start + batch_size]])).to(device))
        .cpu()
        .numpy()
        for start in range(0, len(rows), batch_size)
    ]
    return np.concatenate(parts).astype(np.float64) if parts else np.empty(0)


def _refuse_divergence(best: float, recipe: Recipe) -> None:
    if not np.isfinite(best):
        raise ValueError(f"Training with recipe {recipe.name!r} diverged (validation loss {best}): lower optimiser.lr.")
