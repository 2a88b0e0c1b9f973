"""Alignment: images re-encoded once, to files, so that both labels carry the same compression.

UnbiasedGenImage re-encodes each fake in every epoch; here training reads what was written once. The whole image is
encoded, before any crop, so that the compression grid starts at the image's own corner, as in a real photograph.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from crossgen.config import Alignment
from crossgen.data.images import Unusable, decode, refuse_unwritable
from crossgen.data.jpeg import encode
from crossgen.data.manifest import facts_of
from crossgen.data.names import located
from crossgen.files import unwritable
from crossgen.progress import track

#: Raised when aligned pixels change.
VERSION = 1

LABELS = {"real": (0,), "fake": (1,), "all": (0, 1)}


def concerns(alignment: Alignment | None, label: int) -> bool:
    """Whether images of a label are re-encoded."""
    return alignment is not None and label in LABELS[alignment.to]


def align(manifest: pd.DataFrame, root: Path, alignment: Alignment, target: Path) -> pd.DataFrame:
    """Re-encode the usable train and val images of a manifest into `target`; returns their new manifest rows.

    `path` of a row is the file's name inside `target`; an image that cannot be decoded keeps a row, quarantined. Raises
    OSError for a file that can no longer be read: a fault of the disk, not to be remembered as the image's.
    """
    rows = manifest[manifest["split"].isin(["train", "val"]) & manifest["quarantine"].isna()]
    rows = rows[[concerns(alignment, label) for label in rows["label"]]]
    counted = enumerate(track(rows.to_dict("records"), "align_jpeg", len(rows)))
    aligned = [_aligned(row, root, alignment, target / f"{index:06d}.jpg") for index, row in counted]
    return pd.DataFrame(aligned, columns=list(manifest.columns))


def _aligned(row: dict[Any, Any], root: Path, alignment: Alignment, target: Path) -> dict[Any, Any]:
    try:
        image = decode(located(root, str(row["path"])).read_bytes())
        refuse_unwritable(image, "JPEG")
    except Unusable as error:
        return row | {"quarantine": error.reason}
    if alignment.jpeg_quality == "reals" or alignment.chroma_subsampling == "reals":
        raise ValueError("drawn qualities need a selection")
    blob = encode(image, alignment.jpeg_quality, alignment.chroma_subsampling)
    try:
        target.write_bytes(blob)
    except OSError as error:
        raise unwritable(target, error) from error
    return row | {"path": target.name} | facts_of(blob)
