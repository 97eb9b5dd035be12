"""VGG16 as DeepLab-LargeFOV (Chen et al., ICLR 2015), the base of both networks of the paper (section 4.1)."""

from collections import OrderedDict
from typing import Literal

import torch
from torch import nn

from aepsl.networks.backbone import Backbone, Origin
from aepsl.networks.batch_norm import BatchNorm

BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
FULLY_CONNECTED = 1024
GROUP = 8


def build(
    *,
    generator: torch.Generator,
    stride: int = 8,
    width: float = 1.0,
    blocks: int = 5,
    norm: Literal["none", "group", "batch"] = "none",
    dilation: int = 12,
    dropout: float = 0.5,
) -> Backbone:
    """conv1 to conv{blocks}, fc6 (3×3, dilated) and fc7 (1×1), each with its ReLU; channels: 1024·width.

    At stride 8 this is the official model: 3×3 pools, the last two without stride, conv5 dilated by 2, an average pool
    before fc6. At 4 and 16 one pool more or one fewer has no stride, and each convolution of the blocks is dilated so
    that it spans the same pixels as at 8; pools stay 3×3.

    width: factor on all channels, which are rounded to multiples of 8. blocks: 5 is VGG16; fewer see less around a cell
    (3 at stride 4 with fc6 undilated: 67 pixels), for small pictures. dilation: of fc6, in cells; 12 at stride 8 is
    LargeFOV. norm: after each convolution, `group` (8 channels a group) or `batch`; GroupNorm fixes each image's mean
    over the cells, which is what global average pooling reads, and a classifier hardly learns with it from scratch
    (docs/method.md). dropout: after fc6 and fc7. ImageNet's weights are taken for the blocks; fc6 and fc7 start fresh.
    """
    if not stride <= 2 ** (blocks - 1) <= 16:
        raise ValueError(f"stride {stride} wants {stride.bit_length()} to 5 blocks. Got: {blocks}")
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    origins: list[Origin] = []

    def convolution(name: str, channels: int, wanted: int, *, kernel: int = 3, dilation: int = 1) -> int:
        out = max(GROUP, round(wanted * width / GROUP) * GROUP)
        layers[name] = nn.Conv2d(channels, out, kernel, padding=dilation * (kernel // 2), dilation=dilation)
        if norm != "none":
            kind = nn.GroupNorm(out // GROUP, out) if norm == "group" else BatchNorm(out)
            layers[name.replace("conv", "norm").replace("fc", "norm")] = kind
        layers[name.replace("conv", "relu").replace("fc", "relu")] = nn.ReLU(inplace=True)
        return out

    with torch.device("meta"):
        channels, index = 3, 0
        for block, (wanted, depth) in enumerate(BLOCKS[:blocks], start=1):
            undilated, reached = 2 ** (block - 1), min(2 ** (block - 1), stride)
            for layer in range(1, depth + 1):
                name = f"conv{block}_{layer}"
                channels = convolution(name, channels, wanted, dilation=undilated // reached)
                origins.append(Origin(f"features.{name}", f"features.{index}"))
                index += 2
            layers[f"pool{block}"] = nn.MaxPool2d(3, 2 if reached < stride else 1, padding=1)
            index += 1
        layers["pool5a"] = nn.AvgPool2d(3, 1, padding=1)
        channels = convolution("fc6", channels, FULLY_CONNECTED, dilation=dilation)
        layers["drop6"] = nn.Dropout(dropout)
        channels = convolution("fc7", channels, FULLY_CONNECTED, kernel=1)
        layers["drop7"] = nn.Dropout(dropout)
        features = nn.Sequential(layers)
    return Backbone(
        features, architecture="vgg16", channels=channels, stride=stride, origins=origins, generator=generator
    )
