"""Autoencoders and pipelines of diffusers: tiny ones with random weights, saved by diffusers and read back."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from crossgen.config import DiffusersAutoencoder, ReconstructedSource
from crossgen.reconstruction.autoencoders import OfDiffusers
from crossgen.reconstruction.makers import drawn_by, maker

diffusers = pytest.importorskip("diffusers")
CPU = torch.device("cpu")
BLOCKS = {"down_block_types": ("DownEncoderBlock2D",) * 3, "up_block_types": ("UpDecoderBlock2D",) * 3}
SMALL = {"block_out_channels": (4, 4, 8), "norm_num_groups": 2}


def _kl(channels: int) -> Any:
    return diffusers.AutoencoderKL(**BLOCKS, **SMALL, latent_channels=channels, sample_size=16, scaling_factor=0.2)


MODELS = {
    "kl": lambda: _kl(4),
    "kl16": lambda: _kl(16),
    "vq": lambda: diffusers.VQModel(**BLOCKS, **SMALL, latent_channels=3, num_vq_embeddings=16),
    "tiny": lambda: diffusers.AutoencoderTiny(
        encoder_block_out_channels=(4, 4, 4), decoder_block_out_channels=(4, 4, 4),
        num_encoder_blocks=(1, 1, 1), num_decoder_blocks=(1, 1, 1),
    ),
}  # fmt: skip


def _consistency() -> Any:
    """Its decoder is a small UNet that begins with noise."""
    return diffusers.ConsistencyDecoderVAE(
        encoder_block_out_channels=(4, 4, 8), encoder_down_block_types=("DownEncoderBlock2D",) * 3,
        encoder_layers_per_block=1, encoder_norm_num_groups=2,
        decoder_block_out_channels=(8, 8), decoder_down_block_types=("ResnetDownsampleBlock2D",) * 2,
        decoder_up_block_types=("ResnetUpsampleBlock2D",) * 2, decoder_layers_per_block=1, decoder_norm_num_groups=2,
    )  # fmt: skip


def _images(count: int, height: int = 24, width: int = 16) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (count, height, width, 3), np.uint8)


def _source(folder: Path, **told: Any) -> ReconstructedSource:
    by = {"kind": "diffusers", "model": str(folder)} | told.pop("by", {})
    return ReconstructedSource.model_validate({"kind": "reconstructed", "root": "made", "of": "reals", "by": by} | told)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    for name, build in MODELS.items():
        torch.manual_seed(0)
        build().save_pretrained(root / name)
        build().save_pretrained(root / "pipeline" / name)
    torch.manual_seed(0)
    _consistency().save_pretrained(root / "consistency")
    return root


def test_the_class_is_read_from_the_models_own_config_and_so_is_the_factor(models: Path) -> None:
    for name in MODELS:
        found = OfDiffusers(DiffusersAutoencoder(kind="diffusers", model=str(models / name)), CPU)
        assert found.factor == 4
        assert found.dtype == torch.float32


@pytest.mark.parametrize("name", MODELS)
def test_a_reconstruction_is_what_diffusers_makes_of_it(models: Path, name: str) -> None:
    images = _images(2)
    made = maker(_source(models / name, latent="mode"), CPU).make(images, ["reals/a", "reals/b"])
    network = type(MODELS[name]()).from_pretrained(models / name).eval()
    with torch.no_grad():
        given = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255 * 2 - 1
        encoded = network.encode(given)
        latents = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
        decoded = (network.decode(latents).sample / 2 + 0.5).clamp(0, 1)
    assert (made == decoded.mul(255).byte().permute(0, 2, 3, 1).numpy()).all()


@pytest.mark.parametrize("name", ["kl", "kl16"])
def test_a_drawn_latent_goes_by_the_image_and_the_seed_alone(models: Path, name: str) -> None:
    images = np.repeat(_images(1), 3, axis=0)
    drawn = maker(_source(models / name), CPU)
    first = drawn.make(images, ["reals/a", "reals/b", "reals/a"])
    assert (first[0] == first[2]).all()
    assert (first[0] != first[1]).any()
    other = maker(_source(models / name, seed=1), CPU).make(images, ["reals/a", "reals/b", "reals/a"])
    assert (other != first).any()
    alone = drawn.make(images[:1], ["reals/b"])[0]
    assert np.abs(alone.astype(int) - first[1]).max() <= 1  # float sums may differ by the batch


@pytest.mark.parametrize("latent", ["mode", "sample"])
def test_a_consistency_decoder_draws_for_each_image_by_its_name(models: Path, latent: str) -> None:
    images, names = _images(2), ["reals/a", "reals/b"]
    source = _source(models / "consistency", latent=latent, seed=5)
    assert OfDiffusers(source.by, CPU).factor == 4  # its class and its encoder's blocks, from its own config
    made = maker(source, CPU).make(images, names)
    network = diffusers.ConsistencyDecoderVAE.from_pretrained(models / "consistency").eval()
    with torch.no_grad():
        for image, name, found in zip(images, names, made, strict=True):
            own = drawn_by([name], 5)[0]
            given = torch.from_numpy(image)[None].permute(0, 3, 1, 2).float() / 255 * 2 - 1
            told = network.encode(given).latent_dist
            noise = torch.randn(told.mean.shape[1:], generator=own) if latent == "sample" else 0
            decoded = (network.decode(told.mean + told.std * noise, generator=own).sample / 2 + 0.5).clamp(0, 1)
            expected = decoded[0].mul(255).byte().permute(1, 2, 0).numpy()
            assert np.abs(found.astype(int) - expected).max() <= 1  # float sums may differ by the batch
    twice = maker(source, CPU).make(np.repeat(images[:1], 3, axis=0), ["reals/a", "reals/c", "reals/a"])
    assert (twice[0] == twice[2]).all() and np.abs(twice[0].astype(int) - made[0]).max() <= 1
    assert np.abs(twice[0].astype(int) - twice[1]).mean() > 5  # another noise is another image
    other = maker(_source(models / "consistency", latent=latent, seed=6), CPU).make(images, names)
    assert np.abs(other.astype(int) - made).mean() > 5


def test_a_part_of_a_pipeline_is_found_in_its_subfolder(models: Path) -> None:
    found = OfDiffusers(DiffusersAutoencoder(kind="diffusers", model=str(models / "pipeline"), subfolder="vq"), CPU)
    assert found.factor == 4


def test_half_precision_is_what_the_network_gets(models: Path) -> None:
    told = DiffusersAutoencoder(kind="diffusers", model=str(models / "kl"), precision="bf16")
    assert OfDiffusers(told, CPU).dtype == torch.bfloat16
    made = maker(_source(models / "kl", by={"precision": "bf16"}), CPU).make(_images(1), ["reals/a"])
    assert made.shape == (1, 24, 16, 3)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"Cannot load the autoencoder .* in source\.by"):
        OfDiffusers(DiffusersAutoencoder(kind="diffusers", model=str(tmp_path)), CPU)


def test_a_model_at_the_hub_needs_its_commit() -> None:
    with pytest.raises(ValueError, match="needs its `revision`"):
        OfDiffusers(DiffusersAutoencoder(kind="diffusers", model="nobody/nothing"), CPU)
