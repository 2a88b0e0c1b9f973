"""Each architecture against formulas of its own: filters in NumPy, networks of torchvision, names as published."""

import numpy as np
import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional

from crossgen.detectors import gramnet, npr, spec
from crossgen.detectors.published import load_into
from crossgen.detectors.zoo import ZOO

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.random((3, 3, 40, 36)).astype(np.float32)


def drawn(network: nn.Module) -> dict[str, torch.Tensor]:
    """Weights for all names of a network, of a size that lets signals through."""
    draw = torch.Generator().manual_seed(1)
    state = {}
    for name, tensor in network.state_dict().items():
        noise = torch.randn(tensor.shape, generator=draw)  # the network may be one without values (meta)
        fan_in = tensor[0].numel() if tensor.dim() > 1 else 1
        if name.endswith("running_var") or (tensor.dim() == 1 and name.endswith("weight")):
            state[name] = 1 + 0.2 * noise.clamp(-2, 2)
        elif tensor.dim() > 1:
            state[name] = noise * (2 / fan_in) ** 0.5
        else:
            state[name] = 0.1 * noise if tensor.is_floating_point() else torch.tensor(7)
    return state


def published(tmp_path, architecture, content, **options):
    """The architecture with the weights of a file as others publish it."""
    torch.save(content, tmp_path / "w.pth")
    network = ZOO[architecture](**options)
    load_into(network, tmp_path / "w.pth")
    return network.eval()


@torch.inference_mode()
def logits(network, images=IMAGES) -> np.ndarray:
    found = network(torch.from_numpy(images)).numpy()
    assert found.shape == (len(images), 1)
    return found[:, 0]


def close(found, expected) -> bool:
    """Whether logits differ by at most a thousandth of what the images differ by."""
    return np.allclose(found, expected, rtol=0, atol=1e-3 * np.ptp(expected))


def numpy_spectrum(images: np.ndarray) -> np.ndarray:
    """Spec's input from RGB in [0, 1], channel by channel."""
    result = np.empty(images.shape)
    for image, out in zip(images, result, strict=True):
        for channel in range(3):
            log = np.log(np.abs(np.fft.fft2(image[2 - channel].astype(float))) + 1e-3)
            low, high = np.percentile(log, [5, 95])
            out[channel] = np.clip((log - low) / (high - low) * 2 - 1, -1, 1)
    return result


def numpy_residual(images: np.ndarray) -> np.ndarray:
    """NPR's input: every pixel minus the upper left one of its block of four, pixel by pixel."""
    height, width = images.shape[2] // 2 * 2, images.shape[3] // 2 * 2
    result = np.empty((*images.shape[:2], height, width))
    for y in range(height):
        for x in range(width):
            result[:, :, y, x] = (images[:, :, y, x] - images[:, :, y - y % 2, x - x % 2]) * 2 / 3
    return result


def test_the_spectrum_is_numpys():
    found = spec.spectrum(torch.from_numpy(IMAGES).flip(1)).numpy()
    assert np.allclose(found, numpy_spectrum(IMAGES), atol=2e-3)
    assert found.min() == -1 and found.max() == 1


def test_the_spectrum_of_larger_images_is_that_of_their_middle():
    with torch.device("meta"):
        network = ZOO["spec"](size=224)
    assert torch.equal(network.middle(torch.arange(256.0).expand(1, 3, 100, 256))[0, 0, 0], torch.arange(16.0, 240))
    assert network.middle(torch.zeros(1, 3, 225, 224)).shape == (1, 3, 224, 224)


def test_the_spectrum_of_one_colour_is_its_mean_alone():
    found = spec.spectrum(torch.full((1, 3, 16, 16), 0.25))
    corner = torch.full((1, 3, 16, 16), -1.0)
    corner[..., 0, 0] = 1.0
    assert torch.equal(found, corner)


def test_percentiles_hold_for_any_number_of_values():
    for n in (1, 2, 3, 20, 21, 1000):
        values = np.sort(RANDOM.normal(size=(1, 1, n)).astype(np.float32))
        for percent in (5, 95):
            found = spec._percentile(torch.from_numpy(values), percent)
            assert np.allclose(found, np.percentile(values, percent, axis=2), atol=1e-5)


@pytest.mark.parametrize("size", [(8, 8), (9, 8), (8, 9), (7, 11)])
def test_the_residual_is_each_block_minus_its_corner(size):
    images = RANDOM.random((2, 3, *size)).astype(np.float32)
    assert np.allclose(npr.residual(torch.from_numpy(images)), numpy_residual(images), atol=1e-6)


