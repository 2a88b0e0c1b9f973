"""What a detector file tells of itself, read without torch."""

import json
from pathlib import Path
from typing import Any, BinaryIO

from blake3 import blake3

from crossgen.config import Frame


def read_header(path: Path) -> dict[str, Any]:
    """Recipe and identity from the header of a detector file (safetensors: 8 bytes of length, then JSON).

    Raises ValueError for another kind of file.
    """
    with open(path, "rb") as file:
        return _header(path, file)[0]


def frame_of(told: dict[str, Any]) -> Frame:
    """The frame that travels with the weights."""
    return Frame.model_validate_json(json.dumps(told["recipe"]["frame"]))


def digest(path: Path) -> str:
    """Digest of weights, recipe and identity: what was noted of the training (commit, device) changes no logit.

    Raises ValueError for another kind of file.
    """
    with open(path, "rb") as file:
        told, tensors = _header(path, file)
        told.pop("training", None)
        found = blake3(json.dumps([told, tensors], sort_keys=True).encode())
        found.update(file.read())
    return found.hexdigest(length=16)


def _header(path: Path, file: BinaryIO) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the file tells of itself, and where its tensors lie in the bytes that follow."""
    length = int.from_bytes(file.read(8), "little")
    try:
        tensors: dict[str, Any] = json.loads(file.read(length) if length < 2**27 else b"")
        told: dict[str, Any] = json.loads(tensors.pop("__metadata__")["crossgen"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not a detector file: train it again.") from error
    return told, tensors
