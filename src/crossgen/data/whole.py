"""Images that are read whole, where no crops of them are stored: their index has the form of that of crops."""

import numpy as np
import pandas as pd

from crossgen.data.pack import Sources
from crossgen.records import LOSSES

#: Raised when the index changes.
VERSION = 1


def index_of(sources: Sources) -> tuple[pd.DataFrame, pd.DataFrame]:
    """CROPS rows, one an image, of what a training reads; and rows of LOSSES (but `lost_for`) of what it cannot.

    The facts are those of the file that is read, after alignment. A whole image begins at its corner and has no crop's
    size: `crop_x`, `crop_y` and `crop_size` are 0. No image is decoded: lost is what alignment could not read.
    """
    rows = sources.rows.reset_index(drop=True)
    lost = rows["quarantine"].notna()
    index = rows[~lost].reset_index(drop=True)
    index = index.assign(crop=0, row=np.arange(len(index)), crop_size=0, crop_x=0, crop_y=0)
    losses = rows.loc[lost, ["pool", "image_id"]].assign(stage="training", reason=rows.loc[lost, "quarantine"])
    return index, losses[[name for name in LOSSES.columns if name != "lost_for"]].reset_index(drop=True)
