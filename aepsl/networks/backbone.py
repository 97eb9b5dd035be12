"""What all backbones share: their form, their first weights, and strides turned into dilation."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Origin(NamedTuple):
    """Where torchvision's state dict holds what a convolution `own` starts from: `conv`, and batch `norm` after it."""

    own: str
    conv: str
    norm: str | None = None


class Backbone(nn.Module):
    """Layers up to the one before the scores.

    Cell j of the features is centred at pixel stride·j of the image: inputs of 32k + 1 pixels and `align_corners=True`
    keep maps and pixels together.
    """

    def __init__(
        self,
        features: nn.Sequential,
        *,
        architecture: str,
        channels: int,
        stride: int,
        origins: Sequence[Origin],
        generator: torch.Generator,
    ) -> None:
        """features: layers on the meta device, filled here from the generator.

        architecture: torchvision's name of the network that `origins` speaks of.
        """
        super().__init__()
        self.architecture = architecture
        self.channels = channels
        self.stride = stride
        self.origins = tuple(origins)
        self.features = features.to_empty(device="cpu")
        initialise(self.features, generator)

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images (B, 3, H, W) → features (B, channels, h, w), h = (H - 1) / stride + 1 for H = 32k + 1."""
        features: Tensor = self.features(images)
        return features


def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Fill every parameter: He's normal weights by fan-in (ICCV 2015) from the generator, biases 0, norms 1 and 0."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
        elif isinstance(layer, nn.GroupNorm | nn.BatchNorm2d):
            nn.init.ones_(layer.weight)
        elif next(layer.parameters(recurse=False), None) is not None:
            raise ValueError(f"no initial weights are known for {type(layer).__name__}")
        if isinstance(layer, nn.Conv2d | nn.GroupNorm | nn.BatchNorm2d) and layer.bias is not None:
            nn.init.zeros_(layer.bias)
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_running_stats()


def centre_and_dilate(features: nn.Sequential, stride: int) -> None:
    """Pad all layers symmetrically; from `stride` on, turn strides of 2 into dilation of the convolutions behind them.

    The network then computes the same features on a finer grid (à trous), but for pools behind a lost stride, which
    stay 3×3 as in DeepLab. Works in place on layers that run in the order of `features.modules()`.
    """
    reached = dilation = 1
    for layer in features.modules():
        if not isinstance(layer, nn.Conv2d | nn.MaxPool2d):
            continue
        kernel, step = _side(layer.kernel_size), _side(layer.stride)
        if isinstance(layer, nn.MaxPool2d):
            layer.padding, layer.ceil_mode = kernel // 2, False
        else:
            layer.dilation = (dilation, dilation)
            layer.padding = (dilation * (kernel // 2),) * 2
        if step == 2 and reached == stride:
            layer.stride = (1, 1)
            dilation *= 2
        else:
            reached *= step


def _side(size: int | tuple[int, ...]) -> int:
    return size if isinstance(size, int) else size[0]
