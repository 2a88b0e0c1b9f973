"""What a scoring job owes: every detector's logits of every pixel cell of its frame."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from crossgen.config import Condition, Frame
from crossgen.data import frames
from crossgen.detectors.identity import digest, frame_of, read_header
from crossgen.evaluation.cells import Store
from crossgen.evaluation.render import Images, effective_steps, failures, shard_images
from crossgen.evaluation.scoring import Task, logit_key

#: A row of RENDERED: which pixel cell holds a pool's shard under one frame and condition.
Cell = dict[str, Any]

#: (pool, shard) -> its test images
Load = Callable[[str, int], Images]

#: Raised when a row of the index tells something else: 2 names weights, frame and pixels.
VERSION = 2


def loader(pools: Mapping[str, Mapping[str, str]]) -> Load:
    """Reads the images of {pool: {"root": folder, "manifest": file}}, each shard once."""
    return cache(lambda pool, shard: shard_images(Path(pools[pool]["manifest"]), shard, Path(pools[pool]["root"])))


@dataclass(frozen=True)
class Owed:
    """`rows` of the job's index; the cells by the logit cell that judges them; who judges which pixel cell."""

    rows: list[dict[str, object]]
    judged: dict[str, list[Cell]]
    judges: dict[str, dict[str, int]]  # pixel cell -> logit cell -> place of the detector
    load: Load

    @classmethod
    def of(cls, detectors: Sequence[Path], cells: Sequence[Cell], load: Load) -> "Owed":
        """Every detector with every cell of its frame; reads headers only."""
        owed = cls([], {}, {}, load)
        seen = [(frames.key(_frame(cell)), cell) for cell in cells]  # once, not once a detector
        for place, path in enumerate(detectors):
            header = read_header(path)
            weights, geometry = digest(path), frames.key(frame_of(header))
            for shape, cell in seen:
                if shape == geometry:
                    owed._add(place, header["identity"], cell, weights)
        return owed

    def _add(self, place: int, identity: Mapping[str, object], cell: Cell, weights: str) -> None:
        name = logit_key(weights, cell["cell"])
        keys = {key: identity[key] for key in ("experiment", "train_set", "seed")}
        keys |= {key: cell[key] for key in ("pool", "shard", "condition", "frame")}
        self.rows.append(keys | {"weights": weights, "pixels": cell["cell"], "logits": name})
        self.judged.setdefault(name, []).append(cell)
        self.judges.setdefault(cell["cell"], {})[name] = place

    def tasks(self, conditions: Sequence[Condition], logits: Store) -> list[Task]:
        """What `logits` does not hold: one task a pixel cell, for conditions that come to the same pixels share it."""
        known = {item.name: item for item in conditions}
        cells = {cell["cell"]: cell for rows in self.judged.values() for cell in rows}
        tasks = []
        for pixels, names in self.judges.items():
            missing = tuple((place, name) for name, place in names.items() if not logits.holds(name))
            if missing:
                cell = cells[pixels]
                images = self.load(cell["pool"], cell["shard"])
                steps = effective_steps(known[cell["condition"]], images.label, conditions)
                tasks.append(Task(images, _frame(cell), steps, pixels, missing))
        return tasks

    def losses(self, logits: Store) -> list[dict[str, object]]:
        """LOSSES rows: who has no picture is a matter of pool, frame and condition, whichever detector looks."""
        found: dict[tuple[str, str], dict[str, object]] = {}
        for name, cells in self.judged.items():
            for row, reason in failures(logits, name).items():
                for cell in cells:
                    lost_for = f"{frames.key(_frame(cell))} {cell['condition']}"
                    image_id = self.load(cell["pool"], cell["shard"]).ids[row]
                    told = {"stage": "test", "lost_for": lost_for, "pool": cell["pool"], "image_id": image_id}
                    found[lost_for, image_id] = told | {"reason": reason}
        return list(found.values())


def _frame(cell: Cell) -> Frame:
    return Frame.model_validate_json(cell["frame"])
