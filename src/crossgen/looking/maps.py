"""Maps of what speaks for fake and for real in a picture, by captum: Grad-CAM where it is sound, else occlusion.

Grad-CAM (Selvaraju et al., ICCV 2017) weighs the last maps of a convolutional network by their gradients. It needs maps
that lie as the picture does: not so for a transformer's tokens, for Spec (its maps are of a spectrum), or for textures
of the whole picture (GramNet). Occlusion (Zeiler and Fergus, ECCV 2014) asks of any detector by how much its logit
falls when a square is covered.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from captum.attr import LayerAttribution, LayerGradCam, Occlusion
from torch import Tensor, nn

from crossgen.detectors.detector import Detector, TwoPart, device_of
from crossgen.looking.features import exact, last_linear

Method = Literal["auto", "grad_cam", "occlusion"]
Maps = npt.NDArray[np.float32]

#: Architectures whose last maps lie as the picture does, if the network in them is convolutional.
ALIGNED = ("cnnspot", "npr", "res50nodown", "residual", "timm")
#: Squares that cover a side of the picture, and steps that a square takes along its own side.
SQUARES, STEPS = 8, 2


def maps(detector: Detector, crops: Tensor, architecture: str, method: Method = "auto") -> tuple[Maps, str]:
    """Maps float32 [n, height, width] in [-1, 1] of crops uint8 [n, height, width, 3], and the method that made them.

    Above 0 speaks for fake, below 0 for real; each map is divided by its own greatest magnitude (a map of nothing
    stays 0), so maps tell places and not amounts. Computed in float32. Raises ValueError: Grad-CAM is asked of a
    detector without maps of the picture.
    """
    with exact(detector):
        images = detector.normalise(crops.to(device_of(detector)))
        lies = architecture in ALIGNED or (method == "grad_cam" and ":" in architecture)  # of their own, they know
        layer = spatial_layer(detector, images[:1]) if lies and method != "occlusion" else None
        if layer is None and method == "grad_cam":
            raise ValueError(
                f"Grad-CAM needs last maps that lie as the picture does, which architecture {architecture!r} has not:"
                " expected --method occlusion, or auto."
            )
        raw = _occluded(detector, images) if layer is None else _grad_cam(detector, images, layer)
    found = raw.detach().float().cpu().numpy()
    greatest = np.abs(found).max(axis=(1, 2), keepdims=True)
    scaled = np.divide(found, greatest, out=np.zeros_like(found), where=greatest > 0)
    return scaled.astype(np.float32), "occlusion" if layer is None else "grad_cam"


def spatial_layer(detector: Detector, images: Tensor) -> nn.Module | None:
    """The module that makes the features [n, channels, h, w] which the head pools; None if there is none such."""
    network = detector.network
    if not isinstance(network, TwoPart):
        return None
    outputs: list[tuple[nn.Module, object]] = []
    hooks = [part.register_forward_hook(lambda part, _, out: outputs.append((part, out))) for part in network.modules()]
    try:
        with torch.no_grad():
            features = network.features(images)
    finally:
        for hook in hooks:
            hook.remove()
    channels = last_linear(detector, images).in_features
    # a transformer's tokens are [n, tokens, channels]; Swin's are [n, h, w, channels]
    if features.ndim != 4 or features.shape[1] != channels or min(features.shape[2:]) < 2:
        return None
    return next((part for part, output in reversed(outputs) if output is features), None)


def _grad_cam(detector: Detector, images: Tensor, layer: nn.Module) -> Tensor:
    with torch.enable_grad():
        coarse = LayerGradCam(detector.judge, layer).attribute(images)
    fine: Tensor = LayerAttribution.interpolate(coarse, tuple(images.shape[2:]), "bilinear")
    return fine[:, 0]


def _occluded(detector: Detector, images: Tensor) -> Tensor:
    """Each square is covered with the picture's mean colour."""
    height, width = images.shape[2:]
    square = (max(1, height // SQUARES), max(1, width // SQUARES))
    steps = tuple(max(1, side // STEPS) for side in square)
    covered = images.mean(dim=(2, 3), keepdim=True).expand_as(images)
    with torch.no_grad():
        told: Tensor = Occlusion(detector.judge).attribute(
            images, sliding_window_shapes=(3, *square), strides=(3, *steps), baselines=covered
        )
    return told.mean(dim=1)
