"""Score layers: fresh, small, and computed in float32 whatever the precision of the backbone; scores as shares."""

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

Layer = TypeVar("Layer", nn.Linear, nn.Conv2d)


def fully_connected(channels: int, scores: int, generator: torch.Generator) -> nn.Linear:
    """Weights normal with deviation 0.01 from the generator, biases 0, as DeepLab's score layer."""
    return _fresh(skip_init(nn.Linear, channels, scores), generator)


def pointwise(channels: int, scores: int, generator: torch.Generator) -> nn.Conv2d:
    """A 1×1 convolution that starts as `fully_connected` does."""
    return _fresh(skip_init(nn.Conv2d, channels, scores, 1), generator)


def full_precision(features: Tensor) -> torch.autocast:
    """A context without autocast on the features' device: bfloat16 would leave 8 bits to averages and scores."""
    return torch.autocast(features.device.type, enabled=False)


def average_pooled(features: Tensor) -> Tensor:
    """Means over the cells, (B, C, h, w) → (B, C). Divided after the sum: before it, a gradient is a map, not a row."""
    return features.sum((2, 3)) / (features.shape[2] * features.shape[3])


def class_probabilities(scores: Tensor, *, form: str) -> Tensor:
    """Class scores (..., C) as shares in 0..1, float32: each by itself (`sigmoid`) or adding up to 1 (`softmax`)."""
    chosen = {"sigmoid": torch.sigmoid, "softmax": lambda s: s.softmax(-1)}
    if form not in chosen:
        raise ValueError(f"form is sigmoid or softmax. Got: {form!r}")
    shares: Tensor = chosen[form](scores.float())
    return shares


def _fresh(layer: Layer, generator: torch.Generator) -> Layer:
    nn.init.normal_(layer.weight, std=0.01, generator=generator)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
