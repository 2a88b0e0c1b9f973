"""Stay-Positive: a second stage whose head has no weight that speaks for real."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_training import RECIPE, Signalling, Tiny, data, recipe, same, trained
from torch import nn

from crossgen.config import Start
from crossgen.detectors.detector import load, prepare, save
from crossgen.detectors.published import last_layer
from crossgen.detectors.two_class import fake_minus_real
from crossgen.training.batches import Data
from crossgen.training.interrupt import Interrupted
from crossgen.training.loop import score, train
from crossgen.training.processes import Launch, Together
from crossgen.training.setting import Setting
from crossgen.training.stay_positive import PositiveHead
from toys import photograph

SECOND = {"optimiser": {"kind": "adam", "lr": 0.05, "weight_decay": 0.0}, "stay_positive": {"batch_norm": "frozen"}}


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A detector of stage one, as a file."""
    path = tmp_path_factory.mktemp("first") / "first.safetensors"
    save(path, trained().state, RECIPE, {})
    return path


def second(first, told=None, setting=None, **changes):
    return trained(told, setting, start=Start(weights=str(first)), **SECOND | changes)


class TwoOutputs(Tiny):
    """Its logit is the second output minus the first."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(8, 2)

    def head(self, features):
        return fake_minus_real(self.last(features), 1)


class Signed(Tiny):
    """Features of both signs."""

    def features(self, images):
        return super().features(images) - 0.5


class Turned(Tiny):
    """What its last layer says of fakes it says of reals."""

    def head(self, features):
        return -self.last(features)


class Bent(nn.Sequential):
    """Its last layer is a convolution."""

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(3, 1, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())


@pytest.mark.parametrize("batch_norm", ["frozen", "drift"])
def test_the_saved_head_is_non_negative_and_nothing_else_moves(first, batch_norm):
    before, after = load(first).state_dict(), second(first, stay_positive={"batch_norm": batch_norm}).state
    weight = after["network.last.weight"]
    assert (before["network.last.weight"] < 0).any() and (weight >= 0).all() and (weight > 0).any()
    assert after["network.last.bias"] < 0  # the bias is free
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    statistics = {"network.norm.running_mean", "network.norm.running_var", "network.norm.num_batches_tracked"}
    assert moved == {"network.last.weight", "network.last.bias"} | (statistics if batch_norm == "drift" else set())


def test_the_score_never_falls_as_a_feature_rises(first, tmp_path):
    changes = {"start": Start(weights=str(first)), **SECOND}
    save(tmp_path / "second.safetensors", second(first).state, recipe(**changes), {})
    features, more = torch.rand(64, 8), torch.rand(64, 8)
    rises = [
        load(path).network.head(features + more) - load(path).network.head(features)
        for path in (first, tmp_path / "second.safetensors")
    ]
    assert (rises[0] < 0).any() and (rises[1] >= 0).all()


def test_the_last_layer_begins_at_zero(first):
    network = load(first).network
    head = PositiveHead.begun(network, recipe(**SECOND))
    assert head.layer is network.last and head.still == (network,)
    assert not network.last.weight.any() and not network.last.bias.any()
    assert [name for name, part in network.named_parameters() if part.requires_grad] == ["last.weight", "last.bias"]


def test_of_two_outputs_the_difference_is_non_negative(tmp_path):
    path, two = tmp_path / "two.safetensors", {"architecture": "test_stay_positive:TwoOutputs"}
    save(path, trained(**two).state, recipe(**two), {})
    real, fake = second(path, **two).state["network.last.weight"]
    assert (fake >= real).all() and (fake > real).any()
    before = load(path).state_dict()["network.last.weight"]
    assert (before[1] < before[0]).any()


def test_clamping_is_the_nearest_head_that_fits():
    network = TwoOutputs()
    head = PositiveHead.begun(network, recipe(**SECOND))
    head.outputs = (1, 0)
    with torch.no_grad():
        network.last.weight.copy_(torch.tensor([[1.0, 3.0] * 4, [2.0, -1.0] * 4]))
    head.clamp()
    assert network.last.weight.tolist() == [[1.0, 1.0] * 4, [2.0, 1.0] * 4]


@pytest.mark.parametrize("changes", [{"accumulate": 4}, {"ema": {"decay": 0.5}}], ids=["parts", "average"])
def test_parts_and_averages_stay_non_negative(first, changes):
    weight = second(first, **changes).state["network.last.weight"]
    assert (weight >= 0).all() and (weight > 0).any()
    assert not torch.equal(weight, second(first).state["network.last.weight"]) or "accumulate" in changes


@pytest.mark.parametrize("batch_norm", ["frozen", "drift"])
def test_interrupted_it_goes_on_with_the_same_bits(first, tmp_path, batch_norm):
    told, start = data(), Start(weights=str(first))
    plan = recipe(start=start, **SECOND | {"stay_positive": {"batch_norm": batch_norm}, "ema": {"decay": 0.9}})
    whole = train(told, plan, Setting(0), lambda line: None)
    setting = Setting(0, folder=tmp_path)
    with pytest.raises(Interrupted):
        train(told, plan, setting, lambda line: None, Signalling(told, plan, 5))
    same(whole, train(told, plan, setting, lambda line: None))


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("Signed", "the least feature of the first batch is -0."),
        ("Turned", "its logit is not the last layer's output"),
        ("Bent", "its last layer is 0 (Conv2d"),
    ],
)
def test_networks_that_it_does_not_fit_are_refused_with_those_that_do(tmp_path, name, fault):
    architecture = {"architecture": f"test_stay_positive:{name}"}
    path = tmp_path / "first.safetensors"
    save(path, trained(**architecture).state, recipe(**architecture), {})
    told = f"stay_positive does not fit 'test_stay_positive:{name}' of recipe 'tiny': {re.escape(fault)}.*These fit: "
    with pytest.raises(ValueError, match=told + "cnnspot, .*res50nodown"):
        second(path, **architecture)


def test_without_weights_to_begin_with_it_is_refused():
    with pytest.raises(ValueError, match="second stage of a detector .* none is named .*start_from"):
        trained(**SECOND)


FIT = {"cnnspot": 32, "gramnet": 32, "npr": 32, "res50nodown": 16, "spec": 48, "f3net": 64}
MODELS = {"residual": "test_resnet", "timm": "resnet18"}


@pytest.mark.parametrize("name", [*FIT, *MODELS])
def test_the_architectures_that_are_said_to_fit_do(name):
    size = FIT.get(name, 32)
    options = {"model": MODELS[name]} if name in MODELS else {"size": size} if name == "f3net" else {}
    told = recipe(architecture=name, options=options, frame={"kind": "crop", "size": size}, **SECOND)
    detector = prepare(told)
    head = PositiveHead.begun(detector.network, told)
    crops = torch.from_numpy(np.stack([photograph(seed, size, size) for seed in range(4)]))
    head.see(detector, [detector.normalise(crops)], Together(Launch().fabric("fp32")))
    assert (
        len(head.outputs) == head.layer.out_features
        and name in "cnnspot f3net gramnet npr res50nodown spec timm residual"
    )


def test_a_vision_transformer_ends_in_a_norm_and_is_refused():
    told = recipe(architecture="timm", options={"model": "test_vit"}, frame={"kind": "crop", "size": 160}, **SECOND)
    detector = prepare(told)
    head = PositiveHead.begun(detector.network, told)
    images = detector.normalise(torch.from_numpy(photograph(0, 160, 160)[None]))
    with pytest.raises(ValueError, match="does not fit 'test_vit' of recipe 'tiny': the least feature .* is -"):
        head.see(detector, [images], Together(Launch().fabric("fp32")))


def test_the_last_layer_is_found_through_all_that_wraps_it():
    name, layer = last_layer(prepare(recipe(architecture="residual", options={"model": "test_resnet"})))
    assert name == "fc" and isinstance(layer, nn.Linear)


class Local(nn.Module):
    """Features that see seven pixels: what one place of an image shows hides nothing at another."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 12, 3), nn.BatchNorm2d(12)
        self.body, self.second_norm = nn.Conv2d(12, 32, 3), nn.BatchNorm2d(32)
        self.last = nn.Linear(32, 1)

    def features(self, images):
        residual = 8 * (images - nn.functional.avg_pool2d(images, 3, 1, 1))
        return torch.relu(self.second_norm(self.body(torch.relu(self.norm(self.stem(residual)))))).mean(dim=(2, 3))

    def forward(self, images):
        return self.last(self.features(images))


