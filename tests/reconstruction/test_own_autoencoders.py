"""Our two autoencoders make here what the scripts that trained them make."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from crossgen.config import OwnAutoencoder, ReconstructedSource
from crossgen.reconstruction.autoencoders import Own
from crossgen.reconstruction.makers import maker

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")
NETWORKS = {"autoencoder": "Autoencoder", "vq": "VectorQuantised"}


def _weights(name: str) -> str:
    return str(ROOT / "data" / "mini" / f"{name}.safetensors")


def _source(name: str, **told: Any) -> ReconstructedSource:
    by = {"kind": "crossgen", "weights": _weights(name)}
    return ReconstructedSource.model_validate({"kind": "reconstructed", "root": "made", "of": "reals", "by": by} | told)


def _images() -> np.ndarray:
    return np.random.default_rng(4).integers(0, 256, (2, 32, 24, 3), np.uint8)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_output_is_that_of_the_script_that_trained_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "workflow" / "mini"))
    network = getattr(__import__(name), NETWORKS[name])()
    network.load_state_dict({key: value.float() for key, value in load_file(_weights(name)).items()})
    given = torch.from_numpy(_images()).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        expected = network.eval().resynthesise(given, "").clamp(0, 1).mul(255).byte()
    made = maker(_source(name, latent="mode"), CPU).make(_images(), ["reals/a", "reals/b"])
    assert (made == expected.permute(0, 2, 3, 1).numpy()).all()


def test_a_drawn_latent_is_another_than_the_most_likely() -> None:
    drawn, likely = (
        maker(_source("autoencoder", latent=latent), CPU).make(_images(), ["reals/a", "reals/b"])
        for latent in ("sample", "mode")
    )
    assert (drawn != likely).any()


def test_weights_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"No weights .*source\.by\.weights"):
        Own(OwnAutoencoder(kind="crossgen", weights=str(tmp_path / "none.safetensors")), CPU)


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(ValueError, match="expected crossgen's mini KL or VQ one"):
        Own(OwnAutoencoder(kind="crossgen", weights=_weights("diffusion")), CPU)
