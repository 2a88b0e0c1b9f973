"""Readers: from a plan of batches to crops, labels and what was lost, by the recipe's `reading`.

| reading | images | augmented | workers |
|---|---|---|---|
| crops | stored crops, memory-mapped | on the processor | as many as told |
| files | decoded whole each time | on the processor | as many as told |
| resident | stored crops, moved to the device once | on the device, the same bits | none |
"""

from collections.abc import Callable

import torch

from crossgen.config import Recipe
from crossgen.training.batches import Data, Reader
from crossgen.training.readers.crops import CropsReader
from crossgen.training.readers.files import FilesReader
from crossgen.training.readers.files import data_of_files as data_of_files
from crossgen.training.readers.resident import ResidentReader
from crossgen.training.setting import Setting

#: The recipe's `reading` -> what reads so.
READINGS: dict[str, Callable[[Data, Recipe, Setting, torch.device], Reader]] = {
    "crops": CropsReader,
    "files": FilesReader,
    "resident": ResidentReader,
}


def reader_for(data: Data, recipe: Recipe, setting: Setting, device: torch.device) -> Reader:
    """What brings the batches of one training to `device` (only `resident` puts them there; others pin them for it).

    The order of batches and of rows is the caller's. Raises ValueError for data or a chain that the recipe's `reading`
    cannot read.
    """
    return READINGS[recipe.reading](data, recipe, setting, device)
