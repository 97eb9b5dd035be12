"""SqueezeNet 1.1 (Iandola et al., arXiv 1602.07360), torchvision's layers, padded and dilated."""

import torch
from torch import nn
from torchvision.models.squeezenet import SqueezeNet

from aepsl.networks.backbone import Backbone, Origin, centre_and_dilate


def build(*, generator: torch.Generator, stride: int = 8, dropout: float = 0.5) -> Backbone:
    """All layers before the score layer; channels: 512. dropout: on the features.

    torchvision's first convolution and pools are unpadded, which centres cell j at pixel 16j + 15; padded here, it sits
    at stride·j as in every backbone.
    """
    with torch.device("meta"):
        features = SqueezeNet("1_1").features
        features.append(nn.Dropout(dropout))
    centre_and_dilate(features, stride)
    convolutions = [name for name, layer in features.named_modules(prefix="features") if isinstance(layer, nn.Conv2d)]
    return Backbone(
        features,
        architecture="squeezenet1_1",
        channels=512,
        stride=stride,
        origins=[Origin(name, name) for name in convolutions],
        generator=generator,
    )
