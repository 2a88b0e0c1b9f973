"""The loss of one logit an image: binary cross-entropy, and the AugMix divergence of several copies of an image."""

from collections.abc import Callable
from functools import partial

import torch
from timm.loss import JsdCrossEntropy
from torch import Tensor, nn
from torch.nn import functional

from crossgen.config import Recipe, Splits

#: Weights in the loss of an image of label 0 and of label 1.
Weights = tuple[float, float] | None
#: logits [copies * n], labels [n] in [0, 1] (between them where images are mixed), weights -> mean loss.
Loss = Callable[[Tensor, Tensor, Weights], Tensor]


def loss_of(recipe: Recipe) -> Loss:
    """The recipe's loss."""
    if recipe.splits is not None:
        return partial(divergence, splits=recipe.splits, smoothing=recipe.label_smoothing)
    return partial(cross_entropy, smoothing=recipe.label_smoothing)


def cross_entropy(logits: Tensor, labels: Tensor, weights: Weights = None, smoothing: float = 0.0) -> Tensor:
    """Mean binary cross-entropy; targets are s and 1 - s. A mixed image weighs as much as what it is mixed of."""
    targets = labels * (1 - 2 * smoothing) + smoothing
    if weights is None:
        return functional.binary_cross_entropy_with_logits(logits, targets)
    each = weights[0] + (weights[1] - weights[0]) * labels
    return functional.binary_cross_entropy_with_logits(logits, targets, each)


def divergence(
    logits: Tensor, labels: Tensor, weights: Weights = None, *, splits: Splits, smoothing: float = 0.0
) -> Tensor:
    """timm's Jensen-Shannon divergence of the copies plus the cross-entropy of the first (AugMix, equation 2).

    A logit z is taken as the two logits [0, z]: their softmax is [1 - sigmoid(z), sigmoid(z)], so that the
    cross-entropy of the pair is the binary one of z. Smoothing by s on both labels is torch's label smoothing by 2 s.
    """
    entropy = JsdCrossEntropy(splits.n, splits.alpha, smoothing=0)
    entropy.cross_entropy_loss = _TwoClass(weights, 2 * smoothing)
    pairs = torch.stack([torch.zeros_like(logits), logits], dim=1)
    loss: Tensor = entropy(pairs, labels.long())
    return loss


class _TwoClass(nn.Module):
    """Mean cross-entropy of two logits, labels weighted by `weights`, smoothed as torch does it."""

    def __init__(self, weights: Weights, smoothing: float) -> None:
        super().__init__()
        self.weights, self.smoothing = weights, smoothing

    def forward(self, pairs: Tensor, labels: Tensor) -> Tensor:
        """Logits [n, 2] and labels int64 [n] to the loss."""
        each = functional.cross_entropy(pairs, labels, label_smoothing=self.smoothing, reduction="none")
        return (each if self.weights is None else each * each.new_tensor(self.weights)[labels]).mean()
