"""Training of one detector, and the scores of a trained one."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from crossgen import records
from crossgen.config import Recipe
from crossgen.data.packed import Stacked
from crossgen.detectors.detector import Detector, device_of
from crossgen.training import devices
from crossgen.training.assembly import assemble
from crossgen.training.assembly import set_up as set_up
from crossgen.training.batches import Data as Data
from crossgen.training.batches import Lost, Reader
from crossgen.training.engine import Engine
from crossgen.training.facts import Facts
from crossgen.training.launch import is_first
from crossgen.training.setting import Setting
from crossgen.training.simulator import simulated

#: Raised when the weights that come out change.
VERSION = 2

Crops = npt.NDArray[np.uint8]

#: Images judged at a time, by the kind of device: the maps of more leave a processor's caches.
BATCH_SIZES = {"cpu": 32, "cuda": 64}


@dataclass(frozen=True)
class Trained:
    """Weights kept, and how it went.

    `history`: columns of records.HISTORY, a row an epoch, one of them `kept`; `watched`: columns of records.WATCHED;
    `lost`: images that could not be read, each once; `facts`: device, precision, parameters, commit, versions.
    """

    state: dict[str, Tensor]
    history: pd.DataFrame
    watched: pd.DataFrame
    lost: list[Lost]
    facts: Facts = field(default_factory=dict)


def one_device(threads: int) -> torch.device:
    """The GPU that a job of one network works on, else the processor by so many threads; its runs are repeatable."""
    devices.take(1)
    set_up(0)
    torch.set_num_threads(threads)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def train(
    data: Data, recipe: Recipe, setting: Setting, log: Callable[[str], None] = print, reader: Reader | None = None
) -> Trained:
    """Train one detector, or go on from the checkpoint in `setting.folder`.

    Every process of several gets the same result. Raises ValueError for data without both labels, for a recipe that
    does not fit data or network, a loss that is not a number, and memory that does not do; Interrupted when told to
    stop.
    """
    if recipe.fakes == "simulated":
        set_up(setting.seed)
        data = simulated(data, recipe, setting, log if is_first() else lambda line: None)
    parts = assemble(data, recipe, setting, log, reader)
    engine = Engine(parts, data, setting, log)
    engine.run()
    history = pd.DataFrame(engine.rows, columns=list(records.HISTORY.columns))
    history["kept"] = (history["epoch"] == engine.selection.epoch).astype(int)
    watched = pd.DataFrame(engine.watched, columns=list(records.WATCHED.columns))
    return Trained(engine.selection.weights or {}, history, watched, engine.lost, parts.facts)


@torch.inference_mode()
def score(
    detector: Detector, crops: Crops | Stacked, rows: npt.NDArray[np.int64], batch_size: int | None = None
) -> npt.NDArray[np.float64]:
    """Logits [len(rows)] of the crops in `rows`."""
    detector.eval()
    device = device_of(detector)
    batch_size = batch_size or BATCH_SIZES.get(device.type, 64)
    # nobody waits for a logit before all are under way
    parts = [
        detector(_sent(crops[rows[start : start + batch_size]], device)) for start in range(0, len(rows), batch_size)
    ]
    return torch.cat(parts).cpu().numpy().astype(np.float64) if parts else np.empty(0)


def _sent(crops: Crops, device: torch.device) -> Tensor:
    """Crops on the device; a GPU fetches them itself, while this process goes on."""
    host = torch.from_numpy(np.ascontiguousarray(crops))
    return host.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else host.to(device)
