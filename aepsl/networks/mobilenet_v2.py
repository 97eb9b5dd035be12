"""MobileNetV2 1.0 (Sandler et al., CVPR 2018), torchvision's layers, dilated."""

import torch
from torch import nn
from torchvision.models.mobilenetv2 import MobileNetV2

from aepsl.networks.backbone import Backbone, Origin, centre_and_dilate
from aepsl.networks.depthwise import Depthwise


def build(*, generator: torch.Generator, stride: int = 8, dropout: float = 0.5) -> Backbone:
    """All layers up to the last 1×1 convolution; channels: 1280. dropout: on the features.

    Batch norm with frozen statistics is a factor and a shift a channel: it is folded into the convolutions, so that
    there are no statistics that several processes could disagree on. Made for ImageNet's weights; trained from scratch
    it has no normalisation.
    """
    with torch.device("meta"):
        features = MobileNetV2().features
        origins = _fold(features)
        _own_depthwise(features)
        features.append(nn.Dropout(dropout))
    centre_and_dilate(features, stride)
    return Backbone(
        features, architecture="mobilenet_v2", channels=1280, stride=stride, origins=origins, generator=generator
    )


def _fold(features: nn.Sequential) -> list[Origin]:
    """Give each convolution a bias in place of the batch norm behind it; torchvision's names stay."""
    origins = []
    for path, layers in features.named_modules(prefix="features"):
        if isinstance(layers, nn.Sequential):
            for index, layer in enumerate(layers):
                if isinstance(layer, nn.BatchNorm2d):
                    conv = layers[index - 1]
                    assert isinstance(conv, nn.Conv2d)
                    conv.bias = nn.Parameter(torch.empty(conv.out_channels))
                    layers[index] = nn.Identity()
                    origins.append(Origin(f"{path}.{index - 1}", f"{path}.{index - 1}", f"{path}.{index}"))
    return origins


def _own_depthwise(features: nn.Sequential) -> None:
    """Put `Depthwise` in the place of each depthwise convolution; names stay."""
    for layers in [layer for layer in features.modules() if isinstance(layer, nn.Sequential)]:
        for index, layer in enumerate(layers):
            if isinstance(layer, nn.Conv2d) and layer.groups > 1:
                layers[index] = Depthwise.like(layer)
