"""A detector: network, normalisation and head in float32; saved as one safetensors file with recipe and frame."""

import json
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from crossgen.config import Recipe
from crossgen.detectors.zoo import build
from crossgen.files import unwritable, write_whole

#: Raised when a saved detector is read in another way.
FORMAT = 1


@runtime_checkable
class TwoPart(Protocol):
    """A network that tells its convolutions from its head, so that the head can stay in float32."""

    def features(self, images: Tensor) -> Tensor:
        """Normalised images [n, 3, h, w] to features."""

    def head(self, features: Tensor) -> Tensor:
        """Features, float32, to logits [n, 1]."""


class Detector(nn.Module):
    """From uint8 crops to float32 logits, higher = more fake (label 1)."""

    mean: Tensor
    std: Tensor

    def __init__(self, recipe: Recipe, bf16: bool = False, channels_last: bool = True) -> None:
        super().__init__()
        self.network = build(recipe)
        self.bf16 = bf16
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        self.register_buffer("mean", 255 * torch.tensor(recipe.frame.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(recipe.frame.std).view(1, 3, 1, 1), persistent=False)

    @property
    def precision(self) -> Literal["fp32", "bf16"]:
        """Number format that it judges in."""
        return "bf16" if self.bf16 else "fp32"

    def forward(self, crops: Tensor) -> Tensor:
        """Crops uint8 [n, height, width, 3] on the detector's device to logits float32 [n]."""
        return self.judge(self.normalise(crops))

    def normalise(self, crops: Tensor) -> Tensor:
        """Crops uint8 [n, height, width, 3] to images float32 [n, 3, height, width], by the frame's mean and std."""
        images = (crops.permute(0, 3, 1, 2).float() - self.mean) / self.std
        return images.contiguous(memory_format=self.layout)

    def judge(self, images: Tensor) -> Tensor:
        """Normalised images [n, 3, height, width] to logits float32 [n].

        The head of a network that tells its two parts runs in float32, whatever autocast surrounds this.
        """
        if isinstance(self.network, TwoPart):
            with self._autocast(images):
                features = self.network.features(images)
            with torch.autocast(images.device.type, enabled=False):
                logits = self.network.head(features.float())
        else:
            with self._autocast(images):
                logits = self.network(images)
        if logits.shape != (len(images), 1):
            raise ValueError(f"The network gives shape {tuple(logits.shape)}: expected one logit an image, [n, 1].")
        flat: Tensor = logits.float().squeeze(1)
        return flat

    def _autocast(self, images: Tensor) -> AbstractContextManager[Any]:
        return torch.autocast(images.device.type, torch.bfloat16) if self.bf16 else nullcontext()


def wants_bf16(recipe: Recipe, network: nn.Module) -> bool:
    """Whether this machine runs the network in bf16 autocast: hardware that has it, and no depthwise net on a CPU.

    fp16 is for training only: such a detector is judged in float32.
    """
    if recipe.precision != "auto":
        return recipe.precision == "bf16"
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    depthwise = any(isinstance(part, nn.Conv2d) and part.groups > 1 for part in network.modules())
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16")) and not depthwise


def wants_channels_last(recipe: Recipe, network: nn.Module, bf16: bool, device: torch.device) -> bool:
    """Whether images and filters lie channels last: the faster, but torch's oneDNN corrupts the heap when it trains
    RepVGG in float32 that way on a CPU."""
    if recipe.channels_last != "auto":
        return recipe.channels_last == "yes"
    breaks = any(type(part).__name__ == "RepVggBlock" for part in network.modules())
    return not (breaks and not bf16 and device.type == "cpu")


def prepare(recipe: Recipe, device: torch.device | None = None) -> Detector:
    """A detector with fresh weights, on this machine's device (or the one told) and in its precision."""
    detector = Detector(recipe)
    device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
    detector.bf16 = wants_bf16(recipe, detector.network)
    if not wants_channels_last(recipe, detector.network, detector.bf16, device):
        detector.layout = torch.contiguous_format
    return detector.to(device).to(memory_format=detector.layout)


def device_of(detector: Detector) -> torch.device:
    """Where a detector's weights lie."""
    return detector.mean.device


def save(
    path: Path,
    state: Mapping[str, Tensor],
    recipe: Recipe,
    identity: Mapping[str, object],
    training: Mapping[str, object] | None = None,
) -> None:
    """Write weights, recipe (frame included), identity (experiment, train_set, seed, ...) and facts of the training
    (device, precision, ...) as one file, whole."""
    told: dict[str, object] = {"format": FORMAT, "recipe": recipe.model_dump(mode="json"), "identity": dict(identity)}
    told |= {} if training is None else {"training": dict(training)}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    try:
        write_whole(path, lambda part: save_file(tensors, part, {"crossgen": json.dumps(told, sort_keys=True)}))
    except SafetensorError as error:  # its own kind of error, for a full disk as well
        raise unwritable(path, error) from error


def load(path: Path) -> Detector:
    """Read a detector, ready to judge. Weights fit exactly or not at all (ValueError)."""
    with safe_open(path, framework="pt") as file:
        told = json.loads((file.metadata() or {}).get("crossgen", "{}"))
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    if told.get("format") != FORMAT:
        raise ValueError(
            f"{os.fspath(path)} is no detector of this crossgen (format {told.get('format')}, expected {FORMAT})."
        )
    recipe = Recipe.model_validate_json(json.dumps(told["recipe"]))
    detector = prepare(without_download(recipe))
    try:
        detector.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise ValueError(f"The weights in {os.fspath(path)} do not fit its own recipe: {error}") from error
    return detector.eval()


def without_download(recipe: Recipe) -> Recipe:
    """The same recipe, but with nothing fetched: all weights are in the file."""
    if "pretrained" not in recipe.options:
        return recipe
    return recipe.model_copy(update={"options": {**recipe.options, "pretrained": False}})
