"""Images that `crossgen fetch` has unpacked of one of GenImage's multi-volume archives, by its record of them.

Members that are damaged in the archive are listed too, with that as their defect; there is no file of them.
"""

import logging
import os
from pathlib import Path
from typing import Any

from crossgen.config import Pool, VolumesSource
from crossgen.config.sources import SUFFIXES
from crossgen.data import genimage
from crossgen.data.names import as_text
from crossgen.data.unpack_volumes import Volumes
from crossgen.data.wanted import wanted

LOG = logging.getLogger(__name__)


def entries(source: VolumesSource, pool: Pool) -> list[dict[str, Any]]:
    """Facts of each wanted image of the pool's label.

    Raises FileNotFoundError if the archive is not unpacked, or not to its end.
    """
    stem = genimage.ARCHIVES[source.subset]
    archive = Volumes(stem, {}, Path(source.root), genimage.FOLDERS[source.subset], is_known=True)
    done, is_finished = archive.record.recall()
    if not is_finished:
        raise FileNotFoundError(
            f"Pool {pool.name!r}: {stem} is not unpacked below {source.root}: run crossgen fetch for this source."
        )
    errors = archive.errors()
    found = [*(as_text(path) for path in done), *errors]
    images = [path for path in found if os.path.splitext(path)[1].lower() in SUFFIXES]  # noqa: PTH122 (330,000 paths)
    if len(images) < len(found):
        LOG.warning(f"Pool {pool.name!r}: passed over {len(found) - len(images)} files of {stem} that are no images")
    rows = genimage.entries(images, pool, Path(source.metadata) if source.metadata else None)
    rows = [
        row | {"defect": f"damaged in {stem}: {errors[row['path']]}"} if row["path"] in errors else row for row in rows
    ]
    return wanted(rows, source.members, pool.label)
