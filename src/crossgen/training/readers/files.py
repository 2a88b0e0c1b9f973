"""Reading of image files: each decoded whole whenever it is asked for, for augmentations that need all of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from crossgen.config import Crop, Frame, Recipe
from crossgen.data import frames
from crossgen.data.images import Pixels, Unusable, decode
from crossgen.data.pack import Sources, boxes_of
from crossgen.data.pairs import boxed
from crossgen.training.augment import augment_batch
from crossgen.training.augment.chain import refuse_unequal
from crossgen.training.batches import Batch, Crops, Data, Integers, Loaded, Lost
from crossgen.training.pairing import WITHOUT_OTHER, others_of
from crossgen.training.readers.chain import Chain
from crossgen.training.readers.deliver import deliver, in_batches
from crossgen.training.readers.rows import Rows, by_row
from crossgen.training.sampling import Keys
from crossgen.training.setting import Setting

#: Whole images of one validation batch: each is up to 268 MB.
WHOLE = 16


def data_of_files(
    selection: pd.DataFrame, aligned: pd.DataFrame, folders: Mapping[str, Path], crop: Crop | None = None
) -> Data:
    """Selected images as files, those that alignment wrote read from where it wrote them (see `Sources.of`).

    `crop`: the subset's. Images that alignment could not read stay in the index, by `quarantine`, and are told as lost
    when they are asked for. Raises ValueError as `Sources.of` and `Data` do.
    """
    sources = Sources.of(selection, aligned, folders)
    files = pd.Series([str(file) for file in sources.files], dtype=object)  # names may be no text that Arrow takes
    index = sources.rows.reset_index(drop=True)
    index = boxed(index) if "pair" in index else index
    return Data(None, index.assign(crop=0, row=np.arange(len(index)), file=files), crop)


@dataclass(frozen=True)
class Seen:
    """Images of a batch after their augmentations, [copies, height, width, 3] each, their rows, and the others."""

    images: list[Crops]
    rows: list[int]
    lost: list[Lost]


class FilesReader:
    """See `crossgen.training.batches.Reader`.

    An image that cannot be used (see `crossgen.data.images`), or that a test would refuse as smaller than the frame, is
    told as lost. Raises OSError for a file that cannot be read: a fault of the disk, not of the image.
    """

    def __init__(self, data: Data, recipe: Recipe, setting: Setting, device: torch.device) -> None:
        if data.crops is not None or "file" not in data.index:
            raise ValueError(
                f"Recipe {recipe.name!r} has `reading: files`, and was handed stored crops: hand it the selection"
                " (train-detector --selection), or set `reading: crops`."
            )
        self._recipe, self._known = recipe, Rows.of(data.index, recipe.synchronised)
        self._chain = Chain.of(recipe, setting.seed, augment_batch)
        index = data.index if "quarantine" in data.index else data.index.assign(quarantine=None)
        self._names, self._files, self._reasons = (
            by_row(index, index[name].to_numpy(object), np.dtype(object)) for name in ("image_id", "file", "quarantine")
        )
        self._others = others_of(index) if recipe.pairing == "name" else None
        self._boxes = by_row(index, _boxes(index), np.dtype(object)) if recipe.synchronised else None
        self._outer = Frame(kind="crop", **data.crop.model_dump()) if data.crop else None
        self._workers, self._device = setting.workers, device

    def train(self, batches: Iterable[Batch]) -> Iterator[Loaded]:
        """The batches in their order, augmented; images that cannot be used are missing and named."""
        work = self._one if self._others is None else self._pairs
        return deliver(work, batches, self._workers, self._device)

    def validation(self, rows: Integers, batch_size: int = 64) -> Iterator[Loaded]:
        """The recipe's frame of each image, or the image augmented; those of one size after another come together."""
        size = min(batch_size, WHOLE) if self._recipe.frame.kind == "whole" else batch_size
        return deliver(self._judged, in_batches(rows, size), self._workers, self._device)

    def _one(self, batch: Batch) -> list[Loaded]:
        return self._told(batch, self._trained(batch))

    def _pairs(self, batch: Batch) -> list[Loaded]:
        """Whole pairs: what is left of one whose other half cannot be used is left out, and told as lost."""
        seen = self._trained(batch)
        read, kept = set(seen.rows), Seen([], [], seen.lost)
        for image, row in zip(seen.images, seen.rows, strict=True):
            if self._others is not None and int(self._others[row]) in read:
                kept.images.append(image)
                kept.rows.append(row)
            else:
                kept.lost.append(Lost(self._names[row], WITHOUT_OTHER))
        return self._told(batch, kept)

    def _trained(self, batch: Batch) -> Seen:
        return self._seen(batch, lambda image, key: np.concatenate(self._chain.train(image[None], key, batch.epoch)))

    def _told(self, batch: Batch, seen: Seen) -> list[Loaded]:
        self._refuse_sizes(seen)
        return [self._loaded(batch, seen)]

    def _judged(self, batch: Batch) -> list[Loaded]:
        if self._recipe.validate_on == "augmented":
            seen = self._seen(batch, lambda image, key: self._chain.validation(image[None], key))
            self._refuse_sizes(seen)
            return [self._loaded(batch, seen)]
        seen = self._seen(batch, lambda image, key: frames.fit(self._recipe.frame, image)[None])
        return [self._loaded(batch, part) for part in _of_one_size(seen)]

    def _seen(self, batch: Batch, done: Callable[[Pixels, Keys], Crops]) -> Seen:
        seen = Seen([], [], [])
        for row in batch.rows.tolist():
            try:
                seen.images.append(done(self._decoded(row), self._known.keys[row : row + 1]))
                seen.rows.append(row)
            except Unusable as error:
                seen.lost.append(Lost(self._names[row], error.reason))
        return seen

    def _decoded(self, row: int) -> Pixels:
        if isinstance(self._reasons[row], str):
            raise Unusable(self._reasons[row])
        image = decode(Path(self._files[row]).read_bytes())
        if self._boxes is not None and self._boxes[row] is not None:
            image = self._boxes[row].of(image)  # before anything else: both halves have one size then
        if self._outer is not None:
            image = frames.fit(self._outer, image)
        frames.central(self._recipe.frame, image.shape[1], image.shape[0])  # refuses what a test would refuse
        return image

    def _loaded(self, batch: Batch, seen: Seen) -> Loaded:
        size = self._recipe.frame.size
        images = np.stack(seen.images, axis=1) if seen.images else np.empty((1, 0, size, size, 3), np.uint8)
        rows = np.array(seen.rows, np.int64)
        crops = torch.from_numpy(images.reshape(-1, *images.shape[2:]))
        return Loaded(batch, crops, rows, self._known.labels_of(rows), tuple(seen.lost))

    def _refuse_sizes(self, seen: Seen) -> None:
        sizes = sorted({(image.shape[2], image.shape[1]) for image in seen.images})
        if len(sizes) > 1:
            refuse_unequal(sizes, self._recipe.augment)


def _boxes(index: pd.DataFrame) -> npt.NDArray[np.object_]:
    """An array of Regions, which NumPy would take for rows of numbers."""
    found = np.empty(len(index), object)
    for place, box in enumerate(boxes_of(index)):
        found[place] = box
    return found


def _of_one_size(seen: Seen) -> Iterator[Seen]:
    """Parts in the same order, the images of each of one size; the first tells what was lost."""
    begin, lost = 0, seen.lost
    for end in range(1, len(seen.images) + 1):
        if end == len(seen.images) or seen.images[end].shape != seen.images[begin].shape:
            yield Seen(seen.images[begin:end], seen.rows[begin:end], lost)
            begin, lost = end, []
    if not seen.images:
        yield seen
