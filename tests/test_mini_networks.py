"""Our own networks of the mini data set: the committed weights work, and made the committed images."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from test_mini_data import DATA, OWN, pool

LEAST = 16  # pixels that two crops must share in width and height
BORDER = 40  # pixels from the border of a crop that its border reaches, in what a network makes of it


def overlaps(name: str, border: int = 0) -> list[tuple]:
    """(fake, lossless crop, box) of one photograph: the box is in both, `border` or more inside the lossless crop."""
    found = []
    for fake, crop in itertools.product(pool(name).itertuples(), pool("photographs_png").itertuples()):
        left, top = max(fake.crop_x, crop.crop_x + border), max(fake.crop_y, crop.crop_y + border)
        right = min(fake.crop_x + fake.crop_w, crop.crop_x + crop.crop_w - border)
        bottom = min(fake.crop_y + fake.crop_h, crop.crop_y + crop.crop_h - border)
        if fake.group == crop.group and min(right - left, bottom - top) >= LEAST:
            found.append((fake, crop, (left, top, right, bottom)))
    return found


def read(row) -> np.ndarray:
    return np.asarray(Image.open(DATA / row.path))


def window(pixels: np.ndarray, corner: tuple[int, int], box: tuple[int, int, int, int]) -> np.ndarray:
    """What an image with this upper left corner in its photograph shows within a box of that photograph."""
    (x, y), (left, top, right, bottom) = corner, box
    return pixels[top - y : bottom - y, left - x : right - x].astype(float)


def pairs(name: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """What a fake shows and what the photograph shows there."""
    return [
        tuple(window(read(row), (row.crop_x, row.crop_y), box) for row in (fake, crop))
        for fake, crop, box in overlaps(name)
    ]


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    return 10 * math.log10(255**2 / np.square(first - second).mean())


@pytest.mark.parametrize(("name", "least"), [("autoencoder", 27), ("vq", 25), ("diffusion", 23)])
def test_fakes_of_our_networks_are_near_their_photographs(name, least):
    quality = [psnr(fake, photograph) for fake, photograph in pairs(name)]
    assert len(quality) >= 30
    assert np.mean(quality) >= least
    assert max(quality) < 60, "not the photograph itself"


@pytest.mark.parametrize("name", ["autoencoder", "vq"])
def test_committed_weights_made_the_committed_fakes(maker, name):
    own = maker("own")
    network, chosen = own.load(name, DATA / f"{name}.safetensors"), overlaps(name, BORDER)[:3]
    assert len(chosen) == 3
    for fake, crop, box in chosen:
        x, y = (math.ceil(corner / 4) * 4 for corner in (crop.crop_x, crop.crop_y))  # the networks' own grid
        pixels = read(crop)[y - crop.crop_y :, x - crop.crop_x :]
        height, width = (side // 4 * 4 for side in pixels.shape[:2])
        made = window(own.reconstruct(network, pixels[:height, :width], fake.group), (x, y), box)
        off = np.abs(made - window(read(fake), (fake.crop_x, fake.crop_y), box))
        assert (off <= 1).mean() > 0.95, "another processor may round otherwise, and so choose another code"


@pytest.mark.parametrize("name", OWN)
def test_weights_of_our_networks_load_strictly(maker, name, tmp_path):
    own = maker("own")
    network = own.load(name, DATA / f"{name}.safetensors")
    photograph = np.asarray(Image.open(DATA / pool("photographs_png")["path"].iloc[0]))[:64, :64]
    first, second = (own.reconstruct(network, photograph, "key") for _ in range(2))
    assert (first == second).all()
    assert own.psnr(photograph, first) > 20
    tensors = load_file(DATA / f"{name}.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {np.dtype(np.float16)}
    save_file(dict(list(tensors.items())[1:]), tmp_path / "torn.safetensors")
    with pytest.raises(RuntimeError, match="Missing key"):
        own.load(name, tmp_path / "torn.safetensors")


def test_noise_of_the_diffusion_depends_on_the_photograph(maker):
    own = maker("own")
    network, grey = own.load("diffusion", DATA / "diffusion.safetensors"), np.full((32, 32, 3), 128, np.uint8)
    assert (own.reconstruct(network, grey, "a") != own.reconstruct(network, grey, "b")).any()


def test_codes_of_the_vq_are_alive():
    tensors = load_file(DATA / "vq.safetensors")
    usage = tensors["codebook.usage"].astype(float)
    assert (usage > 0.05 * usage.mean()).mean() > 0.95
    assert np.unique(tensors["codebook.codes"], axis=0).shape[0] > 0.99 * len(usage)


@pytest.mark.long
def test_autoencoder_reconstructs_test_photographs(maker):
    torch = pytest.importorskip("torch")
    network = maker("own").load("autoencoder", DATA / "autoencoder.safetensors")
    quality = []
    for path in pool("photographs_png")["path"]:
        pixels = np.asarray(Image.open(DATA / path), dtype=np.float32)
        height, width = (side // 4 * 4 for side in pixels.shape[:2])
        image = torch.from_numpy(pixels[:height, :width] / 255).permute(2, 0, 1)[None]
        with torch.inference_mode():
            latents = network.encode(image)
            error = (network.decode(latents).clamp(0, 1) - image).square().mean().item()
        assert latents.shape == (1, 4, height // 4, width // 4)
        quality.append(-10 * math.log10(error))
    assert np.mean(quality) >= 26