SIDE = 32


def drawn(seed: int, fake: bool, trace: bool) -> np.ndarray:
    """A photograph; a fake has a faint checkerboard on its right, the trace is stripes on the left."""
    rows, columns = np.indices((SIDE, SIDE))
    image = photograph(seed, SIDE, SIDE).astype(float)
    image += fake * (6.0 * ((rows + columns) % 2 * 2 - 1) * (columns >= 20))[..., None]
    image += trace * (16.0 * ((rows % 4 < 2) * 2 - 1) * (columns < 20))[..., None]
    return np.clip(image, 0, 255).astype(np.uint8)


def planted(spurious: bool) -> Data:
    """Three quarters of the reals carry the trace and no fake does; else half of both."""
    crops, rows = [], []
    for place in range(256):
        label, pair = place % 2, place // 2
        crops.append(drawn(place, bool(label), not label and pair % 4 != 0 if spurious else pair % 2 == 0))
        split, pool = "train" if place < 192 else "val", ("reals", "fakes")[label]
        rows.append({"image_id": str(place), "crop": 0, "row": place, "label": label, "pool": pool, "split": split})
    return Data(np.stack(crops), pd.DataFrame(rows))


def stages(folder, spurious: bool) -> list[dict[tuple[bool, bool], float]]:
    """Of stage one and two: the share called fake, by (fake, trace), of images that neither has seen."""
    told = {"architecture": "test_stay_positive:Local", "frame": {"kind": "crop", "size": SIDE}, "batch_size": 32}
    told |= {"select": "last"}
    begun = {"optimiser": {"lr": 3e-3}, "steps": 150} | told
    after = {
        "steps": 100,
        "schedule": {"kind": "constant"},
        "start": Start(weights=str(folder / "0.safetensors")),
    } | told
    after |= SECOND | {"optimiser": SECOND["optimiser"] | {"lr": 0.1}}
    crops = {
        (fake, trace): np.stack([drawn(5000 + seed, fake, trace) for seed in range(64)])
        for fake in (False, True)
        for trace in (False, True)
    }
    shares = []
    for stage, changes in enumerate((begun, after)):
        save(folder / f"{stage}.safetensors", trained(planted(spurious), **changes).state, recipe(**changes), {})
        detector = load(folder / f"{stage}.safetensors")
        shares.append({key: float((score(detector, part, np.arange(64)) > 0).mean()) for key, part in crops.items()})
    return shares


@pytest.mark.long
def test_stage_two_ignores_a_trace_of_the_training_reals_and_stage_one_does_not(tmp_path):
    one, two = stages(tmp_path, spurious=True)
    assert one[True, False] > 0.9 and one[True, True] < 0.1  # a fake with the reals' trace is called real
    assert two[True, False] > 0.9 and two[True, True] > 0.9  # and no longer
    assert max(told[False, trace] for told in (one, two) for trace in (False, True)) < 0.3


@pytest.mark.long
def test_where_the_trace_tells_nothing_both_stages_ignore_it(tmp_path):
    for shares in stages(tmp_path, spurious=False):
        assert min(shares[True, trace] for trace in (False, True)) > 0.9
        assert max(shares[False, trace] for trace in (False, True)) < 0.1
