"""The loss against torch's and numpy's formulas: smoothing, weights, mixed labels, the divergence of copies."""

import numpy as np
import pytest
import torch
from scipy.special import expit, rel_entr
from tiny_training import recipe

from crossgen.config import Splits
from crossgen.training.losses import cross_entropy, divergence, loss_of

RANDOM = np.random.default_rng(0)
LOGITS = torch.from_numpy(RANDOM.normal(0, 2, 30).astype(np.float32))
LABELS = torch.from_numpy(RANDOM.integers(0, 2, 30).astype(np.float32))


def entropy(logits, targets):
    """-t log p - (1 - t) log(1 - p), image by image, in float64."""
    p = expit(np.asarray(logits, np.float64))
    return -targets * np.log(p) - (1 - targets) * np.log(1 - p)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_targets_are_smoothed_on_both_sides(smoothing):
    expected = entropy(LOGITS, np.where(LABELS == 1, 1 - smoothing, smoothing)).mean()
    assert float(cross_entropy(LOGITS, LABELS, smoothing=smoothing)) == pytest.approx(expected, rel=1e-5)


def test_weights_are_by_label_and_a_mixed_image_weighs_what_its_parts_do():
    mixed = torch.linspace(0, 1, 30)
    for labels in (LABELS, mixed):
        share = labels.numpy().astype(np.float64)
        expected = ((0.5 * (1 - share) + 3.0 * share) * entropy(LOGITS, share)).mean()
        assert float(cross_entropy(LOGITS, labels, (0.5, 3.0))) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, (0.5, 3.0)])
def test_the_first_copys_loss_is_the_binary_one(weights, smoothing):
    """With alpha 0 nothing is left but the cross-entropy of the first copy, as of the two logits [0, z]."""
    found = divergence(LOGITS, LABELS[:10], weights, splits=Splits(n=3, alpha=0.0), smoothing=smoothing)
    expected = cross_entropy(LOGITS[:10], LABELS[:10], weights, smoothing)
    assert float(found) == pytest.approx(float(expected), rel=1e-5)
    pairs = torch.stack([torch.zeros(30), LOGITS], 1).softmax(1)
    assert torch.allclose(pairs[:, 1], torch.sigmoid(LOGITS), atol=1e-6)


def test_the_divergence_is_the_mean_relative_entropy_to_the_mixture():
    fakes = expit(LOGITS.numpy().astype(np.float64)).reshape(3, 10)
    shares = np.stack([1 - fakes, fakes], axis=-1)
    apart = rel_entr(shares, shares.mean(axis=0)).sum(axis=-1).mean(axis=1).mean()
    splits = Splits(n=3, alpha=12.0)
    expected = float(cross_entropy(LOGITS[:10], LABELS[:10])) + 12 * apart
    assert float(divergence(LOGITS, LABELS[:10], splits=splits)) == pytest.approx(expected, rel=1e-5)
    equal = divergence(LOGITS[:10].repeat(3), LABELS[:10], splits=splits)
    assert float(equal) == pytest.approx(float(cross_entropy(LOGITS[:10], LABELS[:10])), rel=1e-5)


def test_a_recipe_has_its_loss():
    assert float(loss_of(recipe(label_smoothing=0.1))(LOGITS, LABELS, None)) == float(
        cross_entropy(LOGITS, LABELS, smoothing=0.1)
    )
    told = recipe(splits=Splits(n=3), label_smoothing=0.1)
    assert float(loss_of(told)(LOGITS, LABELS[:10], None)) == float(
        divergence(LOGITS, LABELS[:10], splits=Splits(n=3), smoothing=0.1)
    )
