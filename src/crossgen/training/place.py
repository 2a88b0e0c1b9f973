"""Where a training keeps its checkpoints while it is under way, and the lock that keeps a second one out.

The folder lies beside the output, as all unfinished work does: Snakemake deletes the outputs of a job before it runs
the job again. The lock is the output's and not the folder's: trainings of another recipe that write the same file
exclude each other as well.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from crossgen.data import unfinished
from crossgen.data.locks import own


@contextmanager
def working(output: Path, identity: Sequence[object], first: bool = True) -> Iterator[Path]:
    """The folder of a training's checkpoints, with what an earlier job left in it; removed when left without an error.

    `identity`: JSON-able values that the weights depend on; what was begun with others is not taken up. `first`: False
    in all processes of a distributed training but the first, which alone locks, makes and removes.
    Raises OSError while another process writes `output`.
    """
    place = unfinished.folder(output, identity)
    if not first:
        yield place
        return
    with own(output):
        place.mkdir(parents=True, exist_ok=True)
        yield place
        shutil.rmtree(place)
