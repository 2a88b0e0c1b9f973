"""The networks that we train ourselves: what they have in common."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from autoencoder import Autoencoder
from diffusion import Diffusion
from safetensors.torch import load_file
from torch import nn
from vq import VectorQuantised

# Each has `learning_rate`, `facts`, `loss(images)` and `resynthesise(images, key)`; images are [n, 3, h, w] in 0..1.
OWN: dict[str, type[nn.Module]] = {"autoencoder": Autoencoder, "vq": VectorQuantised, "diffusion": Diffusion}


def load(pool: str, weights: Path) -> nn.Module:
    """A trained network (half precision on disk, float32 in memory); strict: raises if a tensor is missing."""
    network = OWN[pool]()
    network.load_state_dict({name: tensor.float() for name, tensor in load_file(weights).items()})
    return network.eval()


@torch.inference_mode()
def reconstruct(network: nn.Module, image: np.ndarray, key: str) -> np.ndarray:
    """What a network makes of an image, uint8 [height, width, 3], in float32; the key seeds its noise, if any."""
    pixels = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255
    output = network.resynthesise(pixels, key).clamp(0, 1)[0].permute(1, 2, 0)
    return (output * 255).round().byte().numpy()


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    """Peak signal-to-noise ratio of two uint8 images, in dB."""
    return 10 * math.log10(255**2 / max(np.mean((first.astype(float) - second) ** 2), 1e-9))
