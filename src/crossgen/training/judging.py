"""What a detector makes of validation images: the numbers that choose, and those that are only watched."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from crossgen.config import Recipe
from crossgen.detectors.detector import Detector, device_of
from crossgen.separation import balanced_accuracy, roc_auc
from crossgen.training.batches import Data, Integers, Lost, Reader
from crossgen.training.processes import Together
from crossgen.training.readers import reader_for
from crossgen.training.setting import Setting

Numbers = npt.NDArray[np.float64]


class Judged(NamedTuple):
    """Measures of validation images; NaN where a label has none, and where a logit is no number.

    `loss`: mean over labels of the binary cross-entropy; `balanced_accuracy` at the logit 0; `roc_auc`.
    """

    loss: float
    balanced_accuracy: float
    roc_auc: float
    n_real: int
    n_fake: int

    def value(self, measure: str) -> float:
        """The measure so that higher is better."""
        return -self.loss if measure == "loss" else float(getattr(self, measure))


def measured(logits: Numbers, labels: Integers) -> Judged:
    """Measures of logits [n] and labels [n]."""
    counts = [int((labels == label).sum()) for label in (0, 1)]
    if not all(counts) or not np.isfinite(logits).all():
        return Judged(math.nan, math.nan, math.nan, *counts)
    ones = np.ones(len(labels))
    losses = np.logaddexp(0, logits * (1 - 2 * labels))
    loss = np.mean([losses[labels == label].mean() for label in (0, 1)])
    accuracy, area = balanced_accuracy(logits, labels, ones), roc_auc(logits, labels, ones)
    return Judged(float(loss), float(accuracy), float(area), *counts)


def val_rows(data: Data) -> Integers:
    """Rows of the first crop of each validation image, reals before fakes."""
    parts = [data.part("val", label) for label in (0, 1)]
    return np.concatenate([part.loc[part["crop"] == 0, "row"].to_numpy(np.int64) for part in parts])


def judge(detector: Detector, reader: Reader, rows: Integers, together: Together) -> tuple[Judged, list[Lost]]:
    """Validation images judged, shared among the processes; and those that could not be read (each process's own)."""
    seen, lost = logits_of(detector, reader, rows[together.rank :: together.count])
    found = np.concatenate(together.gather(seen))
    found = found[np.argsort(found[:, 0], kind="stable")]  # the same sums for any number of processes
    return measured(found[:, 2], found[:, 1].astype(np.int64)), lost


@torch.inference_mode()
def logits_of(detector: Detector, reader: Reader, rows: Integers) -> tuple[Numbers, list[Lost]]:
    """Row, label and logit [n, 3] of what could be read, and what could not."""
    detector.eval()
    device, parts, lost = device_of(detector), [np.empty((0, 3))], list[Lost]()
    for loaded in reader.validation(rows):
        lost += loaded.lost
        if len(loaded.rows):
            logits = detector(loaded.crops.to(device, non_blocking=True)).cpu().numpy()
            parts.append(np.stack([loaded.rows, loaded.labels.cpu().numpy(), logits], axis=1).astype(np.float64))
    return np.concatenate(parts), lost


class Watched:
    """Validation images of other train sets, scored every so many epochs: for the eye, nothing is chosen by it."""

    def __init__(self, recipe: Recipe, setting: Setting, device: torch.device) -> None:
        self.every = setting.watch_every
        watched: Mapping[str, Data] = setting.watched if setting.watch_every else {}
        self._read = {
            name: (reader_for(data, recipe, setting, device), val_rows(data)) for name, data in watched.items()
        }

    def due(self, epoch: int, last: bool) -> bool:
        """Whether the epoch (from 0) is one of those, as the last one is."""
        return bool(self._read) and (last or (epoch + 1) % int(self.every or 1) == 0)

    def rows(self, detector: Detector, together: Together) -> list[dict[str, Any]]:
        """A row of records.WATCHED a train set, without epoch and step."""
        found = []
        for name, (reader, rows) in self._read.items():
            judged, _ = judge(detector, reader, rows, together)
            found.append({"train_set": name, **judged._asdict()})
        return found
