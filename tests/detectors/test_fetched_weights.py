"""Pretrained weights are fetched once, by timm's own ways, and found again where there is no network."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import save

from checkout import Checkout
from crossgen.detectors import pretrained
from crossgen.detectors.gramnet import GramNet
from loopback_hub import REVISION, Hub

MODEL = "timm/test_resnet.r160_in1k"
OPTIONS = {"model": "test_resnet", "pretrained": True}


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(7)
    return timm.create_model("test_resnet").state_dict()


@pytest.fixture
def hub(weights, tmp_path):
    """The hub's answer for one model, and an address that ends in .pth."""
    with Hub({"model.safetensors": save(weights)}, model=MODEL) as served:
        torch.save(weights, tmp_path / "served.pth")
        served.files["toy-weights.pth"] = (tmp_path / "served.pth").read_bytes()
        yield served


@pytest.fixture
def caches(tmp_path, monkeypatch) -> dict[str, str]:
    """Caches of the test's own, for this process and for those it starts."""
    told = {"HF_HOME": str(tmp_path / "hf"), "TORCH_HOME": str(tmp_path / "torch"), "HF_HUB_OFFLINE": "0"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    return told


def by_address(hub: Hub) -> dict:
    """The same network from an address, as timm's legacy networks are fetched."""
    return OPTIONS | {"pretrained_cfg_overlay": {"url": f"{hub.url}/storage/toy-weights.pth", "hf_hub_id": None}}


def fetch(output: Path, options: dict, **environment: str) -> subprocess.CompletedProcess:
    command = ["fetch-weights", "--architecture", "timm", "--options", json.dumps(options), "--output", str(output)]
    return subprocess.run(
        [sys.executable, "-m", "crossgen", *command], capture_output=True, text=True, env=os.environ | environment
    )


@pytest.mark.long
def test_weights_of_the_hub_are_fetched_once_and_recorded(hub, caches, tmp_path):
    for _ in range(2):
        done = fetch(tmp_path / "record.json", OPTIONS, HF_ENDPOINT=hub.url)
        assert done.returncode == 0, done.stderr
    assert hub.sent() == len(hub.files["model.safetensors"])
    text = (tmp_path / "record.json").read_text()
    (file,) = json.loads(text)["files"]
    below = f"models--{MODEL.replace('/', '--')}/snapshots/{REVISION}/model.safetensors"
    assert file["lies"] == f"HF_HUB_CACHE/{below}" and (tmp_path / "hf" / "hub" / below).is_file()
    assert (file["origin"], file["bytes"]) == (MODEL, hub.sent()) and str(tmp_path) not in text
    pretrained.find(tmp_path / "record.json")
    assert os.environ["HF_HUB_OFFLINE"] == "1"


def test_weights_of_an_address_are_fetched_to_torchs_cache(hub, caches, tmp_path):
    done = fetch(tmp_path / "record.json", by_address(hub))
    assert done.returncode == 0, done.stderr
    (file,) = json.loads((tmp_path / "record.json").read_text())["files"]
    assert file["lies"] == "TORCH_HOME/hub/checkpoints/toy-weights.pth"
    assert file["origin"] == f"{hub.url}/storage/toy-weights.pth"
    pretrained.find(tmp_path / "record.json")


def test_weights_that_are_not_to_be_had_are_one_message(caches, tmp_path):
    done = fetch(tmp_path / "record.json", OPTIONS, HF_HUB_OFFLINE="1")
    assert done.returncode == 1 and "crossgen fetch-weights: Cannot fetch timm's weights 'test_resnet'" in done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "record.json").exists()


def record(tmp_path: Path, **changes: str) -> Path:
    told = {"origin": "http://127.0.0.1/w.pth", "name": "w.pth", "lies": "", "bytes": 3, "sha256": "ab" * 32} | changes
    (tmp_path / "record.json").write_text(json.dumps({"files": [told]}))
    return tmp_path / "record.json"


@pytest.mark.parametrize("origin", ["http://127.0.0.1/w.pth", MODEL])
def test_weights_that_are_not_in_the_caches_of_a_node_are_told_with_the_remedy(caches, tmp_path, origin):
    with pytest.raises(ValueError, match=r"hold nothing as w\.pth of .*same HF_HOME and TORCH_HOME.*delete .*record"):
        pretrained.find(record(tmp_path, origin=origin))


def test_other_weights_than_those_that_were_fetched_are_refused(caches, tmp_path):
    path = tmp_path / "torch" / "hub" / "checkpoints" / "w.pth"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"abc")
    with pytest.raises(ValueError, match=r"hold ba7816bf8f01cfea as w\.pth .*expected abababababababab\.\.\."):
        pretrained.find(record(tmp_path))


def test_the_trunk_that_gramnet_takes_apart_is_known():
    """Of the trunk only parts are left in the network, and its name with it."""
    told = [part.trunk_cfg for part in GramNet(False, 2).modules() if hasattr(part, "trunk_cfg")]
    assert [item["hf_hub_id"] for item in told] == ["timm/resnet18.tv_in1k"]


def detector_weights(checkout: Checkout) -> torch.Tensor:
    from safetensors.torch import load_file

    (path,) = (checkout.folder / "results" / "toy" / "detectors" / "raw" / "checker").rglob("detector.safetensors")
    return next(tensor for name, tensor in load_file(path).items() if name.endswith("layer1.0.conv1.weight"))


@pytest.mark.long
def test_trainings_without_a_network_begin_with_what_was_fetched(hub, caches, weights, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    (tmp_path / "run").mkdir()
    checkout = Checkout(tmp_path / "run")
    assert "fetch_weights" not in checkout.planned()  # nothing is fetched for a recipe without pretrained weights
    recipe = checkout.config["recipes"][0]
    recipe |= {"options": OPTIONS, "optimiser": {"lr": 1e-9}, "steps": 2, "schedule": {"kind": "constant"}}
    checkout.config |= {"recipes": [recipe]}
    assert checkout.planned()["fetch_weights"] == 1  # of five detectors
    checkout.snakemake("weights")
    (told,) = (checkout.folder / "results" / "toy" / "weights").glob("test_resnet_*.json")
    hub.refusals = [(500, "")] * 1000
    asked = len(hub.asked)
    target = "results/toy/detectors/raw/checker/seed0/detector.safetensors"
    checkout.snakemake(target)
    assert len(hub.asked) == asked
    assert torch.allclose(detector_weights(checkout), weights["layer1.0.conv1.weight"], atol=1e-6)
    told.write_text(told.read_text())
    assert checkout.planned(target) == {}  # a record that is written again trains nothing again
    told.unlink()
    assert checkout.planned(target) == {}
