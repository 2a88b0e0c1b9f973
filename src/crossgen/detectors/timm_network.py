"""Any network of timm, with one output, or with two whose difference is the logit."""

from collections.abc import Iterator
from contextlib import contextmanager

import timm
import torch
from torch import Tensor, nn

from crossgen.detectors.two_class import fake_minus_real


class TimmNetwork(nn.Module):
    """A timm classifier. Convolutions may run in bf16; pooling and head run in float32.

    `classes`: outputs of the head; of two, `fake_index` is the fakes'.
    """

    def __init__(
        self, model: str, pretrained: bool = False, classes: int = 1, fake_index: int = 1, **options: object
    ) -> None:
        super().__init__()
        with weights_of(model):
            self.network = timm.create_model(model, pretrained=pretrained, num_classes=classes, **options)
        self.fake_index = fake_index if classes == 2 else None

    def features(self, images: Tensor) -> Tensor:
        """Normalised images [n, 3, h, w] to the network's unpooled features."""
        features: Tensor = self.network.forward_features(images)
        return features

    def head(self, features: Tensor) -> Tensor:
        """Unpooled features, float32, to logits [n, 1]."""
        outputs: Tensor = self.network.forward_head(features)
        return outputs if self.fake_index is None else fake_minus_real(outputs, self.fake_index)

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images [n, 3, h, w] to logits [n, 1]."""
        return self.head(self.features(images).float())


@contextmanager
def weights_of(model: str) -> Iterator[None]:
    """Around what fetches timm's weights: raises ValueError, with what to do, where they cannot be fetched."""
    try:
        yield
    except OSError as error:  # the hub's errors are of this kind
        raise ValueError(
            f"Cannot fetch timm's weights {model!r}: {error} {_kept(model)}; or set pretrained: false and name a file"
            " of weights in the recipe's `start`."
        ) from error


def _kept(model: str) -> str:
    """Where timm looks for weights before it fetches them, and how they come there."""
    told = timm.get_pretrained_cfg(model)
    if told is not None and told.url and not told.hf_hub_id:
        return (
            f"They are read from {torch.hub.get_dir()}/checkpoints (TORCH_HOME), where the file of {told.url} belongs"
        )
    name = told.hf_hub_id if told is not None and told.hf_hub_id else f"timm/{model}"
    return (
        "They are read from the cache of the Hugging Face hub (HF_HOME), where `hf download"
        f" {name}` puts them on a machine with access"
    )


def build(
    model: str,
    pretrained: bool = False,
    classes: int = 1,
    fake_index: int = 1,
    **options: object,
) -> TimmNetwork:
    """Build timm's `model` by its name (random weights unless `pretrained`); `options` go to `timm.create_model`.

    `classes: 2` with `fake_index` takes and trains weights of two outputs. Training code that reads folders in the
    order of their names (GenImage's `ai`, `nature`) has the fakes at 0. Raises ValueError for a model, a tag of
    weights, or a number that does not exist.
    """
    if not timm.is_model(model):
        close = ", ".join(timm.list_models(f"*{model[:6]}*")[:8]) or "see timm.list_models()"
        raise ValueError(f"Unknown timm model {model!r} in options.model of the recipe: expected e.g. {close}.")
    if pretrained and not timm.models.is_model_pretrained(model):
        known = ", ".join(timm.list_pretrained(f"{model.partition('.')[0]}.*")) or "pretrained: false, as it has none"
        raise ValueError(f"timm has no weights {model!r} (options.model of the recipe, pretrained): expected {known}.")
    if classes not in (1, 2) or fake_index not in (0, 1):
        raise ValueError(
            f"options.classes is {classes!r} and options.fake_index {fake_index!r} in the recipe: expected 1 or 2"
            " outputs, and 0 or 1 for the place of the fakes among two."
        )
    return TimmNetwork(model, pretrained, classes, fake_index, **options)
