"""What a detector file tells of itself, read without torch."""

import json
from pathlib import Path
from typing import Any

from blake3 import blake3

from crossgen.config import Frame


def read_header(path: Path) -> dict[str, Any]:
    """Recipe and identity from the header of a detector file (safetensors: 8 bytes of length, then JSON).

    Raises ValueError for another kind of file.
    """
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(length) if length < 2**27 else b""
    try:
        told: dict[str, Any] = json.loads(json.loads(header)["__metadata__"]["crossgen"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a detector file: train it again.") from error
    return told


def frame_of(told: dict[str, Any]) -> Frame:
    """The frame that travels with the weights."""
    return Frame.model_validate_json(json.dumps(told["recipe"]["frame"]))


def digest(path: Path) -> str:
    """Digest of the file: weights, recipe and identity."""
    return blake3(path.read_bytes()).hexdigest(length=16)
