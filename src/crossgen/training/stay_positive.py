"""Stay-Positive: the last layer of a trained detector learned anew, without a weight that could speak for real.

Rajan & Lee, "Stay-Positive: a case for ignoring real image features in fake image detection" (ICML 2025). Features
behind a ReLU are never negative, so a negative weight can only mean "this looks real", and what looks real may be a
trace of the training reals alone (WebP, JPEG). Everything before the last layer stays; its weights and its bias begin
at zero, the bias is free, and after every step a weight below zero becomes zero.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from crossgen.config import Recipe
from crossgen.detectors.detector import Detector
from crossgen.detectors.published import last_layer
from crossgen.training.processes import Together

#: Networks whose last layer is linear and sees non-negative features.
FIT = (
    "cnnspot, f3net, gramnet, npr, res50nodown, spec, and timm or residual with a network that ends in a ReLU (ResNets)"
)


@dataclass
class PositiveHead:
    """The layer that learns. Of two outputs it is the difference fake - real whose weights stay at or above zero.

    `still`: what has to be in evaluation mode. `outputs`: places of the fakes' output, and of the reals' if there are
    two; known once `see` has seen a batch.
    """

    recipe: Recipe
    layer: nn.Linear
    still: tuple[nn.Module, ...]
    outputs: tuple[int, ...] = field(default=())

    @classmethod
    def begun(cls, network: nn.Module, recipe: Recipe) -> "PositiveHead":
        """Freeze all but the last layer and set that to zero. Raises ValueError for a network without a linear one."""
        name, layer = last_layer(network)
        if not isinstance(layer, nn.Linear) or layer.out_features > 2:
            shown = f"{name} ({layer})" if layer is not None else name
            raise _unfit(recipe, f"its last layer is {shown}, expected nn.Linear with one output or two")
        network.requires_grad_(False)
        layer.requires_grad_(True)
        for parameter in layer.parameters():
            nn.init.zeros_(parameter)
        frozen = recipe.stay_positive is not None and recipe.stay_positive.batch_norm == "frozen"
        return cls(recipe, layer, (network,) if frozen else ())

    @property
    def fits(self) -> bool:
        """Whether a batch has been seen, and the network fits."""
        return bool(self.outputs)

    def see(self, detector: Detector, images: Sequence[Tensor], together: Together) -> None:
        """Look at the features of normalised images, given in parts, in evaluation mode; all processes must ask.

        Raises ValueError, with the architectures that fit, where a feature is below zero, and where the logit does not
        rise with the output of the fakes (and fall with that of the reals).
        """
        detector.eval()
        seen = [self._look(detector, part) for part in images if len(part)]
        told = together.gather((min(least for least, _ in seen), sorted({sign for _, signs in seen for sign in signs})))
        least, signs = min(least for least, _ in told), {sign for _, signs in told for sign in signs}
        if not least >= 0:
            raise _unfit(self.recipe, f"the least feature of the first batch is {least:.4g}, expected none below 0")
        if signs not in ({(1,)}, {(1, -1)}, {(-1, 1)}):
            raise _unfit(self.recipe, "its logit is not the last layer's output (of two: fake minus real)")
        signs_of = signs.pop()
        self.outputs = tuple(sorted(range(len(signs_of)), key=lambda place: -signs_of[place]))

    def _look(self, detector: Detector, images: Tensor) -> tuple[float, set[tuple[int, ...]]]:
        """The least feature, and which way the logit goes with each output, image by image."""
        with torch.enable_grad(), _passing(self.layer) as passed:
            logits = detector.judge(images)
            if len(passed) != 1:
                raise _unfit(self.recipe, f"its last layer is asked {len(passed)} times an image, expected once")
            features, outputs = passed[0]
            (slopes,) = torch.autograd.grad(logits.sum(), outputs)
        signs = slopes.reshape(-1, outputs.shape[-1]).sign().int()
        return float(features.min()), {tuple(row) for row in signs.tolist()}

    @torch.no_grad()
    def clamp(self) -> None:
        """Bring weights back to where none speaks for real: the nearest ones, so of two outputs both give half."""
        weight = self.layer.weight
        if len(self.outputs) == 1:
            weight.clamp_(min=0)
            return
        fake, real = (weight[place] for place in self.outputs)
        below, middle = fake < real, (fake + real) / 2
        for row in (fake, real):
            row.copy_(torch.where(below, middle, row))


@contextmanager
def _passing(layer: nn.Module) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Collects what goes into a layer and what comes out of it."""
    passed: list[tuple[Tensor, Tensor]] = []
    handle = layer.register_forward_hook(lambda _, told, out: passed.append((told[0].detach(), out)))
    try:
        yield passed
    finally:
        handle.remove()


def _unfit(recipe: Recipe, fault: str) -> ValueError:
    shown = recipe.options.get("model", recipe.architecture)
    return ValueError(f"stay_positive does not fit {shown!r} of recipe {recipe.name!r}: {fault}. These fit: {FIT}.")
