"""A network of milliseconds, images of 16 pixels, and trainings of them: what tests of the engine share."""

import os
import signal
from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
import torch
from torch import nn

from crossgen.config import Frame, Optimiser, Recipe
from crossgen.training.batches import Batch, Data, Loaded
from crossgen.training.loop import Trained, train
from crossgen.training.readers import reader_for
from crossgen.training.setting import Setting
from toys import photograph, synthetic


class Tiny(nn.Module):
    """Two convolutions; with or without norm and dropout."""

    def __init__(self, norm: bool = True, dropout: float = 0.0, limit: int | None = None) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, stride=2)
        self.norm = nn.BatchNorm2d(6) if norm else nn.Identity()
        self.body = nn.Conv2d(6, 8, 3)
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(8, 1)
        self.limit = limit

    def features(self, images):
        if self.training and self.limit is not None and len(images) > self.limit:
            raise torch.OutOfMemoryError(f"{len(images)} images are too many for {self.limit}")
        return torch.relu(self.body(torch.relu(self.norm(self.stem(images))))).mean(dim=(2, 3))

    def head(self, features):
        return self.last(self.dropout(features))

    def forward(self, images):
        return self.head(self.features(images))


RECIPE = Recipe(
    name="tiny",
    architecture="tiny_training:Tiny",
    frame=Frame(kind="crop", size=16),
    optimiser=Optimiser(lr=1e-2),
    steps=12,
    batch_size=16,
    precision="fp32",
)


def recipe(**changes: object) -> Recipe:
    """The tiny recipe, changed and checked anew."""
    return Recipe.model_validate(RECIPE.model_dump() | changes)


def data(train_images: int = 48, val_images: int = 24, seed: int = 0) -> Data:
    """As many photographs as fakes (a planted pattern) of two pools."""
    crops, rows = [], []
    for place in range(train_images + val_images):
        label, name = place % 2, f"i{place:03d}"
        drawn = 1000 * seed + place
        crops.append(synthetic(drawn, 16, 2) if label else photograph(drawn, 16, 16))
        pool = f"fakes{place // 2 % 2}" if label else "photos"
        split = "train" if place < train_images else "val"
        rows.append({"image_id": name, "crop": 0, "row": place, "label": label, "pool": pool, "split": split})
    return Data(np.stack(crops), pd.DataFrame(rows))


def trained(told: Data | None = None, setting: Setting | None = None, log: object = None, **changes: object) -> Trained:
    """Train the tiny network, with changes to its recipe."""
    return train(told or data(), recipe(**changes), setting or Setting(0), log or (lambda line: None))


def untimed(history: pd.DataFrame) -> pd.DataFrame:
    """What no clock has a part in."""
    return history.drop(columns=["seconds", "images_per_second"])


def same(first: Trained, other: Trained) -> None:
    """Assert that two trainings are equal to the last bit."""
    assert first.state.keys() == other.state.keys()
    assert [name for name in first.state if not torch.equal(first.state[name], other.state[name])] == []
    pd.testing.assert_frame_equal(untimed(first.history), untimed(other.history), check_exact=True)
    pd.testing.assert_frame_equal(first.watched, other.watched, check_exact=True)
    assert first.lost == other.lost


class Signalling:
    """A reader that has this process signalled before it brings the batch of a step."""

    def __init__(self, told: Data, recipe: Recipe, step: int, number: int = signal.SIGTERM) -> None:
        self.reader = reader_for(told, recipe, Setting(0), torch.device("cpu"))
        self.step, self.number = step, number

    def train(self, batches: Iterable[Batch]) -> Iterator[Loaded]:
        for loaded in self.reader.train(batches):
            if loaded.batch.step == self.step:
                os.kill(os.getpid(), self.number)
            yield loaded

    def validation(self, rows, batch_size: int = 64) -> Iterator[Loaded]:
        return self.reader.validation(rows, batch_size)


class Losing:
    """A reader that cannot read some images."""

    def __init__(self, told: Data, recipe: Recipe, broken: set[int]) -> None:
        self.reader = reader_for(told, recipe, Setting(0), torch.device("cpu"))
        self.names, self.broken = told.index.set_index("row")["image_id"], broken

    def train(self, batches: Iterable[Batch]) -> Iterator[Loaded]:
        return map(self._without, self.reader.train(batches))

    def validation(self, rows, batch_size: int = 64) -> Iterator[Loaded]:
        return map(self._without, self.reader.validation(rows, batch_size))

    def _without(self, loaded: Loaded) -> Loaded:
        whole = ~np.isin(loaded.rows, list(self.broken))
        lost = tuple((self.names[row], "truncated") for row in loaded.rows[~whole])
        copies = torch.from_numpy(np.tile(whole, len(loaded.crops) // len(whole)))
        labels = loaded.labels[torch.from_numpy(whole)]
        return Loaded(loaded.batch, loaded.crops[copies], loaded.rows[whole], labels, lost)
