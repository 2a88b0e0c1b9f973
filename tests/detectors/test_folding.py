"""Folded detectors: the same judgement in fewer passes, of every architecture, and never where it would be another."""

import numpy as np
import pytest
import torch
from torch import nn

from crossgen.config import Frame, Optimiser, Recipe
from crossgen.detectors.detector import Detector, load, save
from crossgen.detectors.folding import folded, load_folded
from detectors.zoo_cases import CASES, fresh
from toys import ROOT


@pytest.fixture(autouse=True)
def _examples(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "examples"))
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "detectors"))


def lived_in(detector: Detector) -> Detector:
    """Statistics and factors of normalisations as training leaves them: not those of a fresh network."""
    random = torch.Generator().manual_seed(3)
    for part in detector.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.3, generator=random)
            part.running_var.uniform_(0.5, 2.0, generator=random)
            part.weight.data.uniform_(0.5, 1.5, generator=random)
            part.bias.data.normal_(0, 0.2, generator=random)
    detector.bf16 = True
    return detector.eval()


def pictures(size: int, n: int = 6) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(1).integers(0, 256, (n, size, size, 3), dtype=np.uint8))


@torch.inference_mode()
def judged(detector: Detector, size: int, bf16: bool = True) -> np.ndarray:
    detector.bf16 = bf16
    logits = detector(pictures(size)).numpy()
    detector.bf16 = True
    return logits


def normalisations(detector: Detector) -> int:
    return sum(isinstance(part, nn.BatchNorm2d) for part in detector.modules())


@pytest.mark.parametrize("name", CASES)
def test_every_architecture_judges_as_before(name):
    detector, size = lived_in(fresh(name)), CASES[name].size
    quick = folded(detector, size)
    exact, usual, other = judged(detector, size, bf16=False), judged(detector, size), judged(quick, size)
    rounding = np.abs(usual - exact).max()
    assert np.abs(other - exact).max() <= 2 * rounding + 1e-6 * np.abs(exact).max()


@pytest.mark.parametrize(("name", "left"), [("resnet50", 0), ("residual", 0), ("cnnspot", 0), ("res50nodown", 0)])
def test_residual_networks_lose_every_normalisation(name, left):
    detector = lived_in(fresh(name))
    before = normalisations(detector)
    quick = folded(detector, CASES[name].size)
    assert normalisations(quick) == left < before == normalisations(detector)
    assert all(part.weight.dtype == torch.bfloat16 for part in quick.modules() if isinstance(part, nn.Conv2d))


def test_what_judges_in_float32_stays_as_it_is():
    detector = lived_in(fresh("resnet50"))
    detector.bf16 = False
    assert folded(detector, 32) is detector


class Shared(nn.Module):
    """A convolution whose maps go to the normalisation and past it: folding would change both ways."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 1, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.first(images)
        return self.last(self.norm(maps) + maps.abs()).mean(dim=(2, 3))


class Repeated(nn.Module):
    """One convolution before two normalisations, as training code of several domains has it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 1, 1)
        self.one, self.other = nn.BatchNorm2d(4), nn.BatchNorm2d(4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.first(images)
        return self.last(self.one(maps) - self.other(maps)).mean(dim=(2, 3))


@pytest.mark.parametrize(("kind", "left"), [("Shared", 1), ("Repeated", 2)])
def test_maps_that_are_read_elsewhere_are_left_alone(kind, left):
    frame = Frame(kind="crop", size=16)
    told = Recipe(name="own", architecture=f"test_folding:{kind}", frame=frame, optimiser=Optimiser(lr=1e-3), steps=1)
    detector = lived_in(Detector(told))
    quick = folded(detector, 16)
    assert normalisations(quick) == left
    np.testing.assert_array_equal(judged(quick, 16), judged(detector, 16))


def test_a_file_is_read_and_folded(tmp_path):
    detector, case = lived_in(fresh("residual")), CASES["residual"]
    told = case.recipe.model_copy(update={"precision": "bf16"})
    save(tmp_path / "d.safetensors", detector.state_dict(), told, {"seed": 0})
    quick = load_folded(tmp_path / "d.safetensors")
    assert normalisations(quick) == 0 < normalisations(load(tmp_path / "d.safetensors"))
