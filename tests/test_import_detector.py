"""`crossgen import-detector`: published weights become a detector file that judges as they do."""

import json

import numpy as np
import pytest
import torch

from crossgen.__main__ import main
from crossgen.detectors import identity
from crossgen.detectors.detector import load
from crossgen.detectors.zoo import ZOO

RECIPE = {
    "name": "own",
    "architecture": "residual",
    "options": {"model": "test_resnet", "pretrained": True},
    "frame": {"kind": "crop", "size": 32, "mean": [0, 0, 0], "std": [1, 1, 1]},
    "optimiser": {"lr": 0.001},
    "epochs": 1,
    "precision": "fp32",
}


def command(tmp_path, weights, **changes):
    told = {"--recipe": json.dumps(RECIPE | changes), "--output": str(tmp_path / "d.safetensors")}
    told |= {"--weights": str(weights), "--experiment": "published", "--train-set": "progan", "--seed": "7"}
    return main(["import-detector", *(word for pair in told.items() for word in pair)])


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(2)
    network = ZOO["residual"](model="test_resnet").eval()
    state = {f"module.{name}": tensor for name, tensor in network.network.network.state_dict().items()}
    torch.save({"model": state, "total_steps": 3}, tmp_path / "w.pth")
    return tmp_path / "w.pth", network


def test_it_judges_as_the_published_network_does(tmp_path, weights, capsys):
    path, network = weights
    assert command(tmp_path, path) == 0
    count = sum(parameter.numel() for parameter in network.parameters())
    assert capsys.readouterr().out.endswith(f"d.safetensors: residual of w.pth, {count:,} parameters\n")
    told = identity.read_header(tmp_path / "d.safetensors")
    assert told["identity"] == {
        "experiment": "published",
        "train_set": "progan",
        "generator": None,
        "seed": 7,
        "weights": "w.pth",
    }
    assert told["recipe"]["options"] == RECIPE["options"]
    crops = torch.from_numpy(np.random.default_rng(0).integers(0, 255, (4, 32, 32, 3)).astype(np.uint8))
    with torch.inference_mode():
        expected = network(crops.permute(0, 3, 1, 2) / 255)[:, 0]
        assert torch.allclose(load(tmp_path / "d.safetensors")(crops).cpu(), expected, atol=1e-4)


def test_weights_that_do_not_fit_are_one_message(tmp_path, weights, capsys):
    assert command(tmp_path, weights[0], architecture="npr", options={}) == 1
    told = capsys.readouterr().err
    assert "do not fit NPR: " in told and "Check `architecture`" in told and "Traceback" not in told
    assert command(tmp_path, tmp_path / "absent.pth") == 1
    assert "absent.pth" in capsys.readouterr().err and not (tmp_path / "d.safetensors").exists()
