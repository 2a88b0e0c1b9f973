"""Autoencoders behind one interface: images to a latent's mean and deviation, latents to images.

No scaling or shift is applied between the two: latents go back as they came.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import safe_open
from torch import Tensor, nn

from crossgen.config import DiffusersAutoencoder, OwnAutoencoder
from crossgen.diffusion import DTYPES, library, refuse_unpinned
from crossgen.reconstruction.own_networks import FACTOR, Continuous, Quantised

OWN: dict[str, type[nn.Module]] = {"KL": Continuous, "VQ": Quantised}


class Autoencoder(Protocol):
    """`factor`: sides of images are multiples of it; `dtype`: what they are handed over in."""

    factor: int
    dtype: torch.dtype

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Images [n, 3, h, w] in [-1, 1] to the latent's mean and standard deviation (None: nothing to draw)."""

    def decode(self, latents: Tensor, generators: list[torch.Generator]) -> Tensor:
        """Latents to images [n, 3, h, w], about [-1, 1]; a decoder that draws takes a generator an image."""


class Own:
    """An autoencoder of ours."""

    def __init__(self, told: OwnAutoencoder, device: torch.device) -> None:
        path = Path(told.weights)
        if not path.is_file():
            raise ValueError(f"No weights {told.weights}: correct source.by.weights in the config.")
        with safe_open(path, framework="pt") as file:
            name = (file.metadata() or {}).get("architecture", "")
            state = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118 (not a mapping)
        kind = next((kind for word, kind in OWN.items() if f"mini {word} autoencoder" in name), None)
        if kind is None:
            raise ValueError(
                f"{told.weights} holds {name or 'no architecture'!r}: expected crossgen's mini KL or VQ one."
            )
        network = kind()
        try:
            network.load_state_dict(state, strict=True)
        except RuntimeError as error:
            raise ValueError(f"The weights in {told.weights} do not fit {name!r}: {error}") from error
        self._network: Any = network.to(device).eval()
        self.factor, self.dtype = FACTOR, torch.float32

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """See Autoencoder."""
        found: tuple[Tensor, Tensor | None] = self._network.encode(images)
        return found

    def decode(self, latents: Tensor, generators: list[torch.Generator]) -> Tensor:
        """See Autoencoder."""
        images: Tensor = self._network.decode(latents)
        return images


class OfDiffusers:
    """One of diffusers."""

    def __init__(self, told: DiffusersAutoencoder, device: torch.device) -> None:
        self.dtype = DTYPES[told.precision]
        self._network: Any = _loaded(told, self.dtype).to(device).eval()
        blocks = self._network.config.get("block_out_channels") or self._network.config["encoder_block_out_channels"]
        self.factor = 2 ** (len(blocks) - 1)
        self._draws = type(self._network).__name__ == "ConsistencyDecoderVAE"

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """See Autoencoder."""
        encoded = self._network.encode(images)
        if hasattr(encoded, "latent_dist"):
            return encoded.latent_dist.mean, encoded.latent_dist.std
        return encoded.latents, None

    def decode(self, latents: Tensor, generators: list[torch.Generator]) -> Tensor:
        """See Autoencoder."""
        if not self._draws:
            images: Tensor = self._network.decode(latents).sample
            return images
        parts = [
            self._network.decode(one[None], generator=own).sample for one, own in zip(latents, generators, strict=True)
        ]
        return torch.cat(parts)


def _loaded(told: DiffusersAutoencoder, dtype: torch.dtype) -> Any:  # noqa: ANN401 (a class of diffusers)
    """Raises ValueError where the package, the model or its class is not to be had."""
    diffusers = library("diffusers")
    refuse_unpinned(told.model, told.revision)
    where: dict[str, Any] = {"subfolder": told.subfolder, "revision": told.revision}
    try:
        name = told.architecture if told.architecture != "auto" else _class_of(told)
        return getattr(diffusers, name).from_pretrained(told.model, dtype=dtype, **where)
    except (OSError, ValueError, AttributeError) as error:
        part = f" (subfolder {told.subfolder})" if told.subfolder else ""
        raise ValueError(
            f"Cannot load the autoencoder {told.model!r}{part} in source.by of the config: {error}. A folder holds what"
            " `save_pretrained` wrote; from the hub, fetch it first where there is internet (HF_HOME)."
        ) from error


def _class_of(told: DiffusersAutoencoder) -> str:
    if Path(told.model).is_dir():
        path = Path(told.model, told.subfolder or "", "config.json")
    else:
        from huggingface_hub import hf_hub_download

        path = Path(hf_hub_download(told.model, "config.json", subfolder=told.subfolder, revision=told.revision))
    return str(json.loads(path.read_text(encoding="utf-8")).get("_class_name", "AutoencoderKL"))


LOADERS: dict[type, Callable[[Any, torch.device], Autoencoder]] = {
    OwnAutoencoder: Own, DiffusersAutoencoder: OfDiffusers,
}  # fmt: skip
