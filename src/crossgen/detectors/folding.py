"""Normalisations folded into the convolutions before them, for judging in bf16.

In evaluation a batch normalisation is one factor and one shift a channel, which its convolution can do as well: a pass
over the maps less for each. In float32 that would only change the last bits of logits; in bf16, which rounds to 8 bits
anyway, the passes are much of the time (`benchmarks/evaluation.py --part precision`).
"""

import copy
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from crossgen.detectors.detector import Detector, device_of, load
from crossgen.detectors.identity import frame_of, read_header

#: How far folded logits may lie from the others in float32, relative and absolute, of pictures of noise.
RELATIVE, ABSOLUTE = 1e-3, 1e-3
#: Least side of the pictures that a detector of whole images is tried on.
WHOLE = 64


@dataclass
class Seen:
    """What a forward pass told: normalisations by the convolution that they follow, and calls under autocast."""

    follows: dict[str, str] = field(default_factory=dict)
    cast: set[str] = field(default_factory=set)
    calls: Counter[str] = field(default_factory=Counter)
    _makers: list[tuple[Tensor, str]] = field(default_factory=list)

    def convolution(self, name: str, output: Tensor) -> None:
        """A convolution gave `output`, which is held: so no other tensor can take its place."""
        self.calls[name] += 1
        self._makers.append((output, name))
        if torch.is_autocast_enabled(output.device.type):
            self.cast.add(name)

    def normalisation(self, name: str, given: Tensor) -> None:
        """A normalisation was given `given`."""
        self.calls[name] += 1
        for output, maker in self._makers:
            if output is given:
                self.follows[name] = maker


def load_folded(path: Path) -> Detector:
    """Read a detector, ready to judge: the fastest form of it that there is. Raises ValueError as `load` does."""
    frame = frame_of(read_header(path))
    return folded(load(path), max(frame.size, WHOLE) if frame.kind == "whole" else frame.size)


def folded(detector: Detector, side: int) -> Detector:
    """A copy of a detector that judges in bf16 faster: normalisations folded, the weights of convolutions in bf16.

    `side`: of the square pictures that it is tried on. What a network does with its layers is not told by its modules,
    so it is looked at; a copy whose logits in float32 were others would not be used. A detector that judges in float32
    is returned as it is.
    """
    if not detector.bf16:
        return detector
    pictures = _noise(side, device_of(detector))
    copied = copy.deepcopy(detector).eval()
    seen = _looked_at(copied, pictures)
    _fold(copied, seen)
    if not _agree(detector, copied, pictures):
        copied = copy.deepcopy(detector).eval()
    for name in seen.cast:
        copied.get_submodule(name).to(torch.bfloat16)  # as autocast would at every call
    return copied.to(memory_format=copied.layout)


def _noise(side: int, device: torch.device) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (2, side, side, 3), generator=generator, dtype=torch.uint8).to(device)


@torch.inference_mode()
def _looked_at(detector: Detector, pictures: Tensor) -> Seen:
    seen, hooks = Seen(), []
    for name, module in detector.named_modules():
        if type(module) is nn.Conv2d:
            hooks.append(module.register_forward_hook(lambda _, __, out, name=name: seen.convolution(name, out)))
        elif type(module) is nn.BatchNorm2d:
            hooks.append(
                module.register_forward_pre_hook(lambda _, given, name=name: seen.normalisation(name, given[0]))
            )
    detector(pictures)
    for hook in hooks:
        hook.remove()
    return seen


def _fold(detector: Detector, seen: Seen) -> None:
    followers = Counter(seen.follows.values())
    for after, before in seen.follows.items():
        maker, norm = detector.get_submodule(before), detector.get_submodule(after)
        once = followers[before] == seen.calls[before] == seen.calls[after] == 1
        if once and isinstance(maker, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d) and norm.track_running_stats:
            detector.set_submodule(before, fuse_conv_bn_eval(maker, norm))
            detector.set_submodule(after, nn.Identity())


@torch.inference_mode()
def _agree(one: Detector, other: Detector, pictures: Tensor) -> bool:
    return torch.allclose(_exact(one, pictures), _exact(other, pictures), rtol=RELATIVE, atol=ABSOLUTE)


def _exact(detector: Detector, pictures: Tensor) -> Tensor:
    detector.bf16 = False
    logits: Tensor = detector(pictures)
    detector.bf16 = True
    return logits
