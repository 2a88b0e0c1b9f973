"""A training as one of several processes: started by torchrun in tests; each rank writes what came out."""

import sys
from dataclasses import replace
from pathlib import Path

import torch
from tiny_training import Losing, data, recipe

from crossgen.config import Ema, Recipe
from crossgen.training.batches import Data
from crossgen.training.loop import train
from crossgen.training.setting import Setting


def paired(told: Data) -> Data:
    """Each image of label 1 as the fake made from the one before it."""
    pair = told.index["image_id"].shift().where(told.index["label"].eq(1))
    return replace(told, index=told.index.assign(pair=pair))


def main(output: Path, kind: str, precision: str, start: str | None = None) -> None:
    told, norm = paired(data()), kind == "norm"
    plain = recipe(options={"norm": norm}, ema=Ema(decay=0.9) if norm else None, precision=precision, epochs=None)
    if kind == "pairs":
        pairs = {"pairing": "name", "synchronised": True, "augment": ({"step": "flip"},)}
        plain = recipe(**(plain.model_dump() | pairs))
    if start:
        told_of = {"start": {"weights": start, "head": "keep"}, "stay_positive": {"batch_norm": "frozen"}}
        plain = Recipe.model_validate(plain.model_dump() | told_of)
    lines: list[str] = []
    reader = Losing(told, plain, {0, 50}) if norm else None
    other = paired(data(8, 10, 3))
    setting = Setting(0, folder=output, checkpoint_minutes=0.0, watched={"other": other}, watch_every=2)
    result = train(told, plain, setting, lines.append, reader)
    rank = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
    told_of = {"state": result.state, "history": result.history.to_dict("list"), "lines": lines}
    torch.save(told_of | {"lost": result.lost, "watched": result.watched.to_dict("list")}, output / f"rank{rank}.out")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
