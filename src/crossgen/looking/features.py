"""Features of any detector: what its last linear layer is given."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from crossgen.detectors.detector import Detector, device_of

Features = npt.NDArray[np.float32]
Logits = npt.NDArray[np.float32]

#: Pictures judged at a time.
BATCH = 32


@contextmanager
def exact(detector: Detector) -> Iterator[None]:
    """Within, the detector judges in float32 and as in tests (no dropout); after it, as before."""
    before, training = detector.bf16, detector.training
    detector.bf16 = False
    detector.eval()
    try:
        yield
    finally:
        detector.bf16 = before
        detector.train(training)


def features(detector: Detector, crops: npt.NDArray[np.uint8]) -> tuple[Features, Logits]:
    """Features float32 [n, d] and logits float32 [n] of crops uint8 [n, height, width, 3], computed in float32.

    Raises ValueError for a detector without a linear layer, or whose last one is given no vector an image.
    """
    found, logits = [], []
    with exact(detector), torch.inference_mode():
        for start in range(0, len(crops), BATCH):
            part = torch.from_numpy(np.ascontiguousarray(crops[start : start + BATCH])).to(device_of(detector))
            given, judged = _given(detector, detector.normalise(part))
            found.append(given.cpu().numpy())
            logits.append(judged.cpu().numpy())
    return np.concatenate(found), np.concatenate(logits)


def last_linear(detector: Detector, images: Tensor) -> nn.Linear:
    """The linear layer that runs last on normalised images. Raises ValueError if none runs."""
    with torch.no_grad():
        return _watched(detector, images)[0]


def _given(detector: Detector, images: Tensor) -> tuple[Tensor, Tensor]:
    layer, given, logits = _watched(detector, images)
    if given.ndim != 2 or len(given) != len(images):
        raise ValueError(
            f"The last linear layer of this detector ({layer}) is given shape {tuple(given.shape)}: expected one vector"
            f" an image, [{len(images)}, {layer.in_features}]; it has no features to compare."
        )
    return given.float(), logits


def _watched(detector: Detector, images: Tensor) -> tuple[nn.Linear, Tensor, Tensor]:
    """The last linear layer that runs, what it was given, and the logits."""
    seen: list[tuple[nn.Linear, Tensor]] = []
    linear = [part for part in detector.modules() if isinstance(part, nn.Linear)]
    hooks = [
        part.register_forward_pre_hook(lambda part, given: seen.__setitem__(slice(None), [(part, given[0])]))
        for part in linear
    ]
    try:
        logits = detector.judge(images)
    finally:
        for hook in hooks:
            hook.remove()
    if not seen:
        raise ValueError(
            f"{type(detector.network).__name__} runs no linear layer (nn.Linear): expected one before the logit, whose"
            " input are the features; end the network in nn.Linear to look into it."
        )
    return (*seen[0], logits)
