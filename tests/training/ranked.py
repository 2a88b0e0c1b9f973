"""A training as one of several processes: started by torchrun in tests; each rank writes what came out."""

import sys
from pathlib import Path

import torch
from tiny_training import Losing, data, recipe

from crossgen.config import Ema
from crossgen.training.loop import train
from crossgen.training.setting import Setting


def main(output: Path, norm: bool, precision: str) -> None:
    told = data()
    plain = recipe(options={"norm": norm}, ema=Ema(decay=0.9) if norm else None, precision=precision, epochs=None)
    lines: list[str] = []
    reader = Losing(told, plain, {0, 50}) if norm else None
    setting = Setting(0, folder=output, checkpoint_minutes=0.0, watched={"other": data(8, 10, 3)}, watch_every=2)
    result = train(told, plain, setting, lines.append, reader)
    rank = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
    told_of = {"state": result.state, "history": result.history.to_dict("list"), "lines": lines}
    torch.save(told_of | {"lost": result.lost, "watched": result.watched.to_dict("list")}, output / f"rank{rank}.out")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] == "norm", sys.argv[3])
