"""From pixels to the pixels of their reconstruction, of one size at a time."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from crossgen.config import ImageToImage, ReconstructedSource
from crossgen.data.made_files import seed_of
from crossgen.diffusion import DTYPES, generators, library, refuse_unpinned
from crossgen.reconstruction.autoencoders import LOADERS

Pixels = npt.NDArray[np.uint8]
#: uint8 values of numbers in [0, 255].
QUANTISATIONS: dict[str, Callable[[Tensor], Tensor]] = {"truncate": torch.floor, "round": torch.round}


class Maker(Protocol):
    """Reconstructs images; sides are multiples of `factor`."""

    factor: int

    def make(self, images: Pixels, names: Sequence[str]) -> Pixels:
        """uint8 [n, h, w, 3] to the same; draws are functions of the names."""


def drawn_by(names: Sequence[str], seed: int) -> list[torch.Generator]:
    """The generator of each image, by its id."""
    return generators([seed_of(f"reconstruct/{seed}/{name}") for name in names])


class ByAutoencoder:
    """There and back: [-1, 1], the latent drawn or its mean, no scaling, clamped."""

    def __init__(self, source: ReconstructedSource, device: torch.device) -> None:
        self._source, self._device = source, device
        self._network = LOADERS[type(source.by)](source.by, device)
        self.factor = self._network.factor

    @torch.inference_mode()
    def make(self, images: Pixels, names: Sequence[str]) -> Pixels:
        """See Maker."""
        own = drawn_by(names, self._source.seed)
        given = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
        mean, deviation = self._network.encode((2 * given - 1).to(self._device, self._network.dtype))
        if deviation is not None and self._source.latent == "sample":
            noise = torch.stack([torch.randn(mean.shape[1:], generator=each) for each in own])
            mean = mean + deviation * noise.to(mean.device, mean.dtype)
        made = self._network.decode(mean, own).float().cpu() / 2 + 0.5
        return quantised(made, self._source.quantisation)


class ByDiffusion:
    """An image-to-image pipeline at low strength, one image at a time: its noise is drawn for that image alone."""

    def __init__(self, source: ReconstructedSource, device: torch.device) -> None:
        if not isinstance(source.by, ImageToImage):
            raise TypeError(f"expected img2img, not {source.by.kind}")
        self._told, self._source = source.by, source
        refuse_unpinned(self._told.model, self._told.revision)
        self._pipeline = _pipeline(self._told).to(device)
        self._pipeline.set_progress_bar_config(disable=True)
        self.factor = int(getattr(self._pipeline, "vae_scale_factor", 8))

    @torch.inference_mode()
    def make(self, images: Pixels, names: Sequence[str]) -> Pixels:
        """See Maker."""
        made = []
        drawn = drawn_by(names, self._source.seed)
        for image, name, generator in zip(images, names, drawn, strict=True):
            given = torch.from_numpy(image)[None].permute(0, 3, 1, 2).float() / 255
            told = self._pipeline(
                prompt=self._told.prompt,
                image=given,
                strength=self._told.strength,
                num_inference_steps=self._told.steps,
                guidance_scale=self._told.guidance,
                generator=generator,
                output_type="pt",
            )
            _refuse_blackened(told, name)
            made.append(told.images.float().cpu())
        return quantised(torch.cat(made), self._source.quantisation)


def _refuse_blackened(told: object, name: str) -> None:
    """A safety checker paints images black, which would be taken for fakes."""
    if any(getattr(told, "nsfw_content_detected", None) or ()):
        raise ValueError(
            f"The pipeline's safety checker blackened the reconstruction of {name}: save the pipeline without one"
            " (safety_checker=None), and name that folder in source.by.model."
        )


def _pipeline(told: ImageToImage) -> Any:  # noqa: ANN401 (a pipeline of diffusers)
    kind = library("diffusers").AutoPipelineForImage2Image
    options: dict[str, Any] = {"dtype": DTYPES[told.precision], "revision": told.revision}
    try:
        return kind.from_pretrained(told.model, **options)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"Cannot load the pipeline {told.model!r} in source.by of the config: {error}. A folder holds what"
            " `save_pretrained` wrote; from the hub, fetch it first where there is internet (HF_HOME)."
        ) from error


def quantised(images: Tensor, how: str) -> Pixels:
    """Images [n, 3, h, w] in about [0, 1] to uint8 [n, h, w, 3]."""
    levels = QUANTISATIONS[how](images.clamp(0, 1) * 255).to(torch.uint8)
    return np.ascontiguousarray(levels.permute(0, 2, 3, 1).numpy())


def maker(source: ReconstructedSource, device: torch.device) -> Maker:
    """What a source is made by. Raises ValueError where it cannot be loaded."""
    return ByDiffusion(source, device) if isinstance(source.by, ImageToImage) else ByAutoencoder(source, device)
