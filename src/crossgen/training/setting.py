"""How one training runs, beside its data and its recipe."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from crossgen.config import Start
from crossgen.training.batches import Data


@dataclass(frozen=True)
class Setting:
    """What the command line says of a training.

    `folder`: where checkpoints are written and looked for, one every `checkpoint_minutes` (None: none). `workers`:
    processes that read and augment (0: the training process itself); they change no number. `out_of_memory: halve` is
    for a single process: several cannot agree in the midst of a step, and stop. `start` takes the place of the
    recipe's. `joins`: pool of fakes to the share of the steps after which it joins (a pool not named: from the
    beginning). `events`: folder of TensorBoard's event files (None: none). `watched`: train set to its crops and
    index, whose val rows are scored every `watch_every` epochs and at the end, for the eye only.
    """

    seed: int
    folder: Path | None = None
    checkpoint_minutes: float = 10.0
    workers: int = 0
    out_of_memory: Literal["stop", "halve"] = "stop"
    start: Start | None = None
    joins: Mapping[str, float] = field(default_factory=dict)
    events: Path | None = None
    watched: Mapping[str, Data] = field(default_factory=dict)
    watch_every: int | None = None
