"""Layers up to a named one keep weights and statistics; the others learn."""

import pytest
import torch
from tiny_training import Tiny, recipe, trained

from crossgen.detectors.detector import prepare
from crossgen.detectors.timm_network import TimmNetwork
from crossgen.training.freezing import frozen


@pytest.mark.parametrize(
    ("name", "still"), [("stem", {"stem"}), ("norm", {"stem", "norm"}), ("body", {"stem", "norm", "body"})]
)
def test_weights_and_statistics_up_to_the_layer_stay(name, still):
    torch.manual_seed(0)
    before = prepare(recipe()).state_dict()
    after = trained(freeze=name).state
    moved = {full.split(".")[1] for full in before if not torch.equal(before[full], after[full])}
    assert moved == {"stem", "norm", "body", "last"} - still


def test_a_layer_of_a_timm_network_takes_all_before_it_and_all_within():
    network = TimmNetwork("test_resnet")
    modules = frozen(network, "layer2")
    learning = {name.split(".")[1] for name, part in network.named_parameters() if part.requires_grad}
    assert learning == {"layer3", "layer4", "fc"}
    network.train()
    for module in modules:
        module.eval()
    states = {name: part.training for name, part in network.named_modules() if isinstance(part, torch.nn.BatchNorm2d)}
    assert all(training == ("layer3" in name or "layer4" in name) for name, training in states.items())
    assert network.network.training


def test_a_transformers_embeddings_lie_before_its_blocks():
    network = TimmNetwork("test_vit")
    frozen(network, "network.blocks.0")
    still = {name.removeprefix("network.") for name, part in network.named_parameters() if not part.requires_grad}
    assert {"cls_token", "pos_embed", "patch_embed.proj.weight", "blocks.0.mlp.fc1.weight"} <= still
    assert not any(name.startswith(("blocks.1", "head")) for name in still)


def test_nothing_is_frozen_unasked_and_unknown_names_are_refused():
    network = Tiny()
    assert frozen(network, None) == () and all(part.requires_grad for part in network.parameters())
    with pytest.raises(ValueError, match=r"freeze names the module 'bdy', which the network has not: .*'body'"):
        frozen(network, "bdy")
    with pytest.raises(ValueError, match="'layer9', which the network has not: expected e.g. .*layer"):
        frozen(TimmNetwork("test_resnet"), "layer9")
