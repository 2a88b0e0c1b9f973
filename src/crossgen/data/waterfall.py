"""Counting what a selection loses at each step, by split, label and pool; and the digest of what is left."""

import json
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd
from blake3 import blake3

Mask = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]
GROUP = ["split", "label", "pool"]
LABELS = {"real": 0, "fake": 1}


@dataclass(frozen=True)
class Step:
    """What one step did: images removed and left, one number for each split, label and pool."""

    name: str
    setting: str
    removed: Counts
    left: Counts

    def __str__(self) -> str:
        """Name and setting, for messages."""
        return f"{self.name} {self.setting}".rstrip()


@dataclass
class Sieve:
    """Rows that pass through steps. `alive` tells which are left; no row is copied or moved."""

    rows: pd.DataFrame
    alive: Mask
    steps: list[Step] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        """Everything is left at first; the groups that are counted do not change afterwards."""
        groups = self.rows.groupby(GROUP, sort=True)
        self._code = groups.ngroup().to_numpy()
        self._groups = groups.size().index.to_frame(index=False)
        self._count("found", "", np.zeros(len(self.rows), bool))

    def keep(self, step: str, mask: Mask, setting: str = "", label: str | None = None) -> None:
        """Keep the rows of `mask`; of one label only, if it is named: the other is not touched."""
        if label is not None:
            mask = mask | (self.rows["label"].to_numpy() != LABELS[label])
        removed = self.alive & ~mask
        self.alive = self.alive & mask
        self._count(step, setting, removed)

    def left(self) -> pd.DataFrame:
        """The rows that are left."""
        kept: pd.DataFrame = self.rows[self.alive]
        return kept

    def _count(self, step: str, setting: str, removed: Mask) -> None:
        size = len(self._groups)
        lost = np.bincount(self._code[removed], minlength=size)
        left = np.bincount(self._code[self.alive], minlength=size)
        self.steps.append(Step(step, setting, lost, left))

    def table(self) -> pd.DataFrame:
        """A row for each step, split, label and pool: position, step, setting, counts removed and left."""
        parts = [
            self._groups.assign(position=n, step=step.name, setting=step.setting, removed=step.removed, left=step.left)
            for n, step in enumerate(self.steps)
        ]
        found = self.steps[0].left > 0
        return pd.concat([part[found] for part in parts], ignore_index=True)

    def history(self, split: str, label: int) -> str:
        """What the steps did to one split and label, in words, for the message that too little is left."""
        mine = (self._groups["split"].eq(split) & self._groups["label"].eq(label)).to_numpy()
        counts = [(step, int(step.removed[mine].sum())) for step in self.steps]
        lost = [f"{step} removed {count:,}" for step, count in counts if count]
        return f"of {int(self.steps[0].left[mine].sum()):,} found, {', '.join(lost) or 'none were removed'}"


def digest(rows: pd.DataFrame) -> str:
    """blake3 over the sorted (image id, split, label, digest of the file): equal where the same files are learnt from.

    A file that was not digested (`hash: false`) counts by its id alone.
    """
    digests = rows["blake3"].where(rows["blake3"].notna(), "").tolist()
    told = zip(rows["image_id"].tolist(), rows["split"].tolist(), rows["label"].tolist(), digests, strict=True)
    lines = (json.dumps([name, split, int(label), file]) for name, split, label, file in sorted(told))
    return blake3("\n".join(lines).encode()).hexdigest()