def test_gram_matrices_are_sums_over_places():
    maps = RANDOM.random((2, 5, 4, 6)).astype(np.float32)
    expected = np.einsum("nchw,ndhw->ncd", maps, maps)[:, None] / (5 * 4 * 6)
    assert np.allclose(gramnet.gram(torch.from_numpy(maps)), expected, rtol=1e-5)


@pytest.mark.parametrize("filter", [spec.spectrum, npr.residual, gramnet.gram])
def test_filters_are_exact_under_autocast(filter):
    images = torch.from_numpy(IMAGES)
    with torch.autocast("cpu", torch.bfloat16):
        found = filter(images)
    assert found.dtype == torch.float32 and torch.equal(found, filter(images))


def theirs_of(name: str, classes: int) -> nn.Module:
    """A network of torchvision, its weights yet to be assigned."""
    with torch.device("meta"):
        return torchvision.models.get_model(name, num_classes=classes).eval()


def test_cnnspot_is_torchvisions_resnet50(tmp_path):
    theirs = theirs_of("resnet50", 1)
    state = drawn(theirs)
    theirs.load_state_dict(state, assign=True)
    assert len(state) == 320 and next(iter(state)) == "conv1.weight" and list(state)[-2:] == ["fc.weight", "fc.bias"]
    ours = published(tmp_path, "cnnspot", {"model": state, "optimizer": {}, "total_steps": 9})
    assert close(logits(ours), logits(theirs))


def test_cnnspots_head_begins_small():
    torch.manual_seed(0)
    weight = ZOO["cnnspot"]().network.fc.weight
    assert weight.std().item() == pytest.approx(0.02, rel=0.05) and abs(weight.mean().item()) < 0.002


def test_res50nodown_is_resnet50_without_its_first_two_halvings(tmp_path):
    theirs = theirs_of("resnet50", 1)
    theirs.conv1.stride = (1, 1)
    theirs.maxpool.stride = 1
    state = drawn(theirs)
    theirs.load_state_dict(state, assign=True)
    buffers = sum(tensor.numel() for tensor in state.values()) - 23_510_081
    assert len(state) == 320 and buffers == 53_173
    ours = published(tmp_path, "res50nodown", {"model": {f"module.{name}": value for name, value in state.items()}})
    with torch.inference_mode():
        places = nn.Sequential(*list(theirs.children())[:-2])(torch.from_numpy(IMAGES))
        each = functional.conv2d(places, state["fc.weight"][:, :, None, None], state["fc.bias"])
    assert places.shape[2:] == (5, 5)  # an eighth of the sides, rounded up
    assert close(logits(ours), each.mean((1, 2, 3)).numpy())  # DMimageDetection: a map of logits, then their mean


def test_res50nodown_drops_features_in_training_only():
    network = ZOO["res50nodown"](dropout=0.5)
    features = torch.ones(1, 2048, 2, 2)
    assert torch.equal(network.eval().head(features), network.head(features))
    network.train()
    assert not torch.equal(network.head(features), network.head(features))
    with torch.device("meta"):
        assert ZOO["res50nodown"](dropout=0.0).network.drop_rate == 0


def test_spec_is_torchvisions_resnet34_on_spectra_and_its_first_output_the_fakes(tmp_path):
    theirs = theirs_of("resnet34", 2)
    state = drawn(theirs)
    theirs.load_state_dict(state, assign=True)
    assert len(state) == 218 and state["fc.weight"].shape == (2, 512)
    ours = published(tmp_path, "spec", {"epoch": 20, "state_dict": state})
    with torch.inference_mode():
        two = theirs(torch.from_numpy(numpy_spectrum(IMAGES).astype(np.float32))).numpy()
    assert close(logits(ours), two[:, 0] - two[:, 1])


def test_npr_is_half_of_torchvisions_resnet50_on_residuals(tmp_path):
    theirs = theirs_of("resnet50", 1)
    theirs.conv1 = nn.Conv2d(3, 64, 3, 2, 1, bias=False)
    theirs.layer3 = theirs.layer4 = nn.Identity()
    theirs.fc = nn.Linear(512, 1)
    state = drawn(theirs)
    theirs.load_state_dict(state, assign=True)
    renamed = {name.replace("fc.", "fc1."): tensor for name, tensor in state.items()}
    assert len(renamed) == 146 and next(iter(renamed)) == "conv1.weight" and "fc1.weight" in renamed
    ours = published(tmp_path, "npr", renamed)
    assert close(logits(ours), logits(theirs, numpy_residual(IMAGES).astype(np.float32)))


