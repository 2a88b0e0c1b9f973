"""Optimisers move weights as their formulas say; what decays and by what rate is as told."""

import pytest
import timm
import torch
from tiny_training import Tiny, recipe
from torch import nn

from crossgen.config import Optimiser
from crossgen.detectors.timm_network import TimmNetwork
from crossgen.training.optimisers import KINDS, optimiser_of


def made(network: nn.Module, **told: object):
    return optimiser_of(recipe(optimiser={"lr": 0.1} | told), network)


class One(nn.Module):
    """A single weight, 2.0, whose gradient is told."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([[2.0]]))


def moved(gradients: list[float], **told: object) -> float:
    network = One()
    optimiser = made(network, **told)
    for gradient in gradients:
        network.weight.grad = torch.tensor([[gradient]])
        optimiser.step()
    return float(network.weight.detach())


def test_every_kind_of_the_config_is_there():
    assert set(KINDS) == set(Optimiser.model_fields["kind"].annotation.__args__)


def test_sgd_has_momentum_dampening_decay_and_nesterovs_only_if_told():
    def by_hand(momentum, dampening=0.0, decay=0.0, nesterov=False):
        weight, speed = 2.0, None
        for gradient in (1.0, 0.5, -0.2):
            slope = gradient + decay * weight
            speed = slope if speed is None else momentum * speed + (1 - dampening) * slope
            weight -= 0.1 * (slope + momentum * speed if nesterov else speed)
        return weight

    told = {"kind": "sgd", "weight_decay": 0.0}
    steps = [1.0, 0.5, -0.2]
    assert moved(steps, **told) == pytest.approx(by_hand(0.9))
    assert moved(steps, **told | {"dampening": 0.9}) == pytest.approx(by_hand(0.9, 0.9))
    assert moved(steps, **told | {"momentum": 0.5, "weight_decay": 0.3}) == pytest.approx(by_hand(0.5, decay=0.3))
    assert moved(steps, **told | {"nesterov": True}) == pytest.approx(by_hand(0.9, nesterov=True))


@pytest.mark.parametrize(("kind", "decoupled"), [("adam", False), ("adamw", True)])
def test_adam_has_its_two_betas_and_adamw_decays_apart(kind, decoupled):
    weight, first, second = 2.0, 0.0, 0.0
    for step, gradient in enumerate((1.0, 0.5, -0.2), 1):
        slope = gradient if decoupled else gradient + 0.3 * weight
        weight *= 1 - 0.1 * 0.3 if decoupled else 1
        first, second = 0.8 * first + 0.2 * slope, 0.95 * second + 0.05 * slope**2
        weight -= 0.1 * first / (1 - 0.8**step) / ((second / (1 - 0.95**step)) ** 0.5 + 1e-8)
    found = moved([1.0, 0.5, -0.2], kind=kind, momentum=0.8, beta2=0.95, weight_decay=0.3)
    assert found == pytest.approx(weight, rel=1e-5)


def test_lamb_and_rmsprop_are_torchs_and_timms_unclipped():
    lamb = made(One(), kind="lamb", momentum=0.8, beta2=0.9)
    assert (lamb.defaults["betas"], lamb.defaults["max_grad_norm"]) == ((0.8, 0.9), None)
    rmsprop = made(One(), kind="rmsprop", momentum=0.8)
    assert type(rmsprop) is torch.optim.RMSprop and rmsprop.defaults["momentum"] == 0.8


def test_all_decays_or_weights_alone():
    network = Tiny()
    (group,) = made(network, weight_decay=0.05).param_groups
    assert group["weight_decay"] == 0.05 and len(group["params"]) == 8
    still, decaying = made(network, weight_decay=0.05, decay="weights").param_groups
    assert (still["weight_decay"], decaying["weight_decay"]) == (0, 0.05)
    assert {id(part) for part in decaying["params"]} == {
        id(network.stem.weight), id(network.body.weight), id(network.last.weight)
    }  # fmt: skip


def test_the_embeddings_that_a_timm_network_spares_do_not_decay():
    network = TimmNetwork("test_vit")
    groups = made(network, decay="weights").param_groups
    still = {id(part) for group in groups if group["weight_decay"] == 0 for part in group["params"]}
    assert {id(network.network.pos_embed), id(network.network.cls_token)} <= still


def rate_of(optimiser, parameter) -> float:
    (rate,) = (group["lr"] for group in optimiser.param_groups for part in group["params"] if part is parameter)
    return rate


@pytest.mark.parametrize("decay", ["all", "weights"])
def test_layers_of_a_timm_network_get_rates_that_fall_towards_the_input(decay):
    network = TimmNetwork("test_vit")
    optimiser = made(network, layer_decay=0.5, decay=decay)
    inner = network.network
    depth = len(inner.blocks)
    # the classifier has the rate itself, the last block half of it, ..., the embedding the least
    assert rate_of(optimiser, inner.head.weight) == pytest.approx(0.1)
    for place, block in enumerate(inner.blocks):
        assert rate_of(optimiser, block.mlp.fc1.weight) == pytest.approx(0.1 * 0.5 ** (depth - place))
    assert rate_of(optimiser, inner.patch_embed.proj.weight) == pytest.approx(0.1 * 0.5 ** (depth + 1))
    found = sum(part.numel() for group in optimiser.param_groups for part in group["params"])
    assert found == sum(part.numel() for part in timm.create_model("test_vit", num_classes=1).parameters())


def test_layers_of_a_network_of_our_own_are_its_parts():
    network = nn.Sequential(Tiny())  # a shell is opened
    optimiser, tiny = made(network, layer_decay=0.5), network[0]
    parts = (tiny.last, tiny.body, tiny.norm, tiny.stem)
    for place, part in enumerate(parts):
        assert rate_of(optimiser, part.weight) == rate_of(optimiser, part.bias) == pytest.approx(0.1 * 0.5**place)


def test_what_is_frozen_is_not_the_optimisers():
    for told in ({}, {"decay": "weights"}, {"layer_decay": 0.5}):
        network = Tiny()
        network.stem.requires_grad_(False)
        optimiser = made(network, **told)
        assert sum(len(group["params"]) for group in optimiser.param_groups) == 6


@pytest.mark.parametrize(
    ("told", "network", "message"),
    [
        (
            {"layer_decay": 0.5},
            nn.Sequential(nn.Linear(3, 1)),
            "layer_decay in recipe 'tiny': Sequential has no layers",
        ),
        ({}, Tiny().requires_grad_(False), "freezes every layer"),
    ],
)
def test_what_does_not_go_together_is_refused(told, network, message):
    with pytest.raises(ValueError, match=message):
        made(network, **told)
