"""What every architecture must do, whatever it is: count, judge, be trained, learn what is there and only that."""

import json

import numpy as np
import pytest
import torch
from zoo_cases import CASES, crops, fresh, judge, shuffled, toy, trained

from crossgen.config import Recipe
from crossgen.config.loading import read
from crossgen.config.recipes import ARCHITECTURES
from crossgen.detectors.detector import without_download
from crossgen.detectors.zoo import ZOO, build
from crossgen.evaluation.statistics import roc_auc
from toys import ROOT

RECIPES = sorted(path for path in (ROOT / "config" / "recipes").rglob("*.yaml") if path.stem != "base")


def cases(quick: set[str]) -> pytest.MarkDecorator:
    """All of them, those that are not quick in the long tests."""
    marks = {name: () if name in quick else pytest.mark.long for name in sorted(CASES)}
    return pytest.mark.parametrize("name", [pytest.param(name, marks=mark) for name, mark in marks.items()])


#: Front ends and networks of ours; the rest are timm's networks behind the same few lines.
OURS = {"gramnet", "npr", "own", "residual", "spec"}


@pytest.fixture(autouse=True)
def _own_code(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "examples"))


def count(architecture: str, **options: object) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in ZOO[architecture](**options).parameters())


def test_the_config_knows_the_zoo():
    assert set(ARCHITECTURES) == set(ZOO) and list(ZOO) == sorted(ZOO)


def test_every_architecture_is_tried():
    """Here, but for F3Net, which test_f3net.py tries."""
    assert {case.architecture for case in CASES.values() if ":" not in case.architecture} == set(ZOO) - {"f3net"}


@pytest.mark.parametrize(
    ("architecture", "options", "published"),
    [
        ("cnnspot", {}, 25_557_032 - 2048 * 999 - 999),  # torchvision's ResNet-50 with one output of 1000
        ("gramnet", {}, 11.7e6),
        ("gramnet", {"classes": 1}, 11.7e6),
        ("npr", {}, 1.44e6),
        ("res50nodown", {}, 23_510_081),
        ("spec", {}, 21_797_672 - 512 * 998 - 998),  # torchvision's ResNet-34 with two outputs
        ("timm", {"model": "resnet50", "classes": 2}, 25_557_032 - 2048 * 998 - 998),
        ("timm", {"model": "deit_small_patch16_224"}, 22_050_664 - 384 * 999 - 999),
        ("timm", {"model": "swin_tiny_patch4_window7_224"}, 28_288_354 - 768 * 999 - 999),
    ],
)
def test_parameters_are_as_many_as_published(architecture, options, published):
    found = count(architecture, **options)
    assert found == published if isinstance(published, int) else abs(found / published - 1) < 0.004


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_options_of_every_recipe_fit_its_architecture(path):
    recipe = without_download(Recipe.model_validate_json(json.dumps(read(path))))
    with torch.device("meta"):
        assert isinstance(build(recipe), torch.nn.Module)


@cases(quick=OURS)
def test_judges_each_image_alone(name):
    detector, images = judge(name), crops(name)
    with torch.inference_mode():
        together, again = detector(images), detector(images)
        alone = torch.cat([detector(image[None]) for image in images.flip(0)]).flip(0)
    assert together.shape == (5,) and together.dtype == torch.float32 and together.unique().numel() == 5
    assert torch.equal(together, again)
    assert torch.allclose(together, alone, rtol=1e-3, atol=1e-4)


@cases(quick=OURS)
def test_the_gradient_reaches_every_trainable_tensor(name):
    detector = fresh(name).train()
    with torch.no_grad():
        for parameter in detector.parameters():  # norms that begin at zero hold gradients back
            parameter.add_(0.01 * torch.randn(parameter.shape))
    images, labels = toy(6, CASES[name].size, first=0)
    torch.nn.functional.binary_cross_entropy_with_logits(detector(images), labels.float()).backward()
    gradients = {name: parameter.grad for name, parameter in detector.named_parameters()}
    assert not [name for name, gradient in gradients.items() if gradient is None or not gradient.any()]
    assert all(bool(gradient.isfinite().all()) for gradient in gradients.values())


@pytest.mark.parametrize("name", ["gramnet", "npr", "spec"])
def test_images_need_not_be_square_or_even(name):
    network = judge(name).network
    with torch.inference_mode():
        assert network(torch.rand(1, 3, 45, 67)).shape == (1, 1)


def auc(name: str, permuted: bool) -> float:
    """ROC-AUC on 80 held-out images. Permuted labels are so in training and in the test: only a leak tells them."""
    size = CASES[name].size
    (seen, told), (held_out, expected) = toy(96, size, first=0), toy(80, size, first=900)
    if permuted:
        told, expected = shuffled(96), shuffled(80)
    detector = trained(name, seen, told)
    with torch.inference_mode():
        logits = detector(held_out).double().numpy()
    return float(roc_auc(logits, expected.numpy(), np.ones(80)))


@cases(quick={"own", "residual"})
def test_the_pattern_is_learned_and_told_in_the_right_direction(name):
    assert auc(name, permuted=False) > 0.9


@cases(quick={"own", "residual"})
def test_shuffled_labels_teach_nothing(name):
    assert 0.3 < auc(name, permuted=True) < 0.7


def test_a_number_of_outputs_that_does_not_exist_is_refused():
    for options in ({"classes": 3}, {"classes": 2, "fake_index": 2}):
        with pytest.raises(ValueError, match=r"options.classes is \d.*options.fake_index \d"):
            ZOO["timm"](model="test_resnet", **options)
    with pytest.raises(ValueError, match=r"options.classes is 0 in the recipe: GramNet has 1 or 2"):
        ZOO["gramnet"](classes=0)
    recipe = CASES["npr"].recipe.model_copy(update={"options": {"pretrained": True}})
    with pytest.raises(ValueError, match="do not fit 'npr'"):
        build(recipe)


def test_two_outputs_train_as_cross_entropy_does():
    torch.manual_seed(0)
    network = ZOO["timm"](model="test_resnet", classes=2, fake_index=0).eval()
    inner = network.network
    images, labels = torch.rand(6, 3, 32, 32), torch.tensor([0, 1, 0, 1, 1, 0])
    ours = torch.nn.functional.binary_cross_entropy_with_logits(network(images)[:, 0], labels.float())
    theirs = torch.nn.functional.cross_entropy(inner(images), 1 - labels)  # folders ai, nature: the fake is class 0
    assert torch.allclose(ours, theirs, atol=1e-6)
    found = torch.autograd.grad(ours, list(inner.parameters()))
    expected = torch.autograd.grad(theirs, list(inner.parameters()))
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(found, expected, strict=True))
