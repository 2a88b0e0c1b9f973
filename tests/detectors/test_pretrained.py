"""Pretrained backbones: timm is asked for the right weights, never twice; what cannot be fetched is told."""

import pytest
import timm
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from timm.models import _builder

from crossgen.config import Frame, Optimiser, Recipe
from crossgen.detectors.detector import load, prepare, save
from crossgen.detectors.zoo import ZOO, build

DEIT = {"model": "deit_small_patch16_224", "classes": 2}


@pytest.fixture
def hub(monkeypatch):
    """A hub that holds ones for every name of timm's models: the names that were asked for."""
    asked = []

    def fetch(repository, *_, **__):
        asked.append(repository)
        with torch.device("meta"):
            network = timm.create_model(repository.removeprefix("timm/"))
        return {name: torch.ones(tensor.shape) for name, tensor in network.state_dict().items()}

    monkeypatch.setattr(_builder, "load_state_dict_from_hf", fetch)
    return asked


@pytest.mark.parametrize(
    ("architecture", "options", "repository", "first"),
    [
        ("cnnspot", {}, "timm/resnet50.tv_in1k", "network.conv1"),
        ("res50nodown", {}, "timm/resnet50.tv_in1k", "network.conv1"),
        ("spec", {}, "timm/resnet34.tv_in1k", "network.network.conv1"),
        ("gramnet", {}, "timm/resnet18.tv_in1k", "conv1"),
        ("timm", {"model": "resnet50"}, "timm/resnet50.a1_in1k", "network.conv1"),
        ("timm", DEIT, "timm/deit_small_patch16_224.fb_in1k", "network.patch_embed.proj"),
        (
            "residual",
            {"model": "test_resnet.r160_in1k"},
            "timm/test_resnet.r160_in1k",
            "network.network.layer1.0.conv1",
        ),
    ],
)
def test_the_backbone_is_fetched_and_the_head_is_new(hub, architecture, options, repository, first):
    network = ZOO[architecture](pretrained=True, **options)
    assert hub == [repository]
    assert bool((network.get_submodule(first).weight == 1).all())
    last = [part for part in network.modules() if isinstance(part, torch.nn.Linear)][-1]
    assert last.out_features in (1, 2) and last.weight.std() > 0


def recipe(**options) -> Recipe:
    return Recipe(
        name="r",
        architecture="timm",
        options={"model": "test_resnet", "pretrained": True} | options,
        frame=Frame(kind="crop", size=32),
        optimiser=Optimiser(lr=1e-3),
        steps=1,
    )


def test_weights_that_cannot_be_fetched_are_told_with_what_to_do(monkeypatch):
    def fetch(*_, **__):
        raise LocalEntryNotFoundError("no connection.")

    monkeypatch.setattr(_builder, "load_state_dict_from_hf", fetch)
    for made in (lambda: build(recipe()), lambda: ZOO["gramnet"](pretrained=True)):
        with pytest.raises(
            ValueError, match=r"Cannot fetch timm's weights '\w+.*no connection\..*hf download timm/.*start"
        ):
            made()


def test_weights_that_timm_does_not_have_are_named():
    with pytest.raises(ValueError, match=r"no weights 'test_resnet.of_mine'.*expected test_resnet.r160_in1k\."):
        build(recipe(model="test_resnet.of_mine"))


def test_a_trained_detector_is_loaded_without_fetching(hub, tmp_path):
    detector = prepare(recipe())
    assert len(hub) == 1
    save(tmp_path / "d.safetensors", detector.state_dict(), recipe(), {})
    load(tmp_path / "d.safetensors")
    assert len(hub) == 1