#: Channels tapped, and the published names of the layers of their texture.
TEXTURES = [
    (3, "conv_interi_0", "gi_fc1", "gi_fc2"),
    (64, "conv_inter0_0", "g0_fc1", "g0_fc2"),
    (64, "conv_inter1_0", "g_fc1r", "g_fc2r"),
    (64, "conv_inter2_0", "g2_fc1", "g2_fc2"),
    (128, "conv_inter3_0", "g3_fc1", "g3_fc2"),
    (256, "conv_inter4_0", "g4_fc1", "g4_fc2"),
]


def published_gramnet(classes: int) -> tuple[nn.Module, dict[str, torch.Tensor]]:
    """torchvision's ResNet-18 with weights, and a state dict with the names of the published GramNet."""
    names = nn.ModuleDict()
    for channels, before, first, second in TEXTURES:
        for name, into, out in ((before, channels, 32), (first, 1, 16), (second, 16, 32)):
            names[name] = nn.Sequential(nn.Conv2d(into, out, 3, bias=False), nn.BatchNorm2d(out))
    names["fcnewr"] = nn.Sequential(nn.Linear(704, 512), nn.ReLU(), nn.Dropout(), nn.Linear(512, classes))
    trunk = torchvision.models.resnet18()
    trunk.fc = nn.Identity()
    trunk.load_state_dict(drawn(trunk))
    state = {**trunk.state_dict(), **drawn(names), "scale.scale": torch.tensor([1.5])}
    return trunk.eval(), state


def texture(state, names, tapped: torch.Tensor) -> torch.Tensor:
    """One Gram block by the functions of torch, its matrix by einsum."""

    def layer(images, name, stride):
        found = functional.conv2d(images, state[f"{name}.0.weight"], stride=stride, padding=1)
        norm = [state[f"{name}.1.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        return functional.batch_norm(found, *norm).relu()

    maps = layer(tapped, names[0], 1)
    matrix = np.einsum("nchw,ndhw->ncd", maps.numpy(), maps.numpy()) / (32 * maps.shape[2] * maps.shape[3])
    blocks = layer(layer(torch.from_numpy(matrix)[:, None], names[1], 2), names[2], 2)
    return 1.5 * blocks.mean((2, 3))


@pytest.mark.parametrize("classes", [1, 2])
def test_gramnet_is_resnet18_beside_textures(tmp_path, classes):
    trunk, state = published_gramnet(classes)
    assert len(state) == 233 and state["fcnewr.3.weight"].shape == (classes, 512)
    ours = published(tmp_path, "gramnet", state, classes=classes)
    seen = torch.from_numpy(IMAGES if classes == 1 else IMAGES[:, ::-1].copy())  # two outputs: B, G, R
    with torch.inference_mode():
        maps = [seen, trunk.bn1(trunk.conv1(seen)).relu()]
        for stage in (trunk.maxpool, trunk.layer1, trunk.layer2, trunk.layer3):
            maps.append(stage(maps[-1]))
        parts = [texture(state, names, tapped) for (_, *names), tapped in zip(TEXTURES, maps, strict=True)]
        hidden = torch.cat([trunk(seen), *parts], 1) @ state["fcnewr.0.weight"].T + state["fcnewr.0.bias"]
        outputs = (hidden.relu() @ state["fcnewr.3.weight"].T + state["fcnewr.3.bias"]).numpy()
    if classes == 2:
        logs = outputs - np.log(np.exp(outputs).sum(1, keepdims=True))
        outputs = logs[:, :1] - logs[:, 1:]  # 0 is fake
    assert close(logits(ours), outputs[:, 0])


TWO = {"model": "test_resnet", "classes": 2}


@pytest.mark.parametrize(
    ("architecture", "bias", "head", "options"),
    [
        ("spec", [-1.0, 3.0], "fc", {}),
        ("gramnet", [-1.0, 3.0], "fcnewr.3", {}),
        ("timm", [-1.0, 3.0], "fc", TWO | {"fake_index": 0}),
        ("timm", [3.0, -1.0], "fc", TWO | {"fake_index": 1}),
        ("residual", [-1.0, 3.0], "fc", TWO | {"fake_index": 0}),
        ("npr", [-4.0], "fc1", {}),
    ],
)
def test_a_head_that_says_real_gives_a_low_logit(architecture, bias, head, options):
    network = ZOO[architecture](**options).eval()
    last = next(part for name, part in network.named_modules() if name.endswith(head))
    flipped = [-1 * value for value in bias] if len(bias) == 1 else bias[::-1]
    for told, expected in ((bias, -4), (flipped, 4)):
        last.load_state_dict({"weight": torch.zeros_like(last.weight), "bias": torch.tensor(told)})
        assert np.allclose(logits(network), expected)
