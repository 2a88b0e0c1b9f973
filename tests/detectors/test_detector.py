"""Detectors: one logit an image, the same whatever the batch; files that load exactly or not at all."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy.ndimage import uniform_filter
from torch import nn

from crossgen.config import Frame, Optimiser, Recipe
from crossgen.detectors import identity
from crossgen.detectors.detector import Detector, load, prepare, save, wants_bf16, wants_channels_last
from crossgen.detectors.zoo import build

RECIPE = Recipe(
    name="r",
    architecture="timm",
    options={"model": "test_resnet"},
    frame=Frame(kind="crop", size=64),
    optimiser=Optimiser(lr=1e-3),
    steps=1,
    precision="fp32",
)
CROPS = torch.from_numpy(np.random.default_rng(0).integers(0, 255, (6, 64, 64, 3)).astype(np.uint8))


class Mean(nn.Module):
    """A network of our own: the mean of the normalised image."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, images):
        return self.scale * images.mean(dim=(1, 2, 3))[:, None]


class Pair(Mean):
    """Gives two outputs, which no detector may."""

    def forward(self, images):
        return super().forward(images).repeat(1, 2)


def recipe(architecture, **options):
    return RECIPE.model_copy(update={"architecture": architecture, "options": options})


def test_normalisation_is_the_frames():
    frame = Frame(kind="crop", size=64, mean=(0.25, 0.25, 0.25), std=(0.5, 0.5, 0.5))
    detector = Detector(recipe("test_detector:Mean", scale=2.0).model_copy(update={"frame": frame}))
    expected = 2 * (CROPS.float() / 255 - 0.25).mean(dim=(1, 2, 3)) / 0.5
    assert torch.allclose(detector(CROPS), expected, atol=1e-5)


def test_scores_do_not_depend_on_batch_or_order():
    detector = prepare(RECIPE).eval()
    with torch.inference_mode():
        together = detector(CROPS)
        alone = torch.cat([detector(crop[None]) for crop in CROPS.flip(0)]).flip(0)
    assert together.dtype == torch.float32 and together.shape == (6,)
    assert torch.allclose(together, alone, atol=1e-4)


def test_a_file_tells_who_it_is_and_judges_the_same(tmp_path):
    detector = prepare(RECIPE).eval()
    path = tmp_path / "a" / "detector.safetensors"
    save(path, detector.state_dict(), RECIPE, {"experiment": "e", "train_set": "t", "seed": 3})
    told = identity.read_header(path)
    assert told["identity"] == {"experiment": "e", "train_set": "t", "seed": 3}
    assert identity.frame_of(told) == RECIPE.frame
    with torch.inference_mode():
        assert torch.equal(load(path)(CROPS), detector(CROPS))
    digest = identity.digest(path)
    save(path, detector.state_dict(), RECIPE, {"experiment": "e", "train_set": "t", "seed": 3})
    assert identity.digest(path) == digest


def test_a_digest_is_of_what_decides_a_logit(tmp_path):
    state = prepare(RECIPE).state_dict()
    path = tmp_path / "detector.safetensors"

    def digest(state: dict, **facts) -> str:
        save(path, state, RECIPE, {"seed": 0}, facts)
        return identity.digest(path)

    first = digest(state, device="cpu", commit="a")
    assert digest(state, device="cuda", commit="b") == first
    name = next(name for name, value in state.items() if value.is_floating_point())
    assert digest({**state, name: state[name] + 1}) != first


def test_the_residual_is_the_image_minus_its_local_mean():
    network = build(recipe("residual", model="test_resnet", gain=4.0))
    image = CROPS[0].numpy().astype(np.float32)
    mean = np.stack([uniform_filter(image[..., channel], 3, mode="nearest") for channel in range(3)])
    found = network.residual(CROPS[:1].permute(0, 3, 1, 2).float())[0].numpy()
    assert np.allclose(found, 4 * (image.transpose(2, 0, 1) - mean), atol=1e-2)
    assert not any("residual" in name for name, _ in network.named_parameters())


def test_weights_load_strictly_or_not_at_all(tmp_path):
    path = tmp_path / "detector.safetensors"
    state = prepare(RECIPE).state_dict()
    name = next(iter(state))
    save(path, {key: value for key, value in state.items() if key != name}, RECIPE, {})
    with pytest.raises(ValueError, match="do not fit its own recipe"):
        load(path)
    save_file({name: value.contiguous() for name, value in state.items()}, path)
    for read in (load, identity.read_header):
        with pytest.raises(ValueError, match="no detector|not a detector|not fit"):
            read(path)
    path.write_bytes(b"junk")
    with pytest.raises(ValueError, match="not a detector file"):
        identity.read_header(path)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            recipe("resnet"),
            "Unknown architecture 'resnet': expected one of cnnspot, .*, timm, or 'package",
        ),
        (recipe("timm", model="resnet_fifty"), "Unknown timm model 'resnet_fifty'"),
        (recipe("timm", modle="test_resnet"), "do not fit 'timm'"),
        (recipe("nowhere.at:All"), "Cannot load architecture 'nowhere.at:All'"),
        (recipe("test_detector:Nobody"), "Cannot load architecture"),
    ],
)
def test_architectures_that_do_not_exist_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        build(wrong)


def test_a_network_with_two_outputs_is_refused():
    with pytest.raises(ValueError, match=r"shape \(6, 2\): expected one logit"):
        Detector(recipe("test_detector:Pair"))(CROPS)


def test_precision_is_told_or_decided_by_network_and_machine():
    plain, depthwise = nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3, groups=4)
    assert not wants_bf16(RECIPE, plain)
    assert wants_bf16(RECIPE.model_copy(update={"precision": "bf16"}), depthwise)
    if not torch.cuda.is_available():
        assert not wants_bf16(RECIPE.model_copy(update={"precision": "auto"}), depthwise)


def test_to_detect_is_to_normalise_and_to_judge():
    detector = prepare(RECIPE).eval()
    with torch.inference_mode():
        images = detector.normalise(CROPS)
        assert images.shape == (6, 3, 64, 64) and images.dtype == torch.float32
        assert torch.equal(detector.judge(images), detector(CROPS))


def test_the_layout_is_told_or_the_faster_one_that_does_no_harm():
    """oneDNN corrupts the heap where RepVGG is trained channels last in float32 on a CPU."""
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    plain, breaking = nn.Conv2d(3, 3, 3), build(recipe("timm", model="repvgg_a0"))
    assert wants_channels_last(RECIPE, plain, False, cpu) and wants_channels_last(RECIPE, breaking, True, cpu)
    assert wants_channels_last(RECIPE, breaking, False, gpu) and not wants_channels_last(RECIPE, breaking, False, cpu)
    for told, expected in (("yes", True), ("no", False)):
        assert wants_channels_last(RECIPE.model_copy(update={"channels_last": told}), plain, False, cpu) is expected
        detector = prepare(RECIPE.model_copy(update={"channels_last": told}))
        kernel = detector.network.network.layer1[0].conv1.weight
        assert kernel.is_contiguous(memory_format=torch.channels_last) is expected
        assert detector.normalise(CROPS).is_contiguous(memory_format=torch.channels_last) is expected
