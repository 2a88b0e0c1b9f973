"""Logits of a trained detector's validation images: read as training reads them, seen as a test sees images."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from crossgen.config import Recipe
from crossgen.detectors.detector import Detector, device_of
from crossgen.training.given import Images
from crossgen.training.judging import logits_of
from crossgen.training.readers import reader_for
from crossgen.training.setting import Setting


def judge_validation(
    detector: Detector, recipe: Recipe, images: Images, names: Sequence[str]
) -> npt.NDArray[np.float32]:
    """Logits float32 [n] of the validation images `names`, in their order; NaN where an image cannot be read.

    Never augmented, whatever the recipe's `validate_on` says: a threshold is for images as tests show them. Raises
    ValueError for a name that is no validation image of the train set.
    """
    data = images.read()
    known = data.index[(data.index["split"] == "val") & (data.index["crop"] == 0)].set_index("image_id")["row"]
    strange = [name for name in names if name not in known.index]
    if strange:
        raise ValueError(f"{strange[0]!r} is no validation image of this train set ({len(strange)} such): pack again.")
    rows = known.loc[list(names)].to_numpy(np.int64)
    shown = recipe.model_copy(update={"validate_on": "frame"})
    reader = reader_for(data, shown, Setting(seed=0), device_of(detector))
    seen, _ = logits_of(detector, reader, rows)
    found = dict(zip(seen[:, 0].astype(np.int64).tolist(), seen[:, 2].tolist(), strict=True))
    return np.array([found.get(row, np.nan) for row in rows.tolist()], np.float32)
