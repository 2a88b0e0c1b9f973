"""Weights that others publish, and our own: into a network exactly, or not at all."""

import argparse
from collections import OrderedDict

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from crossgen.config import Frame, Optimiser, Recipe
from crossgen.detectors.detector import Detector, load, prepare, save
from crossgen.detectors.published import load_into
from crossgen.detectors.zoo import build

RECIPE = Recipe(
    name="r",
    architecture="residual",
    options={"model": "test_resnet"},
    frame=Frame(kind="crop", size=32),
    optimiser=Optimiser(lr=1e-3),
    steps=1,
    precision="fp32",
)
TIMM = RECIPE.model_copy(update={"architecture": "timm"})


class Plain(nn.Module):
    """A network of another package: its names have no shell, and its last layer is no classifier of timm."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.last = nn.Linear(4, 1)
        self.rest = nn.ReLU()

    def forward(self, images):
        return self.last(self.rest(self.norm(self.first(images))).mean((2, 3)))


@pytest.fixture
def published():
    """The bare state dict of a network that somebody trained."""
    torch.manual_seed(7)
    state = timm.create_model("test_resnet", num_classes=1).state_dict()
    return OrderedDict((name, torch.randn(tensor.shape).to(tensor.dtype)) for name, tensor in state.items())


def written(path, content):
    torch.save(content, path)
    return path


def same(network, state):
    found = network.state_dict()
    return set(found) == set(state) and all(torch.equal(found[name], state[name]) for name in state)


@pytest.mark.parametrize("wrapper", [None, "model", "state_dict", "netC", "model_state_dict", "head", "net"])
@pytest.mark.parametrize("prefix", ["", "module.", "module._orig_mod."])
def test_every_wrapper_is_taken_off(tmp_path, published, wrapper, prefix):
    state = {prefix + name: tensor for name, tensor in published.items()}
    content = {wrapper: state, "epoch": 3, "optimizer": {"lr": 1.0}} if wrapper else state
    network = build(RECIPE)
    load_into(network, written(tmp_path / "w.pth", content))
    assert same(network.network.network, published)


def test_options_of_the_training_beside_the_weights_do_no_harm(tmp_path, published):
    content = {"model": {"state_dict": published}, "args": argparse.Namespace(lr=0.1)}
    network = build(TIMM)
    load_into(network, written(tmp_path / "w.pt", content))
    assert same(network.network, published)


def test_safetensors_of_others_and_networks_without_shells(tmp_path):
    weights = {name: torch.ones_like(tensor) for name, tensor in Plain().state_dict().items()}
    save_file(weights, tmp_path / "w.safetensors")
    network = Plain()
    load_into(network, tmp_path / "w.safetensors")
    assert same(network, weights)


def test_a_detector_of_ours_starts_another_and_itself(tmp_path):
    trained = prepare(TIMM)
    save(tmp_path / "d.safetensors", trained.state_dict(), TIMM, {})
    for fresh in (Detector(RECIPE), Detector(TIMM)):
        load_into(fresh, tmp_path / "d.safetensors")
        inner = fresh.network.network
        assert same(getattr(inner, "network", inner), trained.network.network.state_dict())
    inner = build(TIMM)
    load_into(inner, tmp_path / "d.safetensors")
    assert same(inner, load(tmp_path / "d.safetensors").network.state_dict())


@pytest.mark.parametrize("classes", [0, 1, 1000])
def test_a_fresh_head_keeps_its_own_weights(tmp_path, classes):
    torch.manual_seed(3)
    other = timm.create_model("test_resnet", num_classes=classes).state_dict()
    network = build(TIMM)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    load_into(network, written(tmp_path / "w.pth", other), head="fresh")
    after = network.state_dict()
    assert torch.equal(after["network.fc.weight"], before["network.fc.weight"])
    assert all(torch.equal(after[f"network.{name}"], other[name]) for name in other if not name.startswith("fc."))


def test_the_last_layer_of_a_foreign_network_is_its_last_with_weights(tmp_path):
    weights = {name: torch.ones_like(tensor) for name, tensor in Plain().state_dict().items()}
    weights["last.weight"] = torch.ones(1000, 4)
    network = Plain()
    last = network.last.weight.clone()
    load_into(network, written(tmp_path / "w.pth", weights), head="fresh")
    assert torch.equal(network.last.weight, last) and bool((network.first.weight == 1).all())


def test_counters_that_old_files_lack_are_not_missed(tmp_path, published):
    state = {name: tensor for name, tensor in published.items() if "num_batches_tracked" not in name}
    network = build(TIMM)
    load_into(network, written(tmp_path / "w.pth", state))
    assert torch.equal(network.network.conv1[0].weight, published["conv1.0.weight"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("fc.bias"), r"ResNet \(test_resnet\): 1 missing \(fc.bias\)\..* `head: fresh`"),
        (lambda state: state.update(extra=torch.ones(1)), r"1 unexpected \(extra\)\. Check `architecture`.*network\.$"),
        (
            lambda state: state.update({"fc.weight": torch.ones(1000, 3)}),
            r"1 of another shape \(fc.weight \[1000, 3\]\)\..*`head: fresh` leaves the last layer out",
        ),
        (
            lambda state: [state.pop(name) for name in list(state)[:8]],
            r"7 missing \(conv1.0.weight, conv1.1.weight, conv1.1.bias, conv1.1.running_\w+, conv1.1.running_\w+, \.\.",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused_and_change_nothing(tmp_path, published, change, message):
    change(published)
    network = build(TIMM)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(ValueError, match=message):
        load_into(network, written(tmp_path / "w.pth", published))
    assert same(network, before)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (Plain(), r"holds Python objects \(test_weights.Plain\).*state_dict\(\), 'NEW.pth'"),
        ({"epoch": 3, "best": 0.5}, r"holds no state dict \(keys epoch, best\): expected"),
        ([1, 2], r"holds no state dict \(list\)"),
        ({}, "holds no state dict"),
    ],
)
def test_what_is_no_state_dict_is_refused(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        load_into(Plain(), written(tmp_path / "w.pth", content))


@pytest.mark.filterwarnings("ignore")
def test_scripts_and_junk_are_refused(tmp_path):
    torch.jit.trace(Plain().eval(), torch.zeros(1, 3, 8, 8)).save(str(tmp_path / "w.pt"))
    with pytest.raises(ValueError, match=r"w.pt holds a TorchScript module"):
        load_into(Plain(), tmp_path / "w.pt")
    for name in ("a.pth", "a.safetensors"):
        for junk in (b"", b"<html>quota exceeded</html>", b"PK\x03\x04 cut off"):
            (tmp_path / name).write_bytes(junk)
            with pytest.raises(ValueError, match=rf"{name} is no"):
                load_into(Plain(), tmp_path / name)
    with pytest.raises(FileNotFoundError):
        load_into(Plain(), tmp_path / "absent.pth")


SWIN = {"embed_dim": 16, "depths": (1, 2, 1), "num_heads": (1, 2, 2), "window_size": 2, "img_size": 32}


def before_timm_09(state):
    """The names of a Swin that Microsoft's code or a timm before 0.9 wrote, with the masks that it stored."""
    renamed = {"layers.1.blocks.1.attn_mask": torch.zeros(4, 4, 4)}
    for name, tensor in state.items():
        parts = name.replace("head.fc.", "head.").split(".")
        if "downsample" in parts:
            parts[1] = str(int(parts[1]) - 1)
        renamed[".".join(parts)] = tensor
    return renamed


@pytest.mark.parametrize("rename", [dict, before_timm_09])
def test_names_of_an_older_timm_fit(tmp_path, rename):
    name = "swin_tiny_patch4_window7_224"
    torch.manual_seed(5)
    other = timm.create_model(name, num_classes=1, **SWIN).state_dict()
    network = build(RECIPE.model_copy(update={"architecture": "timm", "options": {"model": name, **SWIN}}))
    load_into(network, written(tmp_path / "w.pth", {"model": rename(other)}))
    assert same(network.network, other)


def test_position_embeddings_follow_the_size_of_the_image(tmp_path):
    other = timm.create_model("test_vit", num_classes=1, img_size=64).state_dict()
    recipe = TIMM.model_copy(update={"options": {"model": "test_vit", "img_size": 32}})
    network = build(recipe)
    load_into(network, written(tmp_path / "w.pth", other))
    assert network.network.pos_embed.shape[1] == 5 and torch.equal(network.network.cls_token, other["cls_token"])
