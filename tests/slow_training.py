"""A checkout with everything done but two trainings that are slow enough to meet each other, and to be told to stop."""

import copy
import shutil
from pathlib import Path

from checkout import Checkout

#: Without norms, whose statistics each of several processes would take of its own part of a batch.
NETWORK = """\
import time

import torch


class Slow(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.last = torch.nn.Conv2d(3, 8, 3, stride=2), torch.nn.Linear(8, 1)

    def features(self, images):
        time.sleep(0.3 if self.training else 0)
        return torch.relu(self.body(images))

    def head(self, features):
        return self.last(features.mean(dim=(2, 3)))

    def forward(self, images):
        return self.head(self.features(images))
"""

RAN = "results/toy/detectors/raw"
LOGS = "results/toy/logs/train_detector/raw"


def prepared(folder: Path) -> Checkout:
    """A checkout in which all is done but the training of two detectors, `checker` and `stripes`, in fp32."""
    checkout = Checkout(folder)
    checkout.config |= {"train_sets": [], "comparisons": [], "experiments": checkout.config["experiments"][:1]}
    checkout.config["experiments"][0]["train_sets"] = ["checker", "stripes"]
    recipe = {"architecture": "slow_network:Slow", "options": {}, "precision": "fp32"}
    checkout.config["recipes"][0] |= recipe | {"steps": 60, "batch_size": 8, "select": "last"}
    (checkout.folder / "src" / "slow_network.py").write_text(NETWORK)
    checkout.snakemake("align")
    return checkout


def copied(checkout: Checkout, folder: Path, **changes: object) -> Checkout:
    """Another like it, with some of the config's keys changed."""
    made = copy.copy(checkout)
    made.folder = Path(shutil.copytree(checkout.folder, folder, symlinks=True))
    made.config = checkout.config | changes
    made.write_config()
    return made


def detector(name: str) -> str:
    return f"{RAN}/{name}/seed0/detector.safetensors"


def told(checkout: Checkout, name: str) -> str:
    """The log of a training, if there is one."""
    log = checkout.folder / LOGS / name / "seed0.log"
    return log.read_text() if log.exists() else ""
