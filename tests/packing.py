"""Packed crops in memory, for tests that look at them."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from crossgen.config import Crop, Frame
from crossgen.data.pack import Packing, Sources, pack


def packed(
    selection: pd.DataFrame,
    aligned: pd.DataFrame,
    folders: Mapping[str, Path],
    frame: Frame,
    n: int,
    crop: Crop | None = None,
    threads: int = 1,
) -> tuple[np.ndarray, pd.DataFrame, pd.DataFrame]:
    """Array, index and losses of a selection in one shard."""
    with tempfile.TemporaryDirectory() as place:
        sources = Sources.of(selection, aligned, folders)
        index, losses = pack(sources, Packing(frame, n, crop), Path(place), threads)
        return np.load(Path(place) / "crops.npy"), index, losses
