"""Maps peak where a planted detector looks, every architecture has one, and none is made up."""

import numpy as np
import pytest
import torch
from looked_at import SIDE, planted

from crossgen.looking.maps import maps
from toys import ROOT


@pytest.fixture(autouse=True)
def _planted(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "examples"))
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "detectors"))


def spotted(row: int, column: int) -> torch.Tensor:
    """A dark picture with a bright square of 8 pixels: uint8 [1, 32, 32, 3]."""
    picture = torch.zeros(1, SIDE, SIDE, 3, dtype=torch.uint8)
    picture[:, row : row + 8, column : column + 8] = 255
    return picture


@pytest.mark.parametrize("method", ["grad_cam", "occlusion"])
def test_a_map_peaks_where_the_detector_looks(method):
    found, used = maps(planted("CornerByModule"), spotted(8, 4), "looked_at:CornerByModule", method)
    assert used == method and found.shape == (1, SIDE, SIDE) and found.dtype == np.float32
    row, column = np.unravel_index(found[0].argmax(), (SIDE, SIDE))
    assert 8 <= row < 16 and 4 <= column < 12 and found.max() == 1
    assert np.abs(found[0, 20:, 20:]).max() == 0


@pytest.mark.parametrize("method", ["grad_cam", "occlusion"])
def test_a_map_of_what_it_does_not_see_is_nothing(method):
    found, _ = maps(planted("CornerByModule"), spotted(20, 20), "looked_at:CornerByModule", method)
    assert np.abs(found[0, 18:, 18:]).max() == 0  # beside it, occlusion puts the mean colour on black


def test_what_speaks_for_real_is_below_zero():
    detector = planted("CornerByModule")
    torch.nn.init.constant_(detector.network.last.weight, -4.0)
    found, _ = maps(detector, spotted(8, 4), "looked_at:CornerByModule", "occlusion")
    assert found[0, 10, 8] < -0.5


def test_an_architecture_of_ones_own_is_occluded_unless_asked():
    assert maps(planted("CornerByModule"), spotted(8, 4), "looked_at:CornerByModule")[1] == "occlusion"


@pytest.mark.parametrize("name", ["Corner", "Fine"])
def test_grad_cam_refuses_what_has_no_map(name):
    with pytest.raises(ValueError, match=f"Grad-CAM needs .*looked_at:{name}.*--method occlusion"):
        maps(planted(name), spotted(8, 4), f"looked_at:{name}", "grad_cam")


EXPECTED = {
    "cnnspot": "occlusion",  # at 32 pixels its last map is one pixel, as are those of residual and resnet50
    "deit_small": "occlusion",
    "gramnet": "occlusion",
    "gramnet_one_class": "occlusion",
    "npr": "grad_cam",
    "own": "occlusion",
    "res50nodown": "grad_cam",
    "residual": "occlusion",
    "resnet50": "occlusion",
    "spec": "occlusion",
    "swin_tiny": "occlusion",
}
QUICK = {"npr", "own", "residual"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.long) for name in EXPECTED]
)
def test_every_architecture_has_a_map(name):
    from zoo_cases import CASES, crops, judge

    assert set(CASES) == set(EXPECTED)
    detector, pictures = judge(name), crops(name, 1)
    detector.bf16 = False
    before = detector(pictures).detach()
    found, used = maps(detector, pictures, CASES[name].architecture)
    again, _ = maps(detector, pictures, CASES[name].architecture)
    assert used == EXPECTED[name] and found.shape == tuple(pictures.shape[:3])
    assert np.isfinite(found).all() and np.abs(found).max() == pytest.approx(1) and np.array_equal(found, again)
    assert torch.equal(before, detector(pictures).detach())


@pytest.mark.long
def test_f3net_has_a_map():
    from crossgen.config import Frame, Optimiser, Recipe
    from crossgen.detectors.detector import Detector

    frame = Frame(kind="crop", size=64)
    torch.manual_seed(0)
    told = {"name": "f", "architecture": "f3net", "options": {"size": 64}, "steps": 1}
    detector = Detector(Recipe(**told, frame=frame, optimiser=Optimiser(lr=1e-3)))
    found, used = maps(detector, torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8), "f3net")
    assert used == "occlusion" and np.abs(found).max() == pytest.approx(1)
