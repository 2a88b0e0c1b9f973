"""What makers of images share: the library diffusers, number formats, generators of noise, models that are pinned."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def library(name: str) -> Any:  # noqa: ANN401 (a module)
    """An optional package. Raises ValueError that says how to get it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ValueError(
            f"This source needs the package {name!r}, which cannot be imported ({error}): install it in the"
            " environment (it is in envs/requirements.txt: make setup)."
        ) from error


def refuse_unpinned(model: str, revision: str | None, where: str = "source.by") -> None:
    """Raise ValueError for a model at the hub without the commit: tomorrow its weights may be others."""
    if not Path(model).is_dir() and revision is None:
        raise ValueError(
            f"{model!r} in {where} is no folder here; at the hub a model needs its `revision`, the 40 hexadecimal"
            " digits of a commit: a branch would be another model tomorrow."
        )


def generators(seeds: Sequence[int]) -> list[torch.Generator]:
    """A generator an image, on the processor: the same draws on every device."""
    return [torch.Generator().manual_seed(seed) for seed in seeds]
