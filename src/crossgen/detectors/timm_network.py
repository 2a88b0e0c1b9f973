"""Any network of timm, with one output."""

import timm
from torch import Tensor, nn


class TimmNetwork(nn.Module):
    """A timm classifier with one logit. Convolutions may run in bf16; pooling and head run in float32."""

    def __init__(self, model: str, pretrained: bool = False, **options: object) -> None:
        super().__init__()
        self.network = timm.create_model(model, pretrained=pretrained, num_classes=1, **options)

    def features(self, images: Tensor) -> Tensor:
        """Normalised images [n, 3, h, w] to the network's unpooled features."""
        features: Tensor = self.network.forward_features(images)
        return features

    def head(self, features: Tensor) -> Tensor:
        """Unpooled features, float32, to logits [n, 1]."""
        logits: Tensor = self.network.forward_head(features)
        return logits

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images [n, 3, h, w] to logits [n, 1]."""
        return self.head(self.features(images).float())


def build(model: str, pretrained: bool = False, **options: object) -> TimmNetwork:
    """Build timm's `model` by its name (random weights unless `pretrained`); `options` go to `timm.create_model`.

    Raises ValueError for a name that timm does not know.
    """
    if not timm.is_model(model):
        close = ", ".join(timm.list_models(f"*{model[:6]}*")[:8]) or "see timm.list_models()"
        raise ValueError(f"Unknown timm model {model!r} in options.model of the recipe: expected e.g. {close}.")
    return TimmNetwork(model, pretrained, **options)
