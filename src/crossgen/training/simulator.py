"""`fakes: simulated`: training and validation fakes made from reals alone, so that no true fake is ever seen.

Small auto-encoders learn to copy the train reals (`crossgen.training.autoencoder`); each real crop of training and of
validation then gets its copy as its fake.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from blake3 import blake3
from torch import Tensor

from crossgen.config import Recipe
from crossgen.config.recipes import Simulator
from crossgen.data.packed import Growing, Stacked
from crossgen.files import write_whole
from crossgen.progress import Meter
from crossgen.training.autoencoder import AutoEncoder, Fitting
from crossgen.training.batches import Crops, Data, Integers
from crossgen.training.processes import Launch
from crossgen.training.sampling import keys, uniform
from crossgen.training.setting import Setting

#: Raised, with that of `crossgen.training.loop`, when the simulated fakes change.
VERSION = 1
#: Crops a step, and the most pixels that a side of them has while the auto-encoder learns.
BATCH, PATCH = 8, 64
#: Crops copied at once.
COPIED = 16
#: Bytes of fakes above which they are kept on the disk, where there is a folder.
LARGE = 2**30
#: Pool, and end of the image ids, of simulated fakes.
POOL, ENDING = "simulated", "#simulated"


class WithSimulated(Stacked):
    """Chosen rows of stored crops, then their simulated fakes, read as one array; none of them is copied."""

    def __init__(self, given: Crops | Stacked, rows: Integers, fakes: Crops) -> None:
        self._given, self._rows, self._fakes = given, rows, fakes

    def __len__(self) -> int:
        return len(self._rows) + len(self._fakes)

    def __getitem__(self, rows: Integers) -> Crops:
        """The crops of these rows [m], in their order: uint8 [m, *shape], a copy."""
        rows = np.asarray(rows)
        found = np.empty((len(rows), *self._fakes.shape[1:]), np.uint8)
        real = rows < len(self._rows)
        found[real] = self._given[self._rows[rows[real]]]
        found[~real] = self._fakes[rows[~real] - len(self._rows)]
        return found


@dataclass(frozen=True)
class Reals:
    """The real crops of training and validation, in the order of their images: `index` as in Data."""

    stored: Crops | Stacked
    index: pd.DataFrame

    @property
    def rows(self) -> Integers:
        """Their rows in `stored`."""
        return self.index["row"].to_numpy(np.int64)

    @property
    def train(self) -> Integers:
        """Rows of those that simulators may learn from."""
        return self.rows[(self.index["split"] == "train").to_numpy()]

    def blocks(self) -> Iterator[tuple[slice, Crops]]:
        """All crops, some at a time, each time with their places."""
        rows = self.rows
        for start in range(0, len(rows), COPIED):
            yield slice(start, start + COPIED), self.stored[rows[start : start + COPIED]]

    def digest(self, told: str) -> str:
        """Of the pixels, of what is known of them, and of `told`."""
        found = blake3(told.encode())
        found.update(self.index[["image_id", "crop", "split"]].to_csv(index=False).encode())
        for _, crops in self.blocks():
            found.update(np.ascontiguousarray(crops).tobytes())
        return found.hexdigest(length=8)


def simulated(data: Data, recipe: Recipe, setting: Setting, log: Callable[[str], None] = print) -> Data:
    """The reals of `data` with a simulated fake for each crop, of its split; the given fakes are left out.

    A function of the reals, of `recipe.simulator` and of the seed, whatever the order of rows or shards. Fakes of more
    than 1 GiB lie in a file of `setting.folder`, which is read when training is taken up again there.
    Raises ValueError where images are read from files, without train reals, or if a simulator diverges.
    """
    if data.crops is None:
        raise ValueError(
            f"Recipe {recipe.name!r} has `fakes: simulated` and `reading: {recipe.reading}`: fakes are simulated from"
            " stored crops; expected `reading: crops` or `resident`."
        )
    index = pd.concat([data.part("train", 0), data.part("val", 0)], ignore_index=True)
    reals = Reals(data.crops, index)
    if not len(reals.train):
        raise ValueError(f"Recipe {recipe.name!r} has `fakes: simulated`: expected reals to train on, found none.")
    fakes = _kept(reals, recipe.simulator, setting, log)
    return Data(WithSimulated(data.crops, reals.rows, fakes), with_fakes(index))


def with_fakes(reals: pd.DataFrame) -> pd.DataFrame:
    """An index of reals, followed by that of their fakes."""
    fakes = reals.assign(image_id=reals["image_id"] + ENDING, label=1, pool=POOL)
    both = pd.concat([reals, fakes], ignore_index=True)
    return both.assign(row=np.arange(len(both)))


def _kept(reals: Reals, simulator: Simulator, setting: Setting, log: Callable[[str], None]) -> Crops:
    """The fakes [n, height, width, 3], in memory or mapped."""
    shape = reals.stored[reals.rows[:1]].shape[1:]
    if setting.folder is None or len(reals.index) * int(np.prod(shape)) <= LARGE:
        return np.concatenate(list(_fakes(reals, simulator, setting.seed, log)))
    told = reals.digest(f"{VERSION} {setting.seed} {simulator.model_dump_json()}")
    path = setting.folder / f"simulated-{told}.npy"
    if path.is_file():
        log(f"simulated fakes: those of an earlier start ({path.name})")
    else:
        write_whole(path, lambda part: _write(part, shape, _fakes(reals, simulator, setting.seed, log)))
    mapped: Crops = np.load(path, mmap_mode="r")
    return mapped


def _write(path: Path, shape: tuple[int, ...], blocks: Iterator[Crops]) -> None:
    with Growing(path, shape) as growing:
        for block in blocks:
            growing.append(list(block))


def _fakes(reals: Reals, simulator: Simulator, seed: int, log: Callable[[str], None]) -> Iterator[Crops]:
    """The fakes of all crops, some at a time; several simulators share the images by their ids."""
    copiers = [_fitted(reals, simulator, place, seed, log) for place in range(len(simulator.upsampling))]
    share = uniform(0, 0, "simulator", keys(reals.index["image_id"])) * len(copiers)
    with Meter("simulate", len(reals.index), "crops") as meter:
        for places, crops in reals.blocks():
            fakes = np.empty_like(crops)
            for place, copier in enumerate(copiers):
                mine = share[places].astype(int) == place
                if mine.any():
                    fakes[mine] = copied(copier, crops[mine], 2**simulator.halvings)
            yield fakes
            meter.advance(len(crops))


def _fitted(reals: Reals, simulator: Simulator, place: int, seed: int, log: Callable[[str], None]) -> AutoEncoder:
    """The simulator of one up-sampling after its training, on train reals alone."""
    upsampling = simulator.upsampling[place]
    own = int.from_bytes(blake3(f"{seed}/{place}/{upsampling}".encode()).digest(length=7), "little")
    fitting = Fitting(simulator, upsampling, own, Launch.found().device)
    losses = []
    with Meter(f"simulator {upsampling}", simulator.steps, "steps") as meter:
        for loss in fitting.fit(_patches(reals, simulator, own), simulator.steps):
            losses.append(loss)
            meter.advance()
    difference = 127.5 * float(np.mean(losses[-20:]))
    if not np.isfinite(difference):
        raise ValueError(
            f"The simulator with {upsampling} up-sampling diverged (L1 loss {difference}): expected a finite loss;"
            " lower `adversarial` or `width` of the recipe's `simulator`."
        )
    log(f"simulator={upsampling} steps={simulator.steps} crops={len(reals.train)} difference={difference:.3g}/255")
    return fitting.copier


def _patches(reals: Reals, simulator: Simulator, seed: int) -> Iterator[Tensor]:
    """A batch a step: patches [n, 3, side, side] in [-1, 1] of train reals, drawn by the seed."""
    random, rows = np.random.default_rng(seed), reals.train
    for _ in range(simulator.steps):
        crops = padded(reals.stored[random.choice(rows, BATCH)], 2**simulator.halvings)
        height, width = (min(PATCH, side) for side in crops.shape[1:3])
        tops = random.integers(0, crops.shape[1] - height + 1, BATCH)
        lefts = random.integers(0, crops.shape[2] - width + 1, BATCH)
        cut = [crop[y : y + height, x : x + width] for crop, y, x in zip(crops, tops, lefts, strict=True)]
        yield signed(np.stack(cut))


@torch.inference_mode()
def copied(copier: AutoEncoder, crops: Crops, multiple: int) -> Crops:
    """What an auto-encoder makes of crops uint8 [n, height, width, 3]: the same shape and type, rounded."""
    height, width = crops.shape[1:3]
    copies = (copier(signed(padded(crops, multiple))).clamp(-1, 1) + 1) * 127.5
    whole: Crops = copies.round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return whole[:, :height, :width]


def padded(crops: Crops, multiple: int) -> Crops:
    """Crops [n, height, width, 3] continued by reflection at the right and the bottom to sides of a multiple."""
    height, width = (-side % multiple for side in crops.shape[1:3])
    return np.pad(crops, ((0, 0), (0, height), (0, width), (0, 0)), mode="reflect")


def signed(crops: Crops) -> Tensor:
    """Crops uint8 [n, height, width, 3] to images float32 [n, 3, height, width] in [-1, 1], on the device."""
    return (
        torch.from_numpy(np.ascontiguousarray(crops)).to(Launch.found().device).permute(0, 3, 1, 2).float() / 127.5 - 1
    )
